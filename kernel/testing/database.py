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

_TABLES = """
SELECT c.relname AS name, EXISTS (
  SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id'
) AS owned
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
AND c.relname NOT IN ('migration', 'tenancy_switch') ORDER BY 1
"""
_AS_NEW = """
DO $$ BEGIN
  PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence
    WHERE pg_sequence_last_value(seqrelid) IS NOT NULL;
END $$;
UPDATE tenancy_switch SET halted_at = NULL, halted_by = '', halted_reason = ''
WHERE halted_at IS NOT NULL;
"""
_LARGE = 400_000
"""Bytes from which on a table is truncated. Smaller ones are emptied by DELETE: TRUNCATE makes new files
for a table, its indexes and all that refer to it, which takes longer than most tests.
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


async def empty(pool: Pool, tenant: str = "") -> list[str]:
    """Empties what a test filled; returns the tables, save the tenancy's, in which `tenant` had rows.

    Sequences begin again even where what took numbers from them was rolled back, so that ids do not
    depend on the tests before.
    """
    async with pool.unit_of_work(role=None) as unit:
        found = await unit.fetch(
            " UNION ALL ".join(
                f"SELECT '{name}' AS name, pg_relation_size('{name}') > {_LARGE} AS large, "
                + (f"EXISTS (SELECT FROM {name} WHERE tenant_id = $1)" if owned else "false")
                + f" AS seen WHERE EXISTS (SELECT FROM {name})"
                for name, owned in await unit.fetch(_TABLES)
            ),
            tenant,
        )
        # As a replica: neither foreign keys nor triggers against deleting stand in the way.
        statements = ["SET LOCAL session_replication_role = replica"]
        statements += [
            f"TRUNCATE {name} CASCADE" if large else f"DELETE FROM {name}"
            for name, large, _ in found
        ]
        await unit.execute(";".join([*statements, _AS_NEW]))
    return [name for name, _, seen in found if seen and not name.startswith("tenancy_")]


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
