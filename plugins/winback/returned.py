"""Who came back: an order within days of a winback mail is the mail's outcome, and an event."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from kernel.sdk import Event, OrderPlaced, Outcome, emit, record_outcomes
from plugins.winback.manifest import MANIFEST, WinbackSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context

# The last winback mail before each order, if it is young enough. An order after a mail need not be
# because of it: what the mail caused is measured against the hold-out group, not here.
LAST_MAIL = """
SELECT o.order_id, o.customer_id, m.id AS message_id, m.accepted_at
FROM unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) o (order_id, customer_id, at)
CROSS JOIN LATERAL (
  SELECT m.id, m.accepted_at FROM pipeline_message m
  JOIN pipeline_campaign c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
  WHERE m.tenant_id = $1 AND m.customer_id = o.customer_id AND c.campaign_type = $5
    AND m.state IN ('accepted', 'delivered') AND m.accepted_at <= o.at
    AND m.accepted_at > o.at - make_interval(secs => 86400 * $6::float8)
  ORDER BY m.accepted_at DESC LIMIT 1
) m
"""


class CustomerReturned(Event):
    """A customer ordered within `attribution_days` of a winback mail."""

    type: ClassVar[str] = "winback.returned"
    customer_id: int
    message_id: UUID
    order_id: int
    amount: Decimal
    currency: str
    days_after_mail: float


async def note(ctx: Context, orders: Sequence[OrderPlaced]) -> int:
    """Tell of each customer who came back, and record the outcome `ordered` where nobody follows clicks;
    returns how many.
    """
    days = ctx.settings(WinbackSettings).attribution_days
    known = {order.order_id: order for order in orders if order.customer_id is not None}
    rows = await ctx.db.fetch(
        LAST_MAIL,
        ctx.tenant.id,
        list(known),
        [order.customer_id for order in known.values()],
        [order.occurred_at for order in known.values()],
        MANIFEST.name,
        days,
    )
    outcomes, events = [], []
    for row in rows:
        order = known[row["order_id"]]
        after = (order.occurred_at - row["accepted_at"]).total_seconds() / 86400
        outcomes.append(
            Outcome(
                message_id=row["message_id"],
                customer_id=row["customer_id"],
                kind="ordered",
                at=order.occurred_at,
                detail={"order_id": order.order_id, "amount": str(order.amount)},
            )
        )
        events.append(
            CustomerReturned(
                occurred_at=order.occurred_at,
                customer_id=row["customer_id"],
                message_id=row["message_id"],
                order_id=order.order_id,
                amount=order.amount,
                currency=order.currency,
                days_after_mail=round(after, 2),
            )
        )
    if "tracking" not in ctx.enabled:  # which credits the click before an order, and only that
        await record_outcomes(ctx, outcomes)
    await emit(ctx, *events)
    return len(events)
