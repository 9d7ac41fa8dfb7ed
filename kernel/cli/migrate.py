"""`mailwright migrate`: the database brought to the schema of this code."""

from __future__ import annotations

import click

from kernel.cli.program import Program, pass_program


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit 1 when migrations are missing.")
@pass_program
def command(program: Program, check: bool) -> int:
    """Bring the database to the schema of this code."""
    from kernel.db.migrate import Migration, migrate, status
    from kernel.runtime.core import piccolo_apps

    apps = piccolo_apps(program.board)

    def progress(migration: Migration, number: int, total: int) -> None:
        click.echo(f"[{number}/{total}] {migration.app} {migration.id} {migration.description}")

    async def look() -> int:
        async with program.core() as core:
            pending = (await status(core.pool, apps)).pending
        for migration in pending:
            click.echo(f"missing: {migration.app} {migration.id} {migration.description}")
        return 1 if pending else 0

    async def run() -> int:
        async with program.core() as core:
            done = await migrate(core.pool, apps, progress)
        click.echo(f"{len(done)} migrations run." if done else "The database is up to date.")
        return 0

    return program.wait(look() if check else run())
