"""One migrated database for a test process, cloned from a template; emptied after each test."""

from __future__ import annotations

import asyncio
import hashlib
import os
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg

from kernel.db.migrate import find, migrate
from kernel.db.piccolo_conf import KERNEL_APPS
from kernel.db.uow import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.plugboard.board import Plugboard

EMPTY = """
DO $$ DECLARE name text; filled boolean; BEGIN
  FOR name IN SELECT tablename FROM pg_tables
              WHERE schemaname = 'public' AND tablename NOT IN ('migration', 'tenancy_switch')
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO filled;
    IF filled THEN EXECUTE format('TRUNCATE %I CASCADE', name); END IF;
  END LOOP;
  PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence
    WHERE pg_sequence_last_value(seqrelid) IS NOT NULL;
END $$;
UPDATE tenancy_switch SET halted_at = NULL, halted_by = '', halted_reason = '';
"""
"""Empties what a test filled; tables without rows cost nothing. Sequences begin again even where what took
numbers from them was rolled back, so that ids do not depend on the tests before.
"""

SEEN = """
SELECT c.table_name FROM information_schema.columns c JOIN pg_tables t ON t.tablename = c.table_name
WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' AND c.table_name NOT LIKE 'tenancy_%'
ORDER BY 1
"""


def piccolo_apps(board: Plugboard) -> list[str]:
    """The Piccolo apps of the kernel and of every installed plugin."""
    apps = [plugin.manifest.piccolo_app for plugin in board.plugins.values()]
    return [*KERNEL_APPS, *(app for app in apps if app)]


async def clone(server_url: str, board: Plugboard, name: str) -> str:
    """The URL of a new, migrated, empty database `name` on the server.

    The template carries the hash of all migrations, so that it is made once for each schema.
    """
    apps = piccolo_apps(board)
    digest = hashlib.sha256()
    for migration in find(apps):
        module = __import__(migration.module, fromlist=["x"])
        digest.update(Path(str(module.__file__)).read_bytes())
    template = f"template_{digest.hexdigest()[:16]}"
    admin: asyncpg.Connection[Any] = await asyncpg.connect(server_url)
    try:
        await admin.execute("SELECT pg_advisory_lock(4242)")
        ready = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)"
        if not await admin.fetchval(ready, template):
            await admin.execute(f"DROP DATABASE IF EXISTS {template} WITH (FORCE)")
            await admin.execute(f"CREATE DATABASE {template}")
            await admin.execute(f"ALTER DATABASE {template} SET synchronous_commit = off")
            pool = await Pool(with_database(server_url, template), size=2).open()
            try:
                await migrate(pool, apps)
            finally:
                await pool.close()
            await admin.execute(f"ALTER DATABASE {template} IS_TEMPLATE true")
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    finally:
        await admin.close()
    return with_database(server_url, name)


async def drop(server_url: str, name: str) -> None:
    """Remove the database `name`, whoever is connected."""
    admin: asyncpg.Connection[Any] = await asyncpg.connect(server_url)
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await admin.close()


def with_database(url: str, name: str) -> str:
    """`url` with another database name."""
    base, question, query = url.partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}{question}{query}"


def unique_name() -> str:
    """A name for a database that nobody else has: several runs on one server do not meet."""
    return f"test_{os.getpid()}_{uuid.uuid4().hex[:12]}"


@contextmanager
def own(server_url: str, board: Plugboard, and_then: str = "") -> Iterator[str]:
    """The URL of a new, migrated, empty database for the length of the block.

    Args:
        server_url: of the server.
        board: whose plugins' tables it has.
        and_then: further SQL, for the tables of a plugin that is not installed.
    """
    name = unique_name()

    async def make() -> str:
        url = await clone(server_url, board, name)
        if and_then:
            connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
            await connection.execute(and_then)
            await connection.close()
        return url

    yield asyncio.run(make())
    with suppress(OSError):
        asyncio.run(drop(server_url, name))
