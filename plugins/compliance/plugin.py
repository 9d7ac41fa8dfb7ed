"""The hooks of the compliance plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import (
    CampaignType,
    ConsentChanged,
    Context,
    Erased,
    Export,
    MessageVars,
    Outgoing,
    Panel,
    Subscription,
    Verdict,
    hookimpl,
)
from plugins.compliance import confirm, confirm_routes, footer, gate, panels, routes
from plugins.compliance.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "campaign_types",
    "compliance_rules",
    "erase_customer",
    "export_customer",
    "public_routes",
    "subscriptions",
    "template_vars",
]


@hookimpl
async def compliance_rules(
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """Consent and suppression; at hand-over also what the finished mail must hold."""
    return await gate.verdicts(ctx, stage, batch)


@hookimpl
async def template_vars(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """The footer's slots and the List-Unsubscribe headers; the link that confirms a subscription."""
    return confirm.fill(ctx, batch, footer.fill(ctx, batch, values))


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    """`confirm`: the mail of the double opt-in."""
    return (confirm.CONFIRM,)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """Holds new subscriptions back until they are confirmed, where the shop wants that."""
    return (Subscription(name="double_opt_in", event=ConsentChanged, handle=confirm.hold),)


@hookimpl
def public_routes() -> Sequence[Any]:
    """The unsubscribe page and that of the double opt-in: GET shows it, POST acts."""
    return (routes.show, routes.act, routes.undo, confirm_routes.ask, confirm_routes.act)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """Consent and its evidence, on the customer's page."""
    return (panels.CONSENT,)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """Nothing: consent and suppression are the kernel's, which adds them to the copy."""
    return Export(rows={})


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Nothing: the kernel keeps a keyed hash of the address on its suppression list."""
    return Erased(rows=0)
