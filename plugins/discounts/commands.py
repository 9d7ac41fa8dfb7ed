"""`mailwright discounts TENANT`. Imports its work when it is asked for."""

from __future__ import annotations

from typing import Any

import click

from kernel.sdk import Formats, NotFound


@click.command()
@click.argument("tenant")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many of the newest open codes are listed.",
)
@click.pass_obj
def discounts(program: Any, tenant: str, limit: int) -> None:
    """Show what offers cost today and this month, and the newest open codes."""
    for line in program.run(lambda core: _lines(core, tenant, limit)):
        click.echo(line)


async def _lines(core: Any, tenant: str, limit: int) -> list[str]:
    from plugins.discounts import budget, pages
    from plugins.discounts.manifest import MANIFEST, DiscountsSettings

    async with core.tenant_scope(tenant, actor="command") as ctx:
        if MANIFEST.name not in ctx.enabled:
            raise NotFound(
                f"The plugin discounts is not enabled for `{tenant}`.",
                "Enable it in the tenant's tenant.toml.",
            )
        unit, formats = ctx.tenant.currency, Formats(ctx)
        told = [f"Budgets, in {unit}"]
        for one in await budget.lines(ctx, ctx.settings(DiscountsSettings)):
            left = (
                f"{one.left:,.2f} left of {one.limit:,.2f}" if one.left is not None else "no limit"
            )
            told.append(
                f"  {one.kind:<6} {one.period}  set aside {one.reserved:>10,.2f}  "
                f"spent {one.settled:>10,.2f}  {left}"
            )
        counts = await pages.counts(ctx)
        told.append("Codes: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
        found = []
        for state in ("reserved", "sent"):
            rows, _ = await pages.codes(ctx, state=state, limit=limit)
            found += rows
        found.sort(key=lambda row: row.id, reverse=True)
        for row in found[:limit]:
            told.append(
                f"  {row.code:<26} {row.words(unit):>10}  {row.state:<9} {row.campaign_type:<12} "
                f"set aside {row.reserved:,.2f}, until {formats.day(row.last_at)}"
            )
    return told
