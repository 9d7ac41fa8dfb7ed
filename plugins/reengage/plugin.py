"""The hooks of the reengage plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import (
    CampaignType,
    ClockSet,
    Context,
    ImportFinished,
    Job,
    OrderPlaced,
    Subscription,
    cancel_campaigns,
    hookimpl,
)
from plugins.reengage import silence
from plugins.reengage.campaign import REENGAGE
from plugins.reengage.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "campaign_types",
    "jobs",
    "subscriptions",
    "tenant_disabled",
    "tenant_enabled",
]


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    """`reengage`."""
    return (REENGAGE,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Every morning, before winback asks who is overdue: who has long been silent."""
    return (Job(name="silence", run=silence.recompute, daily_at="04:15", long=True),)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """An order ends the silence; an import or another time may change everyone's."""
    return (
        Subscription(name="ordered", event=OrderPlaced, handle=silence.ordered),
        Subscription(name="imported", event=ImportFinished, handle=silence.changed),
        Subscription(name="clock", event=ClockSet, handle=silence.changed),
    )


@hookimpl
async def tenant_enabled(ctx: Context) -> None:
    """Computes who is silent, so that the first campaign need not wait for tomorrow."""
    await silence.schedule(ctx)


@hookimpl
async def tenant_disabled(ctx: Context) -> None:
    """Ends its campaigns: what the merchant switched off must not go out tomorrow."""
    await cancel_campaigns(ctx, MANIFEST.name, "Reengage was switched off.")
