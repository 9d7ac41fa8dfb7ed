"""Turns a pretend shop's clock: what is due gets done, and the shop's people live their day."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from kernel.sdk import Conflict, Context, Engine, Forbidden, set_clock
from plugins.sandbox.life import Lived, live_day

STEPS = (time(6, 30), time(10), time(14), time(20))
"""Where the clock stops in a day: after the campaigns' hour, in the merchant's morning, in the
customers' afternoon and evening. The next midnight ends the day.
"""

Visit = Callable[[str, datetime], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Day:
    """One day that was turned."""

    day: date
    lived: Lived


def refuse_production(production: bool) -> None:
    """Raises Forbidden in production, where nobody may be pretended."""
    if production:
        raise Forbidden(
            "In production there is no pretend world.",
            "Use an installation with MAILWRIGHT_ENV=development.",
        )


def check_sandbox(ctx: Context) -> None:
    """Raises Conflict when the tenant is no sandbox."""
    if "sandbox" not in ctx.enabled:
        raise Conflict(
            f"The tenant `{ctx.tenant.id}` is not a sandbox.",
            "Enable the plugin `sandbox` in its tenant.toml, in an installation made for trying.",
        )


async def turn(
    engine: Engine, tenant_id: str, days: int, visit: Visit | None = None
) -> AsyncIterator[Day]:
    """Goes to the midnight that ends the `days`-th day, and gives each day when it is over.

    An interrupted turn goes on where the clock stands; nothing happens twice.

    Args:
        engine: with its servers running.
        tenant_id: a sandbox.
        days: how many midnights to pass.
        visit: awaited at each stop of the clock with (tenant, its time), after what was due is
            done: the place for a merchant to look in. What it causes is done before going on.
    """
    refuse_production(engine.core.production)
    async with engine.core.tenant_scope(tenant_id, "sandbox") as ctx:
        check_sandbox(ctx)
        zone = ZoneInfo(ctx.tenant.timezone)
        today = ctx.now.astimezone(zone).date()
    for day in (today + timedelta(days=n) for n in range(days)):
        lived = [await stop_at(engine, tenant_id, at, visit) for at in stops(day, zone)]
        total = {
            name: sum(getattr(one, name) for one in lived) for name in Lived.__dataclass_fields__
        }
        yield Day(day=day, lived=Lived(**total))


def stops(day: date, zone: ZoneInfo) -> list[datetime]:
    """The moments of a day at which the clock stands still; the last one is the next midnight."""
    return [
        *(datetime.combine(day, at, zone) for at in STEPS),
        datetime.combine(day + timedelta(days=1), time(0), zone),
    ]


async def stop_at(
    engine: Engine, tenant_id: str, at: datetime, visit: Visit | None = None
) -> Lived:
    """Sets the clock to `at`, lets the world live until then, and does what is due. A moment that
    is past already is left out.
    """
    async with engine.core.tenant_scope(tenant_id, "sandbox") as ctx:
        if at <= ctx.now:
            return Lived()
        await set_clock(ctx, at)
        # A moment belongs to the day it ends.
        lived = await live_day(ctx, (at - timedelta(microseconds=1)).date())
    await engine.run_due(tenant_id)
    if visit is not None:
        await visit(tenant_id, at)
        await engine.run_due(tenant_id)
    return lived
