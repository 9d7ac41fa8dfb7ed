"""What is offered to customers: recommendations as they stand, less what cannot be or was offered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kernel.sdk import Erased, Export, Recommendation, artefact_in_use
from plugins.affinity.learned import decode
from plugins.affinity.manifest import MANIFEST, AffinitySettings
from plugins.affinity.reasons import popularity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Slot

SAME_MAIL = timedelta(hours=1)
"""An offer counts from then on: a mail that is made twice offers the same twice."""
_LOOKED = 50
"""Popular products looked at for some that a customer does not have."""

# For sale now, and neither offered in the quiet days nor (where asked) ever bought. Offers are looked up
# one by one, by their key: joined, with statistics from before the morning's, all would be compared with all.
_FREE = """
  NOT EXISTS (SELECT FROM profiles_product p WHERE p.tenant_id = $1 AND p.sku = s.sku
    AND (p.status <> 'active' OR NOT p.is_product OR p.inventory <= 0))
  AND NOT coalesce((SELECT f.at > $3 AND f.at <= $4 FROM affinity_offer f
    WHERE f.tenant_id = $1 AND f.customer_id = s.customer_id AND f.sku = s.sku), false)
  AND ($5 OR NOT EXISTS (SELECT FROM profiles_order o
    JOIN profiles_order_line l ON l.tenant_id = $1 AND l.order_id = o.id AND l.sku = s.sku
    WHERE o.tenant_id = $1 AND o.customer_id = s.customer_id AND o.status = 'placed'))
"""
_TRAITS = f"""
SELECT s.customer_id, s.sku, s.score, s.reason FROM (
  SELECT t.customer_id, e.value->>'sku' AS sku, (e.value->>'score')::float8 AS score,
    e.value->>'reason' AS reason, e.ordinality AS place
  FROM profiles_trait t CROSS JOIN LATERAL jsonb_array_elements(t.value) WITH ORDINALITY e
  WHERE t.tenant_id = $1 AND t.customer_id = ANY($2) AND t.name = $6
) s WHERE {_FREE} ORDER BY s.customer_id, s.place
"""
_POPULAR = f"""
SELECT s.customer_id, s.sku, s.score, s.reason FROM (
  SELECT c.customer_id, p.sku, p.score, p.reason, p.place
  FROM unnest($2::bigint[]) c (customer_id)
  CROSS JOIN unnest($6::text[], $7::float8[], $8::text[])
    WITH ORDINALITY p (sku, score, reason, place)
) s WHERE {_FREE} ORDER BY s.customer_id, s.place
"""
_NOTE = """
INSERT INTO affinity_offer AS f (tenant_id, customer_id, sku, at)
SELECT DISTINCT $1, customer_id, sku, $4::timestamptz
FROM unnest($2::bigint[], $3::text[]) o (customer_id, sku)
ON CONFLICT (tenant_id, customer_id, sku) DO UPDATE SET at = excluded.at WHERE f.at < excluded.at - $5::interval
"""


async def for_customers(
    ctx: Context, customer_ids: Sequence[int], slot: Slot, k: int
) -> dict[int, list[Recommendation]]:
    """Up to `k` products of a slot for each of these customers, best first; see `Recommender`.

    The slot `popular` is for anyone, also for who never ordered.
    """
    quiet = timedelta(days=ctx.settings(AffinitySettings).quiet_days)
    args: list[Any] = [ctx.tenant.id, list(customer_ids), ctx.now - quiet, ctx.now - SAME_MAIL]
    if slot == "popular":
        rows = await ctx.db.fetch(_POPULAR, *args, False, *await _popular(ctx))
    else:
        rows = await ctx.db.fetch(_TRAITS, *args, slot == "again", f"affinity.{slot}")
    found: dict[int, list[Recommendation]] = {}
    for row in rows:
        taken = found.setdefault(row["customer_id"], [])
        if len(taken) < k:
            taken.append(
                Recommendation(
                    sku=row["sku"],
                    slot=slot,
                    rank=len(taken) + 1,
                    score=row["score"],
                    reason=row["reason"],
                )
            )
    return found


async def _popular(ctx: Context) -> tuple[list[str], list[float], list[str]]:
    """SKU, score and reason of what is popular now and can be bought, best first."""
    kept = await artefact_in_use(ctx, MANIFEST.name)
    if kept is None:
        return [], [], []
    learned = decode(kept)
    known = await ctx.db.fetch(
        "SELECT sku, status = 'active' AND is_product AND coalesce(inventory, 1) > 0 AS ok "
        "FROM profiles_product WHERE tenant_id = $1 AND sku = ANY($2)",
        ctx.tenant.id,
        list(learned.skus),
    )
    out = {row["sku"] for row in known if not row["ok"]}
    missing_counts = len(known) * 2 < learned.items
    sold = {row["sku"] for row in known}
    order = np.argsort(-learned.popular, kind="stable")
    chosen = [
        int(n)
        for n in order
        if learned.skus[n] not in out and (missing_counts or learned.skus[n] in sold)
    ][:_LOOKED]
    reasons = (
        popularity(learned, np.array(chosen, int)) if chosen else pl.Series([], dtype=pl.String)
    )
    return (
        [learned.skus[n] for n in chosen],
        [round(float(learned.popular[n]), 3) for n in chosen],
        reasons.to_list(),
    )


async def note(ctx: Context, offered: Sequence[tuple[int, str]]) -> None:
    """Keep that these (customer, SKU) were offered now."""
    if offered:
        customers, skus = zip(*offered, strict=True)
        await ctx.db.execute(_NOTE, ctx.tenant.id, list(customers), list(skus), ctx.now, SAME_MAIL)


async def forget(ctx: Context) -> None:
    """Remove offers that are older than any quiet time."""
    await ctx.db.execute(
        "DELETE FROM affinity_offer WHERE tenant_id = $1 AND at < $2",
        ctx.tenant.id,
        ctx.now - timedelta(days=366),
    )


async def export(ctx: Context, customer_id: int) -> Export:
    """What was offered to a customer."""
    rows = await ctx.db.fetch(
        "SELECT sku, at FROM affinity_offer WHERE tenant_id = $1 AND customer_id = $2 ORDER BY at, sku",
        ctx.tenant.id,
        customer_id,
    )
    return Export(rows={"affinity_offer": [dict(row) for row in rows]})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Remove what was offered to a customer."""
    tag = await ctx.db.execute(
        "DELETE FROM affinity_offer WHERE tenant_id = $1 AND customer_id = $2",
        ctx.tenant.id,
        customer_id,
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))
