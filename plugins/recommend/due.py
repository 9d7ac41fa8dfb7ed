"""For whom the next selection is due when: a trait, written every morning.

`recommend.due_at`: the moment from which on an active customer may get the next one (ISO 8601, UTC).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.sdk import enqueue, suggest, write_trait_frame
from plugins.recommend.manifest import MANIFEST, RecommendSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kernel.sdk import Context, Event, Slot

DUE = "recommend.due_at"
MOST = 3
SLOTS: Mapping[Slot, int] = {"again": 1, "new": MOST}
"""One thing they buy again, and what is new to them."""
_AT_ONCE = 2_000

# Due is who ordered long enough ago and has had no selection for long enough; an order or a mail moves it.
_ACTIVE = """
WITH mailed AS (
  SELECT m.customer_id, max(m.attempted_at) AS at FROM pipeline_message m
  JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
  WHERE m.tenant_id = $1 AND k.campaign_type = $5 AND m.attempted_at > $2::timestamptz - $3::interval
    AND m.state IN ('attempting', 'accepted', 'delivered', 'unknown')
  GROUP BY 1
)
SELECT c.id, greatest(c.last_order_at + $4::interval, mailed.at + $3::interval) AS due_at
FROM profiles_customer c LEFT JOIN mailed ON mailed.customer_id = c.id
WHERE c.tenant_id = $1 AND c.erased_at IS NULL AND c.last_order_at > $6 AND c.last_order_at <= $2
ORDER BY c.id
"""


async def recompute(ctx: Context, payload: dict[str, Any] | None = None) -> None:
    """Write the trait of every active customer for whom there is a selection; nobody else has it."""
    chosen = ctx.settings(RecommendSettings)
    rows = await ctx.db.fetch(
        _ACTIVE,
        ctx.tenant.id,
        ctx.now,
        timedelta(days=chosen.every_days),
        timedelta(days=chosen.after_order_days),
        MANIFEST.name,
        ctx.now - timedelta(days=chosen.active_days),
    )
    due: dict[int, datetime] = {row["id"]: row["due_at"] for row in rows}
    ids, known = list(due), list[int]()
    for start in range(0, len(ids), _AT_ONCE):
        found = await suggest(ctx, ids[start : start + _AT_ONCE], SLOTS, MOST)
        known += [one for one, some in found.items() if len(some) >= chosen.least_products]
    frame = pl.DataFrame(
        {"customer_id": known, DUE: [due[one] for one in known]},
        schema={"customer_id": pl.Int64, DUE: pl.Datetime("us", "UTC")},
    )
    await write_trait_frame(ctx, MANIFEST.name, MANIFEST.version, frame, whole=(DUE,))


async def schedule(ctx: Context) -> None:
    """Have it computed soon."""
    await enqueue(ctx, "recommend.due", key="all")


async def changed(ctx: Context, events: Sequence[Event]) -> None:
    """History was read in, or the time was set: however often, it is computed once."""
    await schedule(ctx)
