"""`mailwright why CUSTOMER`: what the engine decided about a customer, and why, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.pipeline.why import Story
    from kernel.tenancy.core import Core


@click.command("why")
@click.argument("customer")
@click.option("--tenant", required=True, help="The tenant's id.")
@click.option("--message", type=click.UUID, help="Only the decision about this message.")
@click.option("--limit", default=5, show_default=True, help="How many decisions, newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole records as JSON lines.")
@pass_program
def command(
    program: Program, customer: str, tenant: str, message: UUID | None, limit: int, as_json: bool
) -> int:
    """Tell every decision about CUSTOMER (an id, an external id or an e-mail address) in words."""
    from kernel.contracts.base import canonical

    stories = program.run(lambda core: _stories(core, tenant, customer, message, limit))
    for story in stories:
        if as_json:
            click.echo(canonical(story))
        else:
            tell(story)
    if not stories and not as_json:
        what = "message" if message else "customer"
        click.echo(f"Nothing has been decided about this {what} yet.")
    return 0


def tell(story: Story) -> None:
    """Print one decision as people read it."""
    record = story.record
    mark = click.style("sent" if record.action.send else "not sent", bold=True)
    click.echo(f"{click.style(story.campaign_title, bold=True)} ({record.occasion}): {mark}")
    for sentence in story.sentences:
        click.echo(f"  · {sentence}")
    shown = {name: value for name, value in record.features.items() if value is not None}
    click.echo(f"  known: {', '.join(f'{name} {value}' for name, value in shown.items())}")
    click.echo(f"  replay: mailwright replay {record.id} --tenant {record.tenant_id}")


async def _stories(
    core: Core, tenant: str, customer: str, message: UUID | None, limit: int
) -> list[Story]:
    from kernel.pipeline.why import why
    from kernel.profiles.repo import find_customer

    async with core.tenant_scope(tenant) as ctx:
        return await why(ctx, await find_customer(ctx, customer), limit, message)
