"""`mailwright web`: the admin, webhooks and links, until told to stop."""

from __future__ import annotations

import click

from kernel.cli.migrate import migrate_now
from kernel.cli.program import Program, pass_program


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@pass_program
def command(program: Program, supervised: bool) -> None:
    """Serve the admin and all routes; stops in order: finishes the requests in hand."""
    from kernel.runtime.server import serve
    from kernel.runtime.stopping import stop_event
    from kernel.web.app import create_app

    async def work() -> None:
        stop = stop_event(supervised=supervised)
        async with program.core() as core:
            if supervised:  # `up` needs no process more for it: whoever is first does it
                await migrate_now(core)
            await serve(create_app(core), program.settings, stop)

    program.wait(work())
