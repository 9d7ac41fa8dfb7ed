"""`mailwright migrate`: the database brought to the schema of this code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.db.migrate import Migration
    from kernel.tenancy.core import Core


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when migrations are missing.")
@pass_program
def command(program: Program, check: bool) -> int:
    """Bring the database to the schema of this code."""

    async def look(core: Core) -> int:
        from kernel.db.migrate import status
        from kernel.runtime.core import piccolo_apps

        pending = (await status(core.pool, piccolo_apps(core.board))).pending
        for migration in pending:
            click.echo(f"missing: {migration.app} {migration.id} {migration.description}")
        return 1 if pending else 0

    async def run(core: Core) -> int:
        count = await migrate_now(core)
        click.echo(f"{count} migrations run." if count else "The database is up to date.")
        return 0

    return program.run(look if check else run)


async def migrate_now(core: Core) -> int:
    """How many migrations were missing; each is told before it runs. Other processes wait."""
    from kernel.db.migrate import migrate
    from kernel.runtime.core import piccolo_apps

    def progress(migration: Migration, number: int, total: int) -> None:
        click.echo(f"[{number}/{total}] {migration.app} {migration.id} {migration.description}")

    return len(await migrate(core.pool, piccolo_apps(core.board), progress))
