"""`mailwright decisions …`: find decisions, and see what other settings would have decided."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.pipeline.campaigns import Law
    from kernel.pipeline.diff import Diff, Settings
    from kernel.pipeline.explorer import Filters, Row
    from kernel.tenancy.core import Core

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Decisions of a tenant: list them, or decide the past again with other settings."""


@command.command("list")
@click.argument("tenant")
@click.option("--type", "campaign_type", default="", help="Only of this campaign type.")
@click.option("--campaign", type=click.UUID, help="Only of this campaign.")
@click.option("--state", default="", help="Where the message is: sent, skipped, held_out, capped …")
@click.option("--plugin", default="", help="Only those this plugin decided.")
@click.option("--guardrail", default="", help="Only those changed by this guardrail; * for any.")
@click.option("--fallback", is_flag=True, help="Only where a better decider did not answer.")
@click.option("--days", default=30.0, show_default=True, help="How far back.")
@click.option("--before", type=click.UUID, help="The next page: the last decision of this one.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
@json_option
@pass_program
def list_(
    program: Program,
    tenant: str,
    campaign_type: str,
    campaign: UUID | None,
    state: str,
    plugin: str,
    guardrail: str,
    fallback: bool,
    days: float,
    before: UUID | None,
    limit: int,
    as_json: bool,
) -> int:
    """The newest decisions of TENANT that pass the filters, and how many end where."""
    from kernel.contracts.base import canonical
    from kernel.pipeline import explorer

    async def work(core: Core) -> tuple[list[Row], Law]:
        async with core.tenant_scope(tenant) as ctx:
            filters = explorer.Filters(
                campaign_type=campaign_type,
                campaign_id=campaign,
                state=state,
                plugin=plugin,
                guardrail=guardrail,
                fallback=fallback,
                since=ctx.now - timedelta(days=days),
            )
            return await _page(ctx, filters, before, limit)

    rows, law = program.run(work)
    for row in rows:
        click.echo(canonical(row) if as_json else _line(row))
    if as_json:
        return 0
    parts = [f"{getattr(law, name)} {name.replace('_', ' ')}" for name in explorer.STATES]
    counted = " + ".join(part for part in parts if not part.startswith("0 ")) or "0"
    click.echo(f"{law.audience} decisions = {counted}")
    if len(rows) == limit:
        click.echo(f"more: --before {rows[-1].id}")
    return 0


@command.command()
@click.argument("tenant")
@click.option("--days", default=30.0, show_default=True, help="How far back.")
@click.option("--set", "changed", multiple=True, required=True, help="plugin.setting=value.")
@json_option
@pass_program
def diff(
    program: Program, tenant: str, days: float, changed: tuple[str, ...], as_json: bool
) -> int:
    """Decide the last days of TENANT again with changed settings, and show what would differ.

    Nothing is stored and nobody is written to. Advice that was paid for is read, not asked for again.
    Example: mailwright decisions diff alder-oak --set rules.rest_days=7
    """
    from kernel.contracts.base import canonical
    from kernel.pipeline.diff import parse_settings

    settings = parse_settings(changed)
    found = program.run(lambda core: _diff(core, tenant, days, settings, quiet=as_json))
    if as_json:
        click.echo(canonical(found))
    else:
        _tell(found)
    return 0


async def _page(
    ctx: Context, filters: Filters, before: UUID | None, limit: int
) -> tuple[list[Row], Law]:
    from kernel.pipeline import explorer

    rows = await explorer.page(ctx, filters, before, limit)
    return rows, await explorer.funnel(ctx, filters)


async def _diff(core: Core, tenant: str, days: float, settings: Settings, quiet: bool) -> Diff:
    from kernel.pipeline.diff import diff as differ

    def progress(done: int) -> None:
        if not quiet:
            click.echo(f"\r{done:,} decided again", nl=False, err=True)

    scope = await core.detached(tenant)
    found = await differ(scope, scope.now - timedelta(days=days), settings, progress)
    if found.decisions and not quiet:
        click.echo(err=True)
    return found


def _line(row: Row) -> str:
    mark = click.style(f"{row.tone} {row.offer}".strip() if row.send else "not sent", bold=True)
    notes = [f"by {row.policy}", f"{row.confidence:.0%} sure"]
    notes += [f"changed by {', '.join(row.guardrails)}"] if row.guardrails else []
    notes += [f"fallback: {row.fallback}"] if row.fallback else []
    return (
        f"{row.id}  {row.decided_at:%Y-%m-%d %H:%M}  customer {row.customer_id}  "
        f"{row.campaign_type}: {mark}, {row.state or 'no message'}\n"
        f"    {row.reason} ({'; '.join(notes)})"
    )


def _tell(found: Diff) -> None:
    differ = sum(shift.decisions for shift in found.shifts)
    click.echo(f"{found.decisions:,} decisions: {found.same:,} the same, {differ:,} would differ")
    for shift in found.shifts:
        click.echo(f"  {shift.decisions:>9,}  {shift.before} -> {shift.after}")
    for one in found.examples:
        click.echo(f"customer {one.customer_id}, {one.occasion} ({one.decision_id})")
        click.echo(f"    was {one.before}: {one.why_before}")
        click.echo(f"    now {one.after}: {one.why_after}")
    for why, count in found.cannot.items():
        click.echo(f"{count:,} cannot be decided again: {why}")
