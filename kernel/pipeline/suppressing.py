"""Putting an address on the suppression list: at once out of everything that is planned for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from kernel.pipeline.outcomes import cancel_planned
from kernel.profiles import suppression

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.contracts.profiles import SuppressionReason
    from kernel.tenancy.scope import TenantScope

WHY: dict[str, str] = {
    "unsubscribed": "The customer unsubscribed.",
    "complained": "The customer reported a mail as spam.",
    "bounced": "Mail to this address came back.",
    "erased": "The customer asked to be forgotten.",
    "manual": "The address was put on the suppression list.",
}


async def suppress(
    ctx: Context,
    email: str,
    reason: SuppressionReason,
    message_id: UUID | None = None,
    topic: str = "",
) -> None:
    """No further mail to this address, from this commit on: it goes on the suppression list, and what
    is planned for its customer is cancelled. Whatever is claimed meanwhile meets the list in the gate.

    Many at once: call it in the order of the addresses, so that two transactions do not wait for each
    other for ever.

    Args:
        ctx: the tenant.
        email: the address; whether a customer has it does not matter.
        reason: an unsubscription leaves transactional mail alone, all others stop it too.
        message_id: of ours, through which it came about.
        topic: only mails of this topic; empty for all.
    """
    # Messages before the profile, as dispatch locks them.
    who = await ctx.db.fetchval(
        "SELECT id FROM profiles_customer WHERE tenant_id = $1 AND email = $2",
        ctx.tenant.id,
        email.strip().lower(),
    )
    if who is not None:
        await _cancel(ctx, who, reason, topic)
    await suppression.add(ctx, email, reason, message_id, topic)


async def _cancel(ctx: Context, customer_id: int, reason: SuppressionReason, topic: str) -> None:
    kinds = [owned.value for owned in cast("TenantScope", ctx).core.board.campaign_types.values()]
    spared = reason == "unsubscribed" and any(kind.transactional for kind in kinds)
    if not topic and not spared:
        await cancel_planned(ctx, [customer_id], WHY[reason])
        return
    for kind in kinds:
        if not (spared and kind.transactional) and topic in ("", kind.topic):
            await cancel_planned(ctx, [customer_id], WHY[reason], kind.name)
