"""The hooks of the welcome plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import CampaignType, Context, MessageVars, Outgoing, cancel_campaigns, hookimpl
from plugins.welcome.campaign import WELCOME, fill
from plugins.welcome.manifest import MANIFEST

__all__ = ["MANIFEST", "campaign_types", "template_vars", "tenant_disabled"]


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    """`welcome`."""
    return (WELCOME,)


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """Salutation and opening of a welcome mail."""
    return fill(batch, values)


@hookimpl
async def tenant_disabled(ctx: Context) -> None:
    """Ends its campaigns: what the merchant switched off must not go out tomorrow."""
    await cancel_campaigns(ctx, MANIFEST.name, "Welcome was switched off.")
