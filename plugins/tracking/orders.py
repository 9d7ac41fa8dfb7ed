"""Which order came after which click: the last one of the customer, within days. Else none."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.sdk import OrderPlaced, Outcome, record_outcomes
from plugins.tracking.fold import settled_before
from plugins.tracking.manifest import TrackingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event

BATCH = 1000
LOOK_BACK = timedelta(days=90)
_WAIT = """
INSERT INTO tracking_order (tenant_id, order_id, ordered_at)
SELECT $1, * FROM unnest($2::bigint[], $3::timestamptz[]) ON CONFLICT DO NOTHING
"""
# Imported orders tell no event: every night, those after a click that are not in the book yet.
_IMPORTED = """
INSERT INTO tracking_order (tenant_id, order_id, ordered_at)
SELECT DISTINCT o.tenant_id, o.id, o.ordered_at FROM tracking_hit h
JOIN profiles_order o ON o.tenant_id = h.tenant_id AND o.customer_id = h.customer_id
  AND o.ordered_at >= h.at AND o.ordered_at <= h.at + $3::interval
WHERE h.tenant_id = $1 AND h.kind = 'click' AND h.verdict = 'human' AND h.at > $2
ON CONFLICT DO NOTHING
"""
_DUE = """
SELECT t.order_id, t.ordered_at, o.customer_id, o.amount, o.currency, h.message_id, h.campaign_id,
  h.at AS clicked_at
FROM (SELECT order_id, ordered_at FROM tracking_order WHERE tenant_id = $1 AND NOT settled
        AND ordered_at <= $2 ORDER BY ordered_at, order_id LIMIT $4 FOR UPDATE SKIP LOCKED) t
LEFT JOIN profiles_order o ON o.tenant_id = $1 AND o.id = t.order_id AND o.kind = 'order'
  AND o.status = 'placed' AND NOT o.is_test
LEFT JOIN LATERAL (
  SELECT h.message_id, h.campaign_id, h.at FROM tracking_hit h
  WHERE h.tenant_id = $1 AND h.customer_id = o.customer_id AND h.kind = 'click'
    AND h.verdict = 'human' AND h.at <= t.ordered_at AND h.at >= t.ordered_at - $3::interval
  ORDER BY h.at DESC, h.id DESC LIMIT 1) h ON true
"""
_SETTLE = """
UPDATE tracking_order t SET settled = true, message_id = s.message_id, campaign_id = s.campaign_id,
  clicked_at = s.clicked_at
FROM unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::timestamptz[])
  s (order_id, message_id, campaign_id, clicked_at)
WHERE t.tenant_id = $1 AND t.order_id = s.order_id AND NOT t.settled
"""


def rule(days: float) -> str:
    """The rule of attribution, as it stands on the page."""
    return (
        f"An order counts for the last click by a person, in any mail to that customer, in the "
        f"{days:g} days before it; where there was none, it counts for no mail. Returns, cancelled and "
        f"test orders are left out. A click need not be the cause: what mails cause is measured against "
        f"those held out."
    )


async def placed(ctx: Context, events: Sequence[Event]) -> None:
    """Orders wait until the clicks before them are judged."""
    orders = [e for e in events if isinstance(e, OrderPlaced) and e.customer_id is not None]
    ids, times = [e.order_id for e in orders], [e.occurred_at for e in orders]
    await ctx.db.execute(_WAIT, ctx.tenant.id, ids, times)


async def imported(ctx: Context) -> None:
    """Orders of the past that came in a file, or without an event."""
    window = timedelta(days=ctx.settings(TrackingSettings).click_days)
    await ctx.db.execute(_IMPORTED, ctx.tenant.id, ctx.now - LOOK_BACK, window)


async def settle(ctx: Context) -> int:
    """One batch of waiting orders, each once; those after no click leave the book."""
    days = ctx.settings(TrackingSettings).click_days
    rows = await ctx.db.fetch(_DUE, ctx.tenant.id, settled_before(ctx), timedelta(days=days), BATCH)
    found = [row for row in rows if row["message_id"] is not None]
    await ctx.db.execute(
        "DELETE FROM tracking_order WHERE tenant_id = $1 AND order_id = ANY($2::bigint[]) AND NOT settled",
        ctx.tenant.id,
        [row["order_id"] for row in rows if row["message_id"] is None],
    )
    names = ("order_id", "message_id", "campaign_id", "clicked_at")
    await ctx.db.execute(_SETTLE, ctx.tenant.id, *([row[name] for row in found] for name in names))
    await record_outcomes(
        ctx,
        [
            Outcome(
                message_id=row["message_id"],
                customer_id=row["customer_id"],
                kind="ordered",
                at=row["ordered_at"],
                detail={
                    "order_id": row["order_id"],
                    "amount": str(row["amount"]),
                    "currency": row["currency"],
                    "window_days": days,
                },
            )
            for row in sorted(found, key=lambda row: (row["ordered_at"], row["order_id"]))
        ],
    )
    return len(rows)
