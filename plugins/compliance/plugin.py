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
    Findings,
    Job,
    MessageVars,
    Outgoing,
    Panel,
    Subscription,
    Verdict,
    hookimpl,
)
from plugins.compliance import (
    admin,
    choosing,
    closing,
    confirm,
    confirm_routes,
    findings,
    footer,
    gate,
    ledger,
    panels,
    rules_page,
    watch,
)
from plugins.compliance import routes as pages
from plugins.compliance.commands import unsubscribe
from plugins.compliance.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "campaign_types",
    "commands",
    "compliance_rules",
    "erase_customer",
    "export_customer",
    "jobs",
    "mail_findings",
    "public_routes",
    "routes",
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
    """The footer's slots, the preference centre's address, the List-Unsubscribe headers, and the link
    that confirms a subscription.
    """
    return confirm.fill(ctx, batch, footer.fill(ctx, batch, values))


@hookimpl
async def mail_findings(ctx: Context, batch: Sequence[Outgoing]) -> Sequence[Findings]:
    """Claims that would be held, and product names that are not as the catalogue says."""
    return await findings.of(ctx, batch)


@hookimpl
def campaign_types() -> Sequence[CampaignType]:
    """`confirm`: the mail of the double opt-in."""
    return (confirm.CONFIRM,)


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """Holds new subscriptions back until they are confirmed, where the shop wants that."""
    return (Subscription(name="double_opt_in", event=ConsentChanged, handle=confirm.hold),)


@hookimpl
def jobs() -> Sequence[Job]:
    """Once a day, opt-outs that reached us late are told on the health board."""
    return (Job(name="late", run=watch.tell_late, daily_at="05:20"),)


@hookimpl
def public_routes() -> Sequence[Any]:
    """The unsubscribe page, the preference centre and that of the double opt-in: GET shows, POST acts."""
    return (
        pages.show,
        pages.act,
        pages.undo,
        choosing.show_choices,
        choosing.save_choices,
        confirm_routes.ask,
        confirm_routes.act,
    )


@hookimpl
def routes() -> Sequence[Any]:
    """The rules and what they stopped, the suppression list, the consent ledger."""
    return (
        rules_page.rules,
        admin.suppressions,
        admin.look_up,
        admin.add,
        admin.lift,
        ledger.ledger,
        ledger.verify,
        ledger.export,
    )


@hookimpl
def commands() -> Sequence[Any]:
    """`mailwright unsubscribe`."""
    return (unsubscribe,)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """Consent and its evidence on the customer's page, warnings on the campaign's."""
    return (panels.CONSENT, watch.WARNINGS)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """What was announced to them as ending. Consent and suppression are the kernel's, which adds them."""
    return await closing.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """What was announced to them. The kernel keeps a keyed hash of the address on its suppression list."""
    return await closing.erase(ctx, customer_id)
