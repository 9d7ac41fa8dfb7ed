"""What the book of codes says of customers and messages, a batch at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.sdk import Erased, Export, Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context

OPEN = "('reserved', 'sent')"
BOUGHT_DAYS = 365

_DUE = f"""
SELECT code, granted_on, reserved FROM discounts_code
WHERE tenant_id = $1 AND state IN {OPEN} AND expires_at <= $2
  AND ($3::bigint[] IS NULL OR customer_id = ANY($3::bigint[]))
ORDER BY id FOR UPDATE SKIP LOCKED
"""
# The message is given up, or bounced: the customer never saw the code.
_UNSENT = f"""
SELECT c.code, c.granted_on, c.reserved FROM discounts_code c
JOIN pipeline_message m ON m.tenant_id = c.tenant_id AND m.id = c.message_id
WHERE c.tenant_id = $1 AND c.state IN {OPEN} AND ($2::uuid[] IS NULL OR c.campaign_id = ANY($2::uuid[]))
  AND m.state IN ('skipped', 'held_out', 'suppressed', 'capped', 'cancelled', 'rejected', 'bounced')
ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
"""
# What reached nobody does not count as an offer.
_PAST = f"""
SELECT customer_id, max(granted_at) AS last_at,
  max(expires_at) FILTER (WHERE state IN {OPEN}) AS open_until,
  count(*) FILTER (WHERE granted_at > $4) AS offers
FROM discounts_code
WHERE tenant_id = $1 AND customer_id = ANY($2::bigint[]) AND NOT message_id = ANY($3::uuid[])
  AND (state IN ('reserved', 'sent', 'used') OR state = 'expired' AND sent_at IS NOT NULL)
GROUP BY customer_id
"""
_MADE = """
SELECT message_id, code, offer, state, reserved, expires_at FROM discounts_code
WHERE tenant_id = $1 AND message_id = ANY($2::uuid[])
"""
_COSTS = """
SELECT o.customer_id, max(p.cost / p.price)::float8 AS share
FROM profiles_order o
JOIN profiles_order_line l ON l.tenant_id = o.tenant_id AND l.order_id = o.id
JOIN profiles_product p ON p.tenant_id = o.tenant_id AND p.sku = l.sku AND p.cost IS NOT NULL
  AND p.price > 0
WHERE o.tenant_id = $1 AND o.customer_id = ANY($2::bigint[]) AND o.kind = 'order'
  AND o.status = 'placed' AND o.ordered_at > $3
GROUP BY o.customer_id
"""


class Made(Frozen):
    """The code of a message."""

    message_id: UUID
    code: str
    offer: str
    state: str
    reserved: Decimal
    expires_at: datetime

    def valid(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.state in ("reserved", "sent") and self.expires_at > now


async def due(ctx: Context, customer_ids: Sequence[int] | None = None) -> list[Any]:
    """Open codes past their end, locked; of these customers, or all."""
    ids = None if customer_ids is None else list(customer_ids)
    return await ctx.db.fetch(_DUE, ctx.tenant.id, ctx.now, ids)


async def unsent(ctx: Context, campaign_ids: Sequence[UUID] | None = None) -> list[Any]:
    """Open codes whose mail will never arrive, locked; of these campaigns, or all."""
    ids = None if campaign_ids is None else list(campaign_ids)
    return await ctx.db.fetch(_UNSENT, ctx.tenant.id, ids)


async def past(
    ctx: Context, customer_ids: Sequence[int], but: Sequence[UUID], days: float
) -> dict[int, Any]:
    """Customer -> last_at, open_until, and `offers` in so many days; leaves out the messages `but`."""
    since = ctx.now - timedelta(days=days)
    rows = await ctx.db.fetch(_PAST, ctx.tenant.id, list(customer_ids), list(but), since)
    return {row["customer_id"]: row for row in rows}


async def made(ctx: Context, message_ids: Sequence[UUID]) -> dict[UUID, Made]:
    """The codes these messages have."""
    rows = await ctx.db.fetch(_MADE, ctx.tenant.id, list(message_ids))
    return {row["message_id"]: Made(**row) for row in rows}


async def cost_shares(ctx: Context, customer_ids: Sequence[int]) -> dict[int, float]:
    """Customer -> cost by price of the dearest to make among the products they bought in a year."""
    since = ctx.now - timedelta(days=BOUGHT_DAYS)
    rows = await ctx.db.fetch(_COSTS, ctx.tenant.id, list(customer_ids), since)
    return {row["customer_id"]: row["share"] for row in rows}


async def sent(ctx: Context, message_ids: Sequence[UUID]) -> None:
    """These messages were handed over with their codes."""
    await ctx.db.execute(
        """UPDATE discounts_code SET state = 'sent', sent_at = $3
           WHERE tenant_id = $1 AND id IN (
             SELECT id FROM discounts_code WHERE tenant_id = $1 AND message_id = ANY($2::uuid[])
               AND state = 'reserved' ORDER BY id FOR UPDATE)""",
        ctx.tenant.id,
        list(message_ids),
        ctx.now,
    )


async def export(ctx: Context, customer_id: int) -> Export:
    """All codes of a customer."""
    rows = await ctx.db.fetch(
        """SELECT code, offer, state, campaign_type, message_id, granted_at, expires_at, sent_at,
             used_at, order_id, reserved, settled
           FROM discounts_code WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id""",
        ctx.tenant.id,
        customer_id,
    )
    return Export(rows={"discounts_code": [dict(row) for row in rows]})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Cut the tie between the codes and the customer; what they cost stays counted."""
    tag = await ctx.db.execute(
        "UPDATE discounts_code SET customer_id = NULL WHERE tenant_id = $1 AND customer_id = $2",
        ctx.tenant.id,
        customer_id,
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))
