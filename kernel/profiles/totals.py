"""What customers' orders add up to, computed again from the orders for a set of customers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kernel.profiles.staging import stage

if TYPE_CHECKING:
    from kernel.contracts.context import Context

# Test and cancelled orders count for nothing. Returns are negative amounts, so they reduce what was
# spent; who returned more than we ever saw them buy (a history cut at its beginning) spent nothing,
# not less. Amounts in another currency are kept on the order and left out of the sum: without the
# rate of that day any number would be a guess.
SUMS = """
  SELECT t.id,
    count(*) FILTER (WHERE o.kind = 'order' AND counts) AS orders_count,
    greatest(coalesce(sum(o.amount) FILTER (WHERE counts AND o.currency = $2), 0), 0) AS total_spent,
    min(o.ordered_at) FILTER (WHERE o.kind = 'order' AND counts) AS first_order_at,
    max(o.ordered_at) FILTER (WHERE o.kind = 'order' AND counts) AS last_order_at,
    min(o.ordered_at) AS known_since
  FROM {people} t
  LEFT JOIN (SELECT *, status = 'placed' AND NOT is_test AND ordered_at <= $3 AS counts
             FROM profiles_order WHERE tenant_id = $1) o ON o.customer_id = t.id
  GROUP BY t.id
"""
"""SELECT of the totals of the customers whose ids stand in the table {people};
$2 is the currency, $3 the tenant's now: what lies after it (a trial on an old file, with the clock set
back) is not known yet."""

_WRITE = """
WITH sums AS ({sums})
UPDATE profiles_customer c SET orders_count = s.orders_count, total_spent = s.total_spent,
  first_order_at = s.first_order_at, last_order_at = s.last_order_at,
  created_at = least(c.created_at, s.known_since), updated_at = now()
FROM sums s WHERE c.tenant_id = $1 AND c.id = s.id AND (c.created_at > s.known_since OR
  (c.orders_count, c.total_spent, c.first_order_at, c.last_order_at) IS DISTINCT FROM
  (s.orders_count, s.total_spent, s.first_order_at, s.last_order_at))
"""
_UPDATE = _WRITE.format(sums=SUMS.format(people="stage_touched"))
_EVERYONE = "(SELECT id FROM profiles_customer WHERE tenant_id = $1)"
_UPDATE_ALL = _WRITE.format(sums=SUMS.format(people=_EVERYONE))


async def recompute(ctx: Context, customer_ids: pl.Series) -> None:
    """Writes orders_count, total_spent, first_order_at and last_order_at of these customers, where
    they differ. Nobody is known to us later than their first order.
    """
    if not customer_ids.len():
        return
    await stage(ctx, "stage_touched", pl.DataFrame({"id": customer_ids.cast(pl.Int64)}))
    await ctx.db.execute(_UPDATE, ctx.tenant.id, ctx.tenant.currency, ctx.now)


async def recompute_all(ctx: Context) -> None:
    """The same for every customer: after the tenant's clock was set to another time."""
    await ctx.db.execute(_UPDATE_ALL, ctx.tenant.id, ctx.tenant.currency, ctx.now)
