"""What offers may cost: a row a day and a row a month, locked by whoever changes it.

Rows are always locked in one statement and in one order, and after rows of codes, never before: so
several campaigns that decide at once take turns, and nobody waits in a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kernel.sdk import Context
    from plugins.discounts.manifest import DiscountsSettings

Kind = Literal["day", "month"]
ZERO = Decimal(0)
CENT = Decimal("0.01")

_MAKE = """
INSERT INTO discounts_budget (tenant_id, kind, period)
SELECT $1, p.kind, p.period FROM unnest($2::text[], $3::date[]) p (kind, period)
ORDER BY 2, 3 ON CONFLICT DO NOTHING
"""
_READ = """
SELECT b.kind, b.period, b.reserved, b.settled FROM discounts_budget b
WHERE b.tenant_id = $1 AND (b.kind, b.period) IN (SELECT * FROM unnest($2::text[], $3::date[]))
ORDER BY b.kind, b.period
"""
_MOVE = """
UPDATE discounts_budget b SET reserved = b.reserved + m.reserved, settled = b.settled + m.settled
FROM unnest($2::text[], $3::date[], $4::numeric[], $5::numeric[]) m (kind, period, reserved, settled)
WHERE b.tenant_id = $1 AND b.kind = m.kind AND b.period = m.period
"""


class Line(Frozen):
    """A day's or a month's budget; `limit` 0: none."""

    kind: Kind
    period: date
    reserved: Decimal = ZERO
    settled: Decimal = ZERO
    limit: Decimal = ZERO

    @property
    def left(self) -> Decimal | None:
        """What may still be set aside; None where there is no limit."""
        return max(ZERO, self.limit - self.reserved - self.settled) if self.limit else None


@dataclass
class Purse:
    """Both budgets of today while a batch is decided."""

    lines: tuple[Line, Line]
    taken: Decimal = ZERO

    def short(self, cost: Decimal) -> Line | None:
        """The budget that cannot bear `cost` any more, the tighter one first; None: both can."""
        lacking = [line for line in self.lines if line.left is not None and self.free(line) < cost]
        return min(lacking, key=self.free, default=None)

    def free(self, line: Line) -> Decimal:
        """What is left of a limited line after what this batch took."""
        return (line.left or ZERO) - self.taken

    def take(self, cost: Decimal) -> None:
        """Set aside; give back with a negative cost."""
        self.taken += cost


def today(ctx: Context) -> date:
    """The day of the tenant's calendar."""
    return ctx.now.astimezone(ZoneInfo(ctx.tenant.timezone)).date()


async def lock(ctx: Context, days: Iterable[date]) -> None:
    """Hold the rows of these days and their months until the transaction ends."""
    kinds, periods = _periods(days)
    await ctx.db.execute(_MAKE, ctx.tenant.id, kinds, periods)
    await ctx.db.fetch(_READ + " FOR UPDATE OF b", ctx.tenant.id, kinds, periods)


async def move(ctx: Context, moves: Mapping[date, tuple[Decimal, Decimal]]) -> None:
    """Add to what is reserved and settled, by the day the codes were granted on; they must be locked."""
    sums: dict[tuple[Kind, date], tuple[Decimal, Decimal]] = {}
    for day, (reserved, settled) in moves.items():
        for key in _both(day):
            before = sums.get(key, (ZERO, ZERO))
            sums[key] = (before[0] + reserved, before[1] + settled)
    if sums:
        await ctx.db.execute(
            _MOVE,
            ctx.tenant.id,
            [kind for kind, _ in sums],
            [period for _, period in sums],
            [reserved for reserved, _ in sums.values()],
            [settled for _, settled in sums.values()],
        )


async def lines(ctx: Context, settings: DiscountsSettings) -> tuple[Line, Line]:
    """Today's and this month's budget as they stand."""
    keys = _both(today(ctx))
    kinds, periods = _periods([today(ctx)])
    rows = await ctx.db.fetch(_READ, ctx.tenant.id, kinds, periods)
    found = {(row["kind"], row["period"]): row for row in rows}
    limits = (settings.daily_budget, settings.monthly_budget)
    day, month = (
        Line(
            kind=kind,
            period=period,
            reserved=found[kind, period]["reserved"] if (kind, period) in found else ZERO,
            settled=found[kind, period]["settled"] if (kind, period) in found else ZERO,
            limit=Decimal(str(limit)).quantize(CENT, ROUND_DOWN),
        )
        for (kind, period), limit in zip(keys, limits, strict=True)
    )
    return day, month


def _both(day: date) -> tuple[tuple[Kind, date], tuple[Kind, date]]:
    return ("day", day), ("month", day.replace(day=1))


def _periods(days: Iterable[date]) -> tuple[list[str], list[date]]:
    keys = sorted({key for day in days for key in _both(day)})
    return [kind for kind, _ in keys], [period for _, period in keys]
