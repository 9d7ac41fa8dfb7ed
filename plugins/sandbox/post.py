"""What a provider would tell of mails: arrived, came back, reported as spam. It goes the way that its events
go: outcomes, the suppression list, consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from kernel.sdk import (
    Context,
    Outcome,
    SuppressionReason,
    record_outcomes,
    set_consents,
    suppress,
)

NO_SUCH_ADDRESS = "550 5.1.1 There is no such address here."
REASONS: dict[str, SuppressionReason] = {
    "bounced": "bounced",
    "unsubscribed": "unsubscribed",
    "complained": "complained",
}
SOURCES = {"unsubscribed": "unsubscribe link", "complained": "spam complaint"}


async def arrived(ctx: Context, mails: Sequence[tuple[UUID, int, bool]]) -> None:
    """Mails are in their readers' boxes, or came back for good.

    Args:
        ctx: the tenant.
        mails: (message, customer, whether the address exists).
    """
    outcomes = [
        Outcome(
            message_id=message_id,
            customer_id=customer_id,
            kind="delivered" if exists else "bounced",
            at=ctx.now,
            detail={} if exists else {"hard": 1, "reason": NO_SUCH_ADDRESS},
        )
        for message_id, customer_id, exists in mails
    ]
    await record_outcomes(ctx, outcomes)
    await _take_out(ctx, [one for one in outcomes if one.kind == "bounced"])


async def left(ctx: Context, outcomes: Sequence[Outcome]) -> None:
    """Those who unsubscribed or complained get no more mail, by what is among these outcomes."""
    gone = [one for one in outcomes if one.kind in SOURCES]
    await _take_out(ctx, gone)
    if gone:
        await set_consents(
            ctx, [(one.customer_id, "unsubscribed", SOURCES[one.kind], one.at) for one in gone]
        )


async def _take_out(ctx: Context, outcomes: Sequence[Outcome]) -> None:
    """On the suppression list, by address, as `suppress` asks for."""
    rows: list[Any] = await ctx.db.fetch(
        """SELECT id, email FROM profiles_customer
           WHERE tenant_id = $1 AND id = ANY($2::bigint[]) AND email IS NOT NULL""",
        ctx.tenant.id,
        [one.customer_id for one in outcomes],
    )
    emails = {row["id"]: row["email"] for row in rows}
    known = [one for one in outcomes if one.customer_id in emails]
    for one in sorted(known, key=lambda one: emails[one.customer_id]):
        await suppress(ctx, emails[one.customer_id], REASONS[one.kind], one.message_id)
