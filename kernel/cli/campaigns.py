"""`mailwright campaigns …`: see what is proposed and say yes or no, without the admin."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kernel.pipeline.campaigns import CampaignView
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

tenant_option = click.option("--tenant", required=True, help="The tenant's id.")
LAW = ("sent", "skipped", "suppressed", "capped", "held_out", "deferred", "failed", "unknown")


@click.group()
def command() -> None:
    """Campaigns of a tenant: propose, list, approve, reject, pause, resume, cancel."""


@command.command("list")
@tenant_option
@click.option("--status", default="", help="Only those in this status.")
@click.option("--limit", default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
@pass_program
def list_(program: Program, tenant: str, status: str, limit: int, as_json: bool) -> int:
    """The newest campaigns, each with its conservation law."""
    from kernel.contracts.base import canonical
    from kernel.pipeline import campaigns

    found = program.run(
        lambda core: _in(core, tenant, lambda ctx: campaigns.page(ctx, status, limit=limit))
    )
    for view in found:
        if as_json:
            click.echo(canonical(view))
        else:
            show(view)
    if not found and not as_json:
        click.echo("No campaigns. `mailwright campaigns propose` asks every campaign type now.")
    return 0


@command.command()
@tenant_option
@pass_program
def propose(program: Program, tenant: str) -> int:
    """Do what is due, propose today's campaigns, decide for everyone, and show what waits for you."""
    from kernel.jobs.due import run_due_inline
    from kernel.pipeline import campaigns, run

    async def work(core: Core) -> list[CampaignView]:
        await run_due_inline(core, tenant)
        await run.propose_due(core, tenant)
        await run_due_inline(core, tenant)
        async with core.tenant_scope(tenant) as ctx:
            return await campaigns.page(ctx, "waiting")

    found = program.run(work)
    for view in found:
        show(view)
    if not found:
        click.echo(
            "Nothing waits: nobody meets an audience, or today's campaigns were decided before."
        )
    return 0


@command.command()
@click.argument("campaign", type=click.UUID)
@tenant_option
@click.option("--at", type=click.DateTime(), help="Send from this time on, in the tenant's zone.")
@pass_program
def approve(program: Program, campaign: UUID, tenant: str, at: datetime | None) -> int:
    """Approve CAMPAIGN; workers send it."""
    from zoneinfo import ZoneInfo

    from kernel.pipeline import approvals

    async def work(ctx: TenantScope) -> None:
        zone = ZoneInfo(ctx.tenant.timezone)
        await approvals.approve(ctx, campaign, at.replace(tzinfo=zone) if at else None)

    return _act(program, tenant, campaign, work)


@command.command()
@click.argument("campaign", type=click.UUID)
@tenant_option
@click.option("--reason", required=True, help="What is wrong with it.")
@pass_program
def reject(program: Program, campaign: UUID, tenant: str, reason: str) -> int:
    """Reject CAMPAIGN with a reason."""
    from kernel.pipeline import approvals

    return _act(program, tenant, campaign, lambda ctx: approvals.reject(ctx, campaign, reason))


@command.command()
@click.argument("campaign", type=click.UUID)
@tenant_option
@click.option("--reason", default="", help="Why.")
@pass_program
def pause(program: Program, campaign: UUID, tenant: str, reason: str) -> int:
    """Stop handing over messages of CAMPAIGN; `resume` goes on."""
    from kernel.pipeline import approvals

    return _act(program, tenant, campaign, lambda ctx: approvals.pause(ctx, campaign, reason))


@command.command()
@click.argument("campaign", type=click.UUID)
@tenant_option
@pass_program
def resume(program: Program, campaign: UUID, tenant: str) -> int:
    """Go on with a paused CAMPAIGN."""
    from kernel.pipeline import approvals

    return _act(program, tenant, campaign, lambda ctx: approvals.resume(ctx, campaign))


@command.command()
@click.argument("campaign", type=click.UUID)
@tenant_option
@click.option("--reason", default="", help="Why.")
@pass_program
def cancel(program: Program, campaign: UUID, tenant: str, reason: str) -> int:
    """End CAMPAIGN for good; what is sent stays sent."""
    from kernel.pipeline import approvals

    return _act(program, tenant, campaign, lambda ctx: approvals.cancel(ctx, campaign, reason))


@command.command()
@tenant_option
@pass_program
def send(program: Program, tenant: str) -> int:
    """Do the tenant's work here and now, as a worker would: decide, hand over, settle."""
    from kernel.jobs.due import run_due_inline

    program.run(lambda core: run_due_inline(core, tenant))
    return 0


def show(view: CampaignView) -> None:
    """Print a campaign with its law, zeros left out."""
    law = view.law
    parts = [f"{getattr(law, name)} {name.replace('_', ' ')}" for name in (*LAW, "waiting")]
    shown = " + ".join(part for part in parts if not part.startswith("0 ")) or "0"
    click.echo(f"{view.id}  {click.style(view.title, bold=True)}  {view.status}")
    click.echo(f"    {law.audience} = {shown}" + ("" if law.holds else "   THE LAW DOES NOT HOLD"))
    click.echo(f"    {view.rationale}")


def _act(
    program: Program, tenant: str, campaign: UUID, work: Callable[[TenantScope], Awaitable[Any]]
) -> int:
    from kernel.pipeline import campaigns

    async def act(ctx: TenantScope) -> CampaignView:
        await work(ctx)
        return await campaigns.get(ctx, campaign)

    show(program.run(lambda core: _in(core, tenant, act)))
    return 0


async def _in(core: Core, tenant: str, work: Callable[[TenantScope], Awaitable[Any]]) -> Any:
    from kernel.cli.tenants import actor

    async with core.tenant_scope(tenant, actor=actor()) as ctx:
        return await work(ctx)
