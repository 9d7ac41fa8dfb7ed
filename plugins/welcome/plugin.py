"""The hooks of the welcome plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import CampaignType, Context, MessageVars, Outgoing, hookimpl
from plugins.welcome.campaign import WELCOME, fill
from plugins.welcome.manifest import MANIFEST

__all__ = ["MANIFEST", "campaign_types", "template_vars"]


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
