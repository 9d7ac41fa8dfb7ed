"""`mailwright audit TENANT`: who changed what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program
from kernel.cli.tenants import actor, as_json, print_json

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.repository import Page


@click.command()
@click.argument("tenant")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="How many lines.")
@click.option("--after", default="", help="The mark that the page before ended with.")
@click.option("--by", "who", default="", help="Only what this person or part did.")
@as_json
@pass_program
def command(program: Program, tenant: str, limit: int, after: str, who: str, json: bool) -> int:
    """Show who changed what in TENANT, newest first."""

    async def work(core: Core) -> Page:
        from kernel.tenancy import audit

        async with core.tenant_scope(tenant, actor=actor()) as ctx:
            return await audit.page(ctx, after, limit, actor=who)

    found = program.run(work)
    if json:
        print_json({"lines": found.rows, "next": found.next})
        return 0
    for line in found.rows:
        told = " ".join(f"{name}={value}" for name, value in (line["detail"] or {}).items())
        click.echo(
            f"{line['at']:%Y-%m-%d %H:%M}  {line['actor']:16} {line['action']:18} "
            f"{line['subject']} {told}".rstrip()
        )
    if found.next:
        click.echo(f"More: --after {found.next}")
    return 0
