"""Who is due when: every customer against their own rhythm, computed set-wise in Postgres.

Two traits: `winback.usual_gap_days`, the customer's usual pause between orders, and `winback.due_at`,
the moment from which they count as overdue (ISO 8601, UTC).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kernel.sdk import OrderPlaced, cancel_planned, enqueue
from plugins.winback import returned
from plugins.winback.manifest import MANIFEST, WinbackSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event

USUAL = "winback.usual_gap_days"
DUE = "winback.due_at"

# Pauses are counted between days on which something was bought, so that an order split in two does
# not make a pause of an hour. Who bought on one day only gets the shop's median pause, in whole days,
# so that it does not change for everyone every night. Only rows that differ are written: a row that is
# merely looked at by ON CONFLICT is locked, and that is a write too.
RECOMPUTE = """
WITH bought AS (
  SELECT customer_id, (ordered_at AT TIME ZONE 'UTC')::date AS day, max(ordered_at) AS last_at
  FROM profiles_order
  WHERE tenant_id = $1 AND customer_id IS NOT NULL AND kind = 'order' AND status = 'placed'
    AND NOT is_test AND ordered_at <= $2
  GROUP BY 1, 2
), paused AS (
  SELECT customer_id, last_at, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap
  FROM bought
), shop AS (
  SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY gap)) AS usual FROM paused
), own AS (
  SELECT customer_id, max(last_at) AS last_at,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS usual
  FROM paused GROUP BY 1
), rhythm AS (
  SELECT o.customer_id, o.last_at,
         coalesce(o.usual, shop.usual, $5::float8 / $3::float8) AS usual
  FROM own o CROSS JOIN shop
  JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = o.customer_id AND c.erased_at IS NULL
  WHERE o.last_at > $6
    -- Whom reengage asks whether they still want mail, where it is on: see its README.
    AND NOT ($11 AND EXISTS (SELECT FROM profiles_trait s WHERE s.tenant_id = $1
      AND s.customer_id = o.customer_id AND s.name = 'reengage.silent_since'))
), fresh AS (
  SELECT customer_id, $7::text AS name, to_jsonb(round(usual::numeric, 1)) AS value FROM rhythm
  UNION ALL
  SELECT customer_id, $8::text, to_jsonb(to_char(
    (last_at + make_interval(secs => 86400 * least(greatest($3 * usual, $4), $5)))
      AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
  FROM rhythm
), gone AS (
  DELETE FROM profiles_trait t
  WHERE t.tenant_id = $1 AND t.name IN ($7, $8)
    AND NOT EXISTS (SELECT FROM rhythm r WHERE r.customer_id = t.customer_id)
)
INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
SELECT $1, f.customer_id, f.name, f.value, $9, $10, $2
FROM fresh f
LEFT JOIN profiles_trait t
  ON t.tenant_id = $1 AND t.customer_id = f.customer_id AND t.name = f.name
WHERE t.value IS DISTINCT FROM f.value
ON CONFLICT (tenant_id, customer_id, name) DO UPDATE
SET value = excluded.value, plugin = excluded.plugin, version = excluded.version, at = excluded.at
"""

# Only what was computed before the order: an event told twice does not undo tonight's work.
NOT_DUE = """
DELETE FROM profiles_trait t USING unnest($2::bigint[], $3::timestamptz[]) e (customer_id, at)
WHERE t.tenant_id = $1 AND t.customer_id = e.customer_id AND t.name = $4 AND t.at <= e.at
"""


async def recompute(ctx: Context, payload: dict[str, Any] | None = None) -> None:
    """Write both traits of every customer for whom they changed; one statement."""
    chosen = ctx.settings(WinbackSettings)
    # Where traits are new, the planner takes the table for empty and would compare everybody with
    # everybody: forty seconds for 5,000 customers instead of half a one.
    await ctx.db.execute("SET LOCAL enable_nestloop = off")
    await ctx.db.execute(
        RECOMPUTE,
        ctx.tenant.id,
        ctx.now,
        chosen.factor,
        chosen.floor_days,
        max(chosen.ceiling_days, chosen.floor_days),
        ctx.now - timedelta(days=chosen.give_up_days),
        USUAL,
        DUE,
        MANIFEST.name,
        MANIFEST.version,
        "reengage" in ctx.enabled,
    )
    await ctx.db.execute("SET LOCAL enable_nestloop = on")


async def schedule(ctx: Context) -> None:
    """Have everyone's rhythm computed soon."""
    await enqueue(ctx, "winback.rhythm", key="all")


async def imported(ctx: Context, events: Sequence[Event]) -> None:
    """History was read in, or the time was set: however often, the rhythm is computed once."""
    await schedule(ctx)


async def ordered(ctx: Context, events: Sequence[Event]) -> None:
    """Who has just ordered is not overdue: the messages that waited for them are taken back."""
    placed = [event for event in events if isinstance(event, OrderPlaced)]
    orders = {e.customer_id: e.occurred_at for e in placed if e.customer_id is not None}
    if not orders:
        return
    await returned.note(ctx, placed)
    await ctx.db.execute(NOT_DUE, ctx.tenant.id, list(orders), list(orders.values()), DUE)
    await cancel_planned(ctx, list(orders), "Ordered again in the meantime.", MANIFEST.name)
