"""The hooks of the discounts plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import (
    CampaignFinished,
    Candidate,
    Context,
    DecideContext,
    Erased,
    Event,
    Export,
    Guarded,
    Job,
    MessagesAccepted,
    MessageVars,
    OrderPlaced,
    Outgoing,
    Panel,
    Subscription,
    Verdict,
    hookimpl,
)
from plugins.discounts import closing, guard, panels, repo, slots
from plugins.discounts import routes as pages
from plugins.discounts.commands import discounts
from plugins.discounts.events import DiscountsGranted, DiscountsWithdrawn
from plugins.discounts.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "adjust_decisions",
    "admin_panels",
    "commands",
    "compliance_rules",
    "erase_customer",
    "event_types",
    "export_customer",
    "jobs",
    "routes",
    "subscriptions",
    "template_vars",
]


@hookimpl
async def adjust_decisions(
    ctx: Context,
    given: DecideContext,
    candidates: Sequence[Candidate],
    decisions: Sequence[Guarded],
) -> Sequence[Guarded]:
    """Every offer allowed, lowered or dropped; what may be offered has a code and its cost set aside."""
    return await guard.adjust(ctx, given, candidates, decisions)


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """`offer_code`, `offer_value`, `offer_ends`."""
    return await slots.fill(ctx, batch, values)


@hookimpl
async def compliance_rules(
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """`discounts.ended`: no mail promises an offer that has ended."""
    return await slots.judge(ctx, stage, batch)


@hookimpl
def event_types() -> Sequence[type[Event]]:
    """Codes were made; codes are no longer valid."""
    return (DiscountsGranted, DiscountsWithdrawn)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """Orders settle codes, hand-overs mark them sent, and a finished campaign frees the rest."""
    return (
        Subscription(name="settle", event=OrderPlaced, handle=closing.ordered),
        Subscription(name="sent", event=MessagesAccepted, handle=closing.accepted),
        Subscription(name="finished", event=CampaignFinished, handle=closing.finished),
    )


@hookimpl
def jobs() -> Sequence[Job]:
    """Every night: what is set aside for codes that expired or were never sent is free again."""
    return (Job(name="release", run=closing.release, daily_at="00:20", long=True),)


@hookimpl
def routes() -> Sequence[Any]:
    """The book of codes."""
    return (pages.book,)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """The budgets on the first page; the offers of a campaign; the code of a message."""
    return (panels.BUDGET, panels.CAMPAIGN, panels.MESSAGE)


@hookimpl
def commands() -> Sequence[Any]:
    """`mailwright discounts`."""
    return (discounts,)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """The codes of this customer."""
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Codes stay counted, but no longer belong to anybody."""
    return await repo.erase(ctx, customer_id)
