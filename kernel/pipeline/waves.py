"""A big campaign goes out to 1 %, then to 10 %, then to all of it, with time between to see what comes
of it.

    wave 0       not in waves: as fast as the pace allows
    wave 1, 2    `wave_left` messages may still be claimed; at 0, `wave_at` says when the next begins
    wave 3       the rest

`wave_left` is counted down in the transaction that claims, which holds the campaign's row: workers that
claim at once take no more than the wave. What the channel certainly did not take is given back to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from kernel.pipeline import approvals, breaker
from kernel.tenancy.scope import TenantScope

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Sending

PARTS = (100, 10)
"""After its first wave a hundredth of the campaign is out, after its second a tenth."""
LAST = len(PARTS) + 1
ACTOR = "breaker"

_NEXT = """
SELECT wave, wave_of FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2 AND status = 'sending'
  AND wave_left = 0 AND wave_at <= $3 FOR NO KEY UPDATE
"""
_ENTER = """
UPDATE pipeline_campaign SET wave = $3, wave_of = $4, wave_left = $5, wave_at = NULL
WHERE tenant_id = $1 AND id = $2
"""
_TAKE = """
UPDATE pipeline_campaign SET wave_left = wave_left - $3,
  wave_at = CASE WHEN wave_left <= $3 THEN $4::timestamptz + make_interval(mins => $5) END
WHERE tenant_id = $1 AND id = $2 AND wave_left IS NOT NULL
"""
_GIVE_BACK = """
UPDATE pipeline_campaign SET wave_left = wave_left + $3, wave_at = NULL
WHERE tenant_id = $1 AND id = $2 AND wave_left IS NOT NULL
"""


def first(sending: Sending, messages: int) -> int:
    """The wave that a campaign of so many messages begins with: 0 where it does not go in waves."""
    return 1 if sending.ramp_from and messages >= sending.ramp_from else 0


def size(wave: int, messages: int) -> int | None:
    """How many of a campaign's messages go in a wave; None: all that are left."""
    if not 1 <= wave < LAST:
        return None
    out = [0, *(-(-messages // part) for part in PARTS)]  # rounded up
    return out[wave] - out[wave - 1]


async def enter(ctx: Context, campaign_id: UUID, wave: int, messages: int) -> None:
    """Begin a wave of a campaign of so many messages, or the first after it that has any."""
    while (left := size(wave, messages)) == 0:
        wave += 1
    await ctx.db.execute(_ENTER, ctx.tenant.id, campaign_id, wave, messages, left)


async def take(ctx: Context, campaign_id: UUID, count: int) -> None:
    """Note that `count` messages of the wave are handed over; the last one sets when the next begins."""
    minutes = ctx.tenant.sending.wave_minutes
    await ctx.db.execute(_TAKE, ctx.tenant.id, campaign_id, count, ctx.now, minutes)


async def give_back(ctx: Context, campaign_id: UUID, count: int) -> None:
    """`count` messages of the wave were not taken after all."""
    await ctx.db.execute(_GIVE_BACK, ctx.tenant.id, campaign_id, count)


async def watch(ctx: TenantScope, campaign_id: UUID) -> None:
    """Stop a campaign whose bounces or complaints are too many, or begin its next wave where it is time."""
    if why := await breaker.judge(ctx, campaign_id):
        going = "SELECT status = 'sending' FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
        if await ctx.db.fetchval(going, ctx.tenant.id, campaign_id):
            acting = TenantScope(ctx.core, ctx.db, ctx.tenant, ACTOR)
            await approvals.pause(acting, campaign_id, why)
        return
    row = await ctx.db.fetchrow(_NEXT, ctx.tenant.id, campaign_id, ctx.now)
    if row is not None:
        await enter(ctx, campaign_id, row["wave"] + 1, row["wave_of"])
