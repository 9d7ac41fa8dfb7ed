"""`mailwright autonomy TENANT`: how much runs without asking, why, and choosing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program
from kernel.cli.tenants import actor, as_json, print_json

if TYPE_CHECKING:
    from kernel.pipeline.autonomy import Change, TypeAutonomy
    from kernel.tenancy.core import Core

LEVELS = ("manual", "one_click", "automatic")


@click.command()
@click.argument("tenant")
@click.option("--type", "kind", default="", help="Only this campaign type; default: all types.")
@click.option("--set", "level", type=click.Choice([*LEVELS, "default"]), help="Choose a level.")
@click.option("--threshold", type=click.FloatRange(0.5, 1), help="Confidence that needs no review.")
@click.option("--needed", type=int, help="Approved campaigns that automatic takes; at least 3.")
@click.option("--reason", default="", help="Why; needed to raise what was lowered.")
@as_json
@pass_program
def command(
    program: Program,
    tenant: str,
    kind: str,
    level: str | None,
    threshold: float | None,
    needed: int | None,
    reason: str,
    json: bool,
) -> int:
    """Show the autonomy of TENANT, or choose it with --set, --threshold and --needed."""

    async def work(core: Core) -> tuple[list[TypeAutonomy], list[Change]]:
        from kernel.pipeline import autonomy

        async with core.tenant_scope(tenant, actor=actor()) as ctx:
            if needed is not None:
                await autonomy.set_needed(ctx, needed, reason)
            if threshold is not None:
                await autonomy.set_threshold(ctx, kind, threshold, reason)
            if level is not None:
                chosen = "" if level == "default" else level
                await autonomy.set_level(ctx, kind, chosen, reason)
            lines = await autonomy.state(ctx)
            return lines, await autonomy.changes(ctx, limit=5)

    lines, changes = program.run(work)
    lines = [one for one in lines if not kind or one.campaign_type == kind]
    if json:
        print_json({"levels": lines, "changes": changes})
        return 0
    for one in lines:
        _show(one)
    if changes:
        click.echo("\nLast changes, newest first")
    for change in changes:
        told = f"{change.before or 'default'} -> {change.after or 'default'}"
        about = change.campaign_type or "all types"
        click.echo(f"  {change.at:%Y-%m-%d %H:%M}  {about}: {change.what} {told} by {change.actor}")
        if change.reason:
            click.echo(f"      {change.reason}")
    return 0


def _show(one: TypeAutonomy) -> None:
    found = one.standing
    level = found.effective.replace("_", " ")
    name = one.campaign_type or "all types"
    click.echo(f"{click.style(one.title, bold=True)} ({name}): {click.style(level, bold=True)}")
    click.echo(f"    {found.why}")
    earned = "earned" if not found.missing else f"{found.missing} missing"
    click.echo(f"    approved campaigns {found.approved} of {found.needed}: automatic is {earned}")
    history = f"{one.judged} judged" + (
        "" if one.calibrated else ", not enough history: counts as low"
    )
    click.echo(f"    threshold {found.threshold:g}; confidence is measured on {history}")
    if one.agreement.rate is not None:
        told = f"{one.agreement.agreed} of {one.agreement.of} campaigns"
        click.echo(f"    automatic would have been right with {told}")
