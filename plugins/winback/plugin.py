"""The hooks of the winback plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import (
    CampaignType,
    ClockSet,
    Context,
    Event,
    ImportFinished,
    Job,
    MessageVars,
    OrderPlaced,
    Outgoing,
    Subscription,
    cancel_campaigns,
    hookimpl,
)
from plugins.winback import rhythm
from plugins.winback.campaign import WINBACK, fill
from plugins.winback.manifest import MANIFEST
from plugins.winback.returned import CustomerReturned

__all__ = [
    "MANIFEST",
    "campaign_types",
    "event_types",
    "jobs",
    "subscriptions",
    "template_vars",
    "tenant_disabled",
    "tenant_enabled",
]


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    """`winback`."""
    return (WINBACK,)


@hookimpl
def event_types() -> Sequence[type[Event]]:
    """`winback.returned`."""
    return (CustomerReturned,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Every morning, before campaigns are proposed: who is due when."""
    return (Job(name="rhythm", run=rhythm.recompute, daily_at="04:30", long=True),)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """An order ends the reason to write; an import or another time may change everyone's rhythm."""
    return (
        Subscription(name="ordered", event=OrderPlaced, handle=rhythm.ordered),
        Subscription(name="imported", event=ImportFinished, handle=rhythm.imported),
        Subscription(name="clock", event=ClockSet, handle=rhythm.imported),
    )


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """Salutation, and when the customer last ordered."""
    return fill(ctx, batch, values)


@hookimpl
async def tenant_enabled(ctx: Context) -> None:
    """Computes who is due, so that the first campaign need not wait for tomorrow."""
    await rhythm.schedule(ctx)


@hookimpl
async def tenant_disabled(ctx: Context) -> None:
    """Ends its campaigns: what the merchant switched off must not go out tomorrow."""
    await cancel_campaigns(ctx, MANIFEST.name, "Winback was switched off.")
