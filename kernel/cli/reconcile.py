"""`mailwright reconcile TENANT`: hold the ledger against the provider's book."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.pipeline.reconcile import Found, Reconciled
    from kernel.tenancy.core import Core


@click.command()
@click.argument("tenant")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Of the shop's calendar; yesterday.")
@pass_program
def command(program: Program, tenant: str, day: datetime | None) -> int:
    """Compare ledger and provider about the attempts of one day of TENANT; 1 where they differ."""
    done, found = program.run(lambda core: _work(core, tenant, day.date() if day else None))
    told = f"{done.day}: {done.campaigns} campaigns sent by {', '.join(done.channels) or 'no channel'}."
    click.echo(told if done.campaigns else f"{done.day}: nothing was handed over.")
    for name in done.failed:
        click.echo(f"  {name} could not say what it has. The health board has the reason.")
    for one in found:
        where = one.message_id or one.campaign_id or ""
        click.echo(f"  {one.kind:<10} {one.channel:<10} {where}  {one.detail}")
    if not found and not done.failed:
        click.echo("Ledger and provider agree.")
    return 1 if found or done.failed else 0


async def _work(core: Core, tenant: str, day: date | None) -> tuple[Reconciled, list[Found]]:
    from kernel.cli.tenants import actor
    from kernel.pipeline import reconcile
    from kernel.tenancy.health import watching

    async with watching(core):
        scope = await core.detached(tenant, actor=actor())
        done = await reconcile.reconcile(scope, day or reconcile.yesterday(scope))
        async with scope.transaction() as ctx:
            return done, await reconcile.differences(ctx, done.day, limit=1000)
