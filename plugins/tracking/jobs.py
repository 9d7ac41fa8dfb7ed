"""What is done later: hits judged, orders attributed, old hits untied from people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from plugins.tracking import orders
from plugins.tracking.fold import fold
from plugins.tracking.manifest import TrackingSettings

if TYPE_CHECKING:
    from kernel.sdk import Context


async def judge(ctx: Context, payload: dict[str, Any]) -> None:
    """Every minute: hits first, then the orders after them; a batch a transaction."""
    for step in (fold, orders.settle):
        done = 1
        while done:
            async with ctx.transaction() as tx:
                done = await step(tx)


async def nightly(ctx: Context, payload: dict[str, Any]) -> None:
    """Every night: imported orders join the book, and old hits belong to nobody any more."""
    async with ctx.transaction() as tx:
        await orders.imported(tx)
    before = ctx.now - timedelta(days=ctx.settings(TrackingSettings).keep_days)
    async with ctx.transaction() as tx:
        await tx.db.execute(
            """UPDATE tracking_hit SET message_id = NULL, customer_id = NULL
               WHERE tenant_id = $1 AND at < $2 AND message_id IS NOT NULL""",
            tx.tenant.id,
            before,
        )
