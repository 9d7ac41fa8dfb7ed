"""How many messages a tenant may hand over now: its rate, and the warm-up of a new sending domain.

A leaky bucket in one row of Postgres, locked by the transaction that claims: however many workers
claim at once, no hour has more than the hour's number. Times are the tenant's.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Tenant

WARM_UP_FIRST = 20
WARM_UP_GROWTH = 1.4
WARM_UP_DAYS = 30
"""A new domain may send 20 an hour on its first day and 1.4 times as many each day after: 20, 28, 39, 55
… as the providers' own automated warm-ups do. After 30 days it is warm."""
HOUR = 3600.0
STALE = 2 * HOUR
BURST = 60.0
"""Seconds' worth of messages that may go at once after a rest."""

_LOCK = "SELECT free_at FROM pipeline_pace WHERE tenant_id = $1 AND what = 'tenant' FOR UPDATE"
_ROW = """
INSERT INTO pipeline_pace (tenant_id, what, free_at, open_at) VALUES ($1, 'tenant', $2, $2)
ON CONFLICT DO NOTHING
"""


class Bucket(Frozen):
    """`free_at`: when all that was handed over has drained away, at this many an hour."""

    rate: int
    free_at: datetime

    @property
    def interval(self) -> float:
        """Seconds a message takes to drain. A little more than an hour's share, for the burst counts."""
        return (HOUR + BURST) / self.rate

    def room(self, now: datetime) -> int:
        """How many may go now."""
        ahead = self._ahead(now)
        return math.floor((BURST - ahead) / self.interval) + 1 if ahead <= BURST else 0

    def filled(self, now: datetime, count: int) -> Bucket:
        """The bucket after handing over `count` now; more than there was room for, as of mail that somebody
        waits for, is made up for within the hour.
        """
        # Up to the next microsecond: rounded down, a long row of them would gain a message.
        taken = math.ceil((self._ahead(now) + count * self.interval) * 1e6)
        most = math.ceil((HOUR + 2 * BURST) * 1e6)
        after = now + timedelta(microseconds=min(taken, most))
        return Bucket(rate=self.rate, free_at=after)

    def _ahead(self, now: datetime) -> float:
        ahead = (self.free_at - now).total_seconds()
        # What was noted before a clock was set back must not stop anybody for days.
        return ahead if 0 < ahead < STALE else 0.0

    def open_at(self) -> datetime:
        """When it is worth asking again: half a burst may go then, or at least one message."""
        return self.free_at - timedelta(seconds=BURST / 2 if self.interval < BURST / 2 else BURST)


def rate(tenant: Tenant, now: datetime) -> int:
    """Messages an hour the tenant may hand over at this time; 0: as many as the channel takes."""
    sending = tenant.sending
    limits = [sending.rate_per_hour, warm_up(tenant, now)]
    return min((limit for limit in limits if limit), default=0)


def warm_up(tenant: Tenant, now: datetime) -> int:
    """Messages an hour that the warm-up allows on this day of the shop's calendar; 0: no warm-up."""
    day = warm_up_day(tenant, now)
    return round(WARM_UP_FIRST * WARM_UP_GROWTH**day) if day is not None else 0


def warm_up_day(tenant: Tenant, now: datetime) -> int | None:
    """Which day of the warm-up it is, from 0; None when there is none, or none any more."""
    if not tenant.sending.warmup_from:
        return None
    first = date.fromisoformat(tenant.sending.warmup_from)
    day = max(0, (now.astimezone(ZoneInfo(tenant.timezone)).date() - first).days)
    return day if day < WARM_UP_DAYS else None


async def locked(ctx: Context) -> Bucket | None:
    """The tenant's bucket, locked until the transaction ends; None where nothing limits the pace."""
    allowed = rate(ctx.tenant, ctx.now)
    if not allowed:
        return None
    free_at = await ctx.db.fetchval(_LOCK, ctx.tenant.id)
    if free_at is None:
        await ctx.db.execute(_ROW, ctx.tenant.id, ctx.now)
        free_at = await ctx.db.fetchval(_LOCK, ctx.tenant.id)
    return Bucket(rate=allowed, free_at=free_at)


async def fill(ctx: Context, bucket: Bucket, count: int) -> None:
    """Note that `count` messages are handed over from now on."""
    after = bucket.filled(ctx.now, count)
    await ctx.db.execute(
        """UPDATE pipeline_pace SET free_at = $2, open_at = $3
           WHERE tenant_id = $1 AND what = 'tenant'""",
        ctx.tenant.id,
        after.free_at,
        after.open_at() if not after.room(ctx.now) else ctx.now,
    )


async def waits_until(ctx: Context) -> datetime | None:
    """When the tenant may hand over again; None when it may now."""
    found: datetime | None = await ctx.db.fetchval(
        """SELECT open_at FROM pipeline_pace
           WHERE tenant_id = $1 AND what = 'tenant' AND open_at > $2""",
        ctx.tenant.id,
        ctx.now,
    )
    return found if rate(ctx.tenant, ctx.now) else None
