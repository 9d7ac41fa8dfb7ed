"""`mailwright login`: a link that signs you in to the admin of one tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


@click.command()
@click.option("--tenant", required=True, help="The shop to sign in to.")
@click.option("--actor", default="merchant", show_default=True, help="The name kept in histories.")
@pass_program
def command(program: Program, tenant: str, actor: str) -> None:
    """Print a link that signs you in once, within half an hour.

    Whoever can run this holds the installation's secret already; give the link to nobody else.
    """
    from kernel.web.auth import sign_in_link

    async def make(core: Core) -> str:
        async with core.tenant_scope(tenant) as ctx:
            return sign_in_link(core, ctx.tenant.id, actor)

    click.echo(program.run(make))
