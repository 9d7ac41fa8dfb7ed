"""The hooks of the upsell plugin."""

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
from plugins.upsell import fits
from plugins.upsell.campaign import SHOWCASE, UPSELL
from plugins.upsell.manifest import MANIFEST

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
    """`upsell`."""
    return (UPSELL,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Every morning, after the models have scored: who bought lately and has something that fits."""
    return (Job(name="fits", run=fits.recompute, daily_at="05:00", long=True),)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """An import or another time may change everything; what was proposed is noted."""
    return (
        Subscription(name="imported", event=ImportFinished, handle=fits.changed),
        Subscription(name="clock", event=ClockSet, handle=fits.changed),
        Subscription(name="proposed", event=MessagesAccepted, handle=SHOWCASE.note),
    )


@hookimpl
async def compliance_rules(
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """Its own mails need a product: who has none any more is not written to."""
    return await SHOWCASE.judge(ctx, batch)


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """The product of each upsell mail."""
    return await SHOWCASE.fill(ctx, batch, values)


@hookimpl
async def tenant_enabled(ctx: Context) -> None:
    """Computes who fits, so that the first campaign need not wait for tomorrow."""
    await fits.schedule(ctx)


@hookimpl
async def tenant_disabled(ctx: Context) -> None:
    """Ends its campaigns: what the merchant switched off must not go out tomorrow."""
    await cancel_campaigns(ctx, MANIFEST.name, "Upsell was switched off.")
