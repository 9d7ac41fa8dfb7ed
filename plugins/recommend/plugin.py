"""The hooks of the recommend plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import (
    CampaignType,
    ClockSet,
    Context,
    ImportFinished,
    Job,
    MessagesAccepted,
    MessageVars,
    Outgoing,
    Subscription,
    Verdict,
    cancel_campaigns,
    hookimpl,
)
from plugins.recommend import due
from plugins.recommend.campaign import RECOMMEND, SHOWCASE
from plugins.recommend.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "campaign_types",
    "compliance_rules",
    "jobs",
    "subscriptions",
    "template_vars",
    "tenant_disabled",
    "tenant_enabled",
]


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    """`recommend`."""
    return (RECOMMEND,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Every morning, after the models have scored: who is due for another selection."""
    return (Job(name="due", run=due.recompute, daily_at="05:00", long=True),)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """An import or another time may change everything; what was shown is noted."""
    return (
        Subscription(name="imported", event=ImportFinished, handle=due.changed),
        Subscription(name="clock", event=ClockSet, handle=due.changed),
        Subscription(name="shown", event=MessagesAccepted, handle=SHOWCASE.note),
    )


@hookimpl
async def compliance_rules(
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """Its own mails need products: who has none any more is not written to."""
    return await SHOWCASE.judge(ctx, batch)


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """The products of each selection."""
    return await SHOWCASE.fill(ctx, batch, values)


@hookimpl
async def tenant_enabled(ctx: Context) -> None:
    """Computes for whom one is due, so that the first campaign need not wait for tomorrow."""
    await due.schedule(ctx)


@hookimpl
async def tenant_disabled(ctx: Context) -> None:
    """Ends its campaigns: what the merchant switched off must not go out tomorrow."""
    await cancel_campaigns(ctx, MANIFEST.name, "Recommend was switched off.")
