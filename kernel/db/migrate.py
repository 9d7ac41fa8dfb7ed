"""Brings the database to the schema of this code: one lock, one transaction a migration.

The files are Piccolo migrations and the record is Piccolo's own `migration` table. We load the files
by their full module path: Piccolo imports them by bare file name, so that two apps with one equal
name end with the second app's table silently never made.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernel.contracts.base import Frozen
from kernel.contracts.errors import BootError, Unavailable
from kernel.db import ddl

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kernel.db.uow import Pool, UnitOfWork

LOCK = 0x6D61696C  # "mail": the advisory lock that lets one process migrate at a time

TABLE = """
CREATE TABLE IF NOT EXISTS migration (
  id serial PRIMARY KEY,
  name varchar(200) NOT NULL DEFAULT '',
  app_name varchar(200) NOT NULL DEFAULT '',
  ran_on timestamp NOT NULL DEFAULT current_timestamp
);
-- A program that logs in as less than the owner asks which migrations have run.
GRANT SELECT ON migration TO PUBLIC;
"""


class Migration(Frozen):
    """One migration file: its app, its module and its ID."""

    app: str
    id: str
    module: str
    description: str


class Status(Frozen):
    """How database and code relate: what is still to run, and what only the database knows."""

    pending: tuple[Migration, ...]
    unknown: tuple[str, ...]


def sql_migration(
    migration_id: str, app: str, description: str, sql: str
) -> Callable[[], Awaitable[Any]]:
    """The `forwards` coroutine of a migration that is plain SQL.

    We write DDL by hand where Piccolo cannot say it: composite keys, row-level security, views.
    """

    async def forwards() -> Any:
        from piccolo.apps.migrations.auto.migration_manager import MigrationManager

        from kernel.db.uow import current

        manager = MigrationManager(migration_id=migration_id, app_name=app, description=description)

        async def run() -> None:
            await current().execute(sql)

        manager.add_raw(run)
        return manager

    return forwards


def find(apps: Sequence[str]) -> list[Migration]:
    """Every migration of the Piccolo apps with these dotted module names, in the order to run.

    Raises:
        BootError: two files share a name, or an app cannot be read; all problems at once.
    """
    os.environ.setdefault("PICCOLO_CONF", "kernel.db.piccolo_conf")
    found: list[Migration] = []
    names: dict[str, str] = {}
    problems: list[str] = []
    for app in apps:
        try:
            config = importlib.import_module(app).APP_CONFIG
            folder = Path(config.resolved_migrations_folder_path)
            package = f"{app.rpartition('.')[0]}.{folder.name}"
            for info in pkgutil.iter_modules([str(folder)]):
                module = importlib.import_module(f"{package}.{info.name}")
                if info.name in names:
                    problems.append(
                        f"{package}.{info.name} has the file name of {names[info.name]}"
                    )
                names[info.name] = package
                found.append(
                    Migration(
                        app=config.app_name,
                        id=module.ID,
                        module=module.__name__,
                        description=getattr(module, "DESCRIPTION", ""),
                    )
                )
        except (ImportError, AttributeError) as error:
            problems.append(f"{app}: {error}")
    if problems:
        raise BootError(
            "Migrations cannot be loaded.",
            "Keep the names `mailwright`/Piccolo generated: each file name must be unique.",
            tuple(problems),
        )
    kernel_first = {
        config: index for index, config in enumerate(dict.fromkeys(m.app for m in found))
    }
    return sorted(found, key=lambda m: (kernel_first[m.app], m.id))


async def status(pool: Pool, apps: Sequence[str]) -> Status:
    """What is pending, and which migrations the database has that this code does not know."""
    known = find(apps)
    async with pool.unit_of_work(role=None) as unit:
        done = await _done(unit)
    names = {(m.app, m.id) for m in known}
    return Status(
        pending=tuple(m for m in known if (m.app, m.id) not in done),
        unknown=tuple(f"{app} {name}" for app, name in sorted(done - names)),
    )


async def migrate(
    pool: Pool, apps: Sequence[str], progress: Callable[[Migration, int, int], None] | None = None
) -> list[Migration]:
    """Run what is pending and return it; other processes that migrate wait.

    Args:
        pool: connected as the owner of the schema.
        apps: dotted names of the Piccolo app modules, kernel first.
        progress: called before each migration with it, its number from 1, and how many there are.

    Raises:
        Unavailable: the database has migrations that this code does not know.
    """
    known = find(apps)
    ran: list[Migration] = []
    async with pool.session_lock(LOCK):
        async with pool.unit_of_work(role=None) as unit:
            await unit.execute(TABLE + ddl.ROLES)
            done = await _done(unit)
        refuse_newer(done, known)
        pending = [m for m in known if (m.app, m.id) not in done]
        for number, migration in enumerate(pending, 1):
            if progress is not None:
                progress(migration, number, len(pending))
            async with pool.unit_of_work(role=None) as unit:
                manager = await importlib.import_module(migration.module).forwards()
                with contextlib.redirect_stdout(io.StringIO()):
                    await manager.run()
                await unit.execute(
                    "INSERT INTO migration (name, app_name) VALUES ($1, $2)",
                    migration.id,
                    migration.app,
                )
            ran.append(migration)
    return ran


def refuse_newer(done: set[tuple[str, str]], known: Sequence[Migration]) -> None:
    """Raise when an app of this code has migrations in the database that the code lacks."""
    apps = {m.app for m in known}
    extra = sorted(f"{a} {n}" for a, n in done - {(m.app, m.id) for m in known} if a in apps)
    if extra:
        raise Unavailable(
            f"The database is newer than this code: it has run {', '.join(extra)}.",
            "Deploy the version that made these migrations, or restore the older database.",
        )


async def _done(unit: UnitOfWork) -> set[tuple[str, str]]:
    if not await unit.fetchval("SELECT to_regclass('public.migration') IS NOT NULL"):
        return set()
    rows = await unit.fetch("SELECT app_name, name FROM migration")
    return {(row["app_name"], row["name"]) for row in rows}
