"""How many messages of a campaign one claim may take: what its wave and the tenant's pace leave of a
batch. Read and used in the transaction that claims, whose locks make it hold for all workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.pipeline import pace, waves

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.pipeline.pace import Bucket


class Allowance:
    """What may be claimed now. Mail that somebody asked for and waits for (`urgent`) is counted, and
    held back by nothing.
    """

    def __init__(self, campaign_id: UUID, size: int, bucket: Bucket | None, *, wave: bool) -> None:
        self.campaign_id = campaign_id
        self.size = size
        self._bucket = bucket
        self._wave = wave

    async def use(self, ctx: Context, count: int) -> None:
        """Note that so many are handed over."""
        if self._wave:
            await waves.take(ctx, self.campaign_id, count)
        if self._bucket is not None:
            await pace.fill(ctx, self._bucket, count)


async def allowance(ctx: Context, campaign: Any, batch: int) -> Allowance:
    """What a claim may take of a campaign, given its row as `ledger.going` locks it."""
    wave = campaign["wave_left"] is not None
    size = min(batch, campaign["wave_left"]) if wave else batch
    bucket = await pace.locked(ctx) if size else None
    if bucket is not None and not campaign["urgent"]:
        size = min(size, bucket.room(ctx.now))
    return Allowance(campaign["id"], size, bucket, wave=wave)
