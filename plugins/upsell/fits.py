"""Who bought lately and has something that goes with it: a trait, written every morning.

`upsell.until`: the moment from which their last order counts as recent no more (ISO 8601, UTC).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.sdk import enqueue, suggest, write_trait_frame
from plugins.upsell.manifest import MANIFEST, UpsellSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kernel.sdk import Context, Event, Slot

UNTIL = "upsell.until"
SLOTS: Mapping[Slot, int] = {"new": 3}
"""What they never had; a second and a third, since a product without a title cannot be shown."""
_AT_ONCE = 2_000

_BOUGHT = """
SELECT o.customer_id, max(o.ordered_at) AS last_at FROM profiles_order o
JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = o.customer_id AND c.erased_at IS NULL
WHERE o.tenant_id = $1 AND o.kind = 'order' AND o.status = 'placed' AND NOT o.is_test
  AND o.ordered_at > $2 AND o.ordered_at <= $3
GROUP BY 1 HAVING max(o.ordered_at) <= $4 ORDER BY 1
"""


async def recompute(ctx: Context, payload: dict[str, Any] | None = None) -> None:
    """Write the trait of everyone who bought lately and for whom a product is known; nobody else has it."""
    chosen = ctx.settings(UpsellSettings)
    recent = timedelta(days=chosen.recent_days)
    rows = await ctx.db.fetch(
        _BOUGHT,
        ctx.tenant.id,
        ctx.now - recent,
        ctx.now,
        ctx.now - timedelta(days=chosen.after_days),
    )
    last: dict[int, datetime] = {row["customer_id"]: row["last_at"] for row in rows}
    ids, known = list(last), list[int]()
    for start in range(0, len(ids), _AT_ONCE):
        known += await suggest(ctx, ids[start : start + _AT_ONCE], SLOTS, 1)
    frame = pl.DataFrame(
        {"customer_id": known, UNTIL: [last[one] + recent for one in known]},
        schema={"customer_id": pl.Int64, UNTIL: pl.Datetime("us", "UTC")},
    )
    await write_trait_frame(ctx, MANIFEST.name, MANIFEST.version, frame, whole=(UNTIL,))


async def schedule(ctx: Context) -> None:
    """Have it computed soon."""
    await enqueue(ctx, "upsell.fits", key="all")


async def changed(ctx: Context, events: Sequence[Event]) -> None:
    """History was read in, or the time was set: however often, it is computed once."""
    await schedule(ctx)
