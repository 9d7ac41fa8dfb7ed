"""Where a campaign stands on its way out, in sentences for its page: its wave, its numbers, its pace."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.pipeline import breaker, pace
from kernel.pipeline.breaker import Tally

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.context import Context


class Progress(Frozen):
    """How a campaign goes out."""

    wave: int
    """0: not in waves; else 1, 2, 3."""
    wave_left: int
    """Messages that the wave may still hand over; in the last wave, or without waves, 0."""
    next_wave_at: datetime | None
    """When the next wave begins, once this one is out."""
    tally: Tally
    max_bounces: float
    max_complaints: float
    rate: int
    """Messages an hour the shop may hand over now; 0: no limit."""
    warm_up_day: int | None
    """Which day of the warm-up it is, from 1; None outside of one."""
    paced_until: datetime | None
    """Until when the pace holds everything back; None when it does not."""
    next_due: datetime | None
    """When the next of its messages falls due, where none is due yet."""


async def progress(ctx: Context, campaign_id: UUID) -> Progress:
    """How the campaign goes out now."""
    row = await ctx.db.fetchrow(
        """SELECT wave, coalesce(wave_left, 0) AS wave_left, wave_at, urgent FROM pipeline_campaign
           WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
    )
    next_due = await ctx.db.fetchval(
        """SELECT min(coalesce(due_at, $3)) FROM pipeline_message WHERE tenant_id = $1
           AND campaign_id = $2 AND state IN ('planned', 'deferred')""",
        ctx.tenant.id,
        campaign_id,
        ctx.now,
    )
    day = pace.warm_up_day(ctx.tenant, ctx.now)
    return Progress(
        wave=row["wave"],
        wave_left=row["wave_left"],
        next_wave_at=row["wave_at"],
        tally=await breaker.tally(ctx, campaign_id),
        max_bounces=ctx.tenant.sending.max_bounces,
        max_complaints=ctx.tenant.sending.max_complaints,
        rate=0 if row["urgent"] else pace.rate(ctx.tenant, ctx.now),
        warm_up_day=None if day is None or row["urgent"] else day + 1,
        paced_until=None if row["urgent"] else await pace.waits_until(ctx),
        next_due=next_due if next_due and next_due > ctx.now else None,
    )
