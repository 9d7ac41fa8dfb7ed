"""The day's budget: set aside before a question is asked, settled after. A row a day, locked by who writes.

The day is the shop's calendar day of real time, since real money is spent in real time.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context
    from plugins.claude.client import Usage

TODAY = "(now() AT TIME ZONE $2)::date"
_OPEN = f"""
INSERT INTO claude_spend (tenant_id, day) VALUES ($1, {TODAY}) ON CONFLICT DO NOTHING
"""
_LOCK = f"""
SELECT day, reserved_micros + spent_micros AS taken FROM claude_spend
WHERE tenant_id = $1 AND day = {TODAY} FOR UPDATE
"""
_RESERVE = """
UPDATE claude_spend SET reserved_micros = reserved_micros + $3 WHERE tenant_id = $1 AND day = $2
"""
_SETTLE = """
UPDATE claude_spend SET reserved_micros = reserved_micros - $3, spent_micros = spent_micros + $4,
  calls = calls + $5, tokens_in = tokens_in + $6, tokens_cached = tokens_cached + $7,
  tokens_out = tokens_out + $8
WHERE tenant_id = $1 AND day = $2
"""


USED_UP = "the day's budget for Claude is used up"


class Spent(Frozen):
    """A day's money in millionths of a US dollar, and what it bought."""

    day: date
    reserved_micros: int
    spent_micros: int
    calls: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int


async def reserve(tx: Context, daily_budget: float, each: Sequence[int]) -> tuple[int, date]:
    """Set money aside for as many of these questions as the day's budget still has room for.

    The day's row stays locked until the transaction ends, so nobody can overspend beside us.

    Args:
        tx: the tenant, in a transaction.
        daily_budget: US dollars.
        each: what each question may cost at most, in millionths.

    Returns:
        How many of them, from the first on, and the day on which it was set aside.
    """
    zone = tx.tenant.timezone
    await tx.db.execute(_OPEN, tx.tenant.id, zone)
    row = await tx.db.fetchrow(_LOCK, tx.tenant.id, zone)
    room = round(daily_budget * 1_000_000) - row["taken"]
    count = total = 0
    for micros in each:
        if total + micros > room:
            break
        total += micros
        count += 1
    if total:
        await tx.db.execute(_RESERVE, tx.tenant.id, row["day"], total)
    return count, row["day"]


async def settle(
    tx: Context, day: date, reserved: int, spent: int, calls: int, usage: Usage
) -> None:
    """Give back what was set aside on `day`, and note what was spent of it."""
    await tx.db.execute(
        _SETTLE,
        tx.tenant.id,
        day,
        reserved,
        spent,
        calls,
        usage.input + usage.cache_write,
        usage.cache_read,
        usage.output,
    )


async def days(tx: Context, count: int = 30) -> list[Spent]:
    """The last days on which something was spent, newest first."""
    rows = await tx.db.fetch(
        """SELECT day, reserved_micros, spent_micros, calls, tokens_in, tokens_cached, tokens_out
           FROM claude_spend WHERE tenant_id = $1 ORDER BY day DESC LIMIT $2""",
        tx.tenant.id,
        count,
    )
    return [Spent(**dict(row)) for row in rows]


async def today(tx: Context) -> Spent | None:
    """Of today, if anything was set aside."""
    row = await tx.db.fetchrow(
        f"""SELECT day, reserved_micros, spent_micros, calls, tokens_in, tokens_cached, tokens_out
            FROM claude_spend WHERE tenant_id = $1 AND day = {TODAY}""",
        tx.tenant.id,
        tx.tenant.timezone,
    )
    return None if row is None else Spent(**dict(row))
