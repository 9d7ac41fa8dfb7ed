"""The hooks of the compliance plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import (
    Context,
    Erased,
    Export,
    MessageVars,
    Outgoing,
    Panel,
    Verdict,
    hookimpl,
)
from plugins.compliance import admin, choosing, footer, gate, ledger, panels, rules_page, watch
from plugins.compliance import routes as pages
from plugins.compliance.commands import unsubscribe
from plugins.compliance.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "commands",
    "compliance_rules",
    "erase_customer",
    "export_customer",
    "public_routes",
    "routes",
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
    """The footer's slots, the preference centre's address and the List-Unsubscribe headers."""
    return footer.fill(ctx, batch, values)


@hookimpl
def public_routes() -> Sequence[Any]:
    """The unsubscribe page and the preference centre: GET shows, POST acts."""
    return (pages.show, pages.act, pages.undo, choosing.show_choices, choosing.save_choices)


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
    """Nothing: consent and suppression are the kernel's, which adds them to the copy."""
    return Export(rows={})


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Nothing: the kernel keeps a keyed hash of the address on its suppression list."""
    return Erased(rows=0)
