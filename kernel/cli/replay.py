"""`mailwright replay DECISION`: compute a stored decision again and compare bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.pipeline.replay import Replay
    from kernel.tenancy.core import Core


@click.command("replay")
@click.argument("decision", type=click.UUID)
@click.option("--tenant", required=True, help="The tenant's id.")
@click.option("--show", is_flag=True, help="Print the record too.")
@pass_program
def command(program: Program, decision: UUID, tenant: str, show: bool) -> int:
    """Compute DECISION again from its stored features, advice, settings and time. Exits 1 if bytes differ."""
    found = program.run(lambda core: _replay(core, tenant, decision))
    if show:
        click.echo(found.computed)
    if found.same:
        click.echo(f"the same {len(found.stored)} bytes")
        return 0
    click.echo("DIFFERENT", err=True)
    click.echo(f"stored:   {found.stored.decode()}", err=True)
    click.echo(f"computed: {found.computed.decode()}", err=True)
    return 1


async def _replay(core: Core, tenant: str, decision: UUID) -> Replay:
    from kernel.pipeline.replay import replay

    async with core.tenant_scope(tenant) as ctx:
        return await replay(ctx, decision)
