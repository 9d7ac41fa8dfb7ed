"""Why a customer is at risk or not, in words.

Reasons are kept with dates and shown with days: a date stays true, so nothing is written again while
nothing happens.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

MOST = 3
HALF = 180
_DATE = re.compile(r"\bon (\d{4}-\d{2}-\d{2})")


def reasons(frame: pl.DataFrame, as_of: datetime, timezone: str, usual: float) -> pl.Series:
    """Up to three sentences for each row of a feature frame: the customer against their own past.

    Args:
        usual: the shop's usual pause in days, for those who have none of their own.
    """
    last = pl.lit(as_of) - pl.duration(microseconds=(pl.col("days_since_order") * 86_400_000_000))
    on = last.dt.convert_time_zone(timezone).dt.strftime("%Y-%m-%d")
    days, year = pl.col("order_days").cast(pl.Int64), pl.col("order_days_365d").cast(pl.Int64)
    half = pl.col("order_days_180d").cast(pl.Int64)
    gap = pl.col("mean_gap_days").round().clip(1).cast(pl.Int64)
    rhythm = (
        pl.when(days == 1)
        .then(pl.format(f"One order so far, on {{}}; who comes back usually does within {max(round(usual), 1)} days.", on))
        .when(days == 2)
        .then(pl.format("Last order on {}, {} days after the first.", on, gap))
        .otherwise(pl.format("Last order on {}, usually every {} days.", on, gap))
    )  # fmt: skip
    before = year - half
    slower = pl.when((before >= 2) & (half < before)).then(
        pl.format(
            f"{{}} in the last {HALF} days, {{}} in the {HALF} before.", _orders(half), before
        )
    )
    faster = pl.when((half >= 3) & (half > before) & (before >= 1)).then(
        pl.format(
            f"{{}} in the last {HALF} days, {{}} in the {HALF} before.", _orders(half), before
        )
    )
    mean, newest = pl.col("total_spent") / days, pl.col("last_order_value")
    smaller = pl.when((days >= 3) & (newest < 0.5 * mean)).then(
        pl.format("The last order came to {}, usually it is {}.", _money(newest), _money(mean))
    )
    back = pl.when(pl.col("returned_share") >= 0.25).then(
        pl.format("Sent back {} % of what they bought.", (pl.col("returned_share") * 100).round().cast(pl.Int64))
    )  # fmt: skip
    told = pl.concat_list(rhythm, slower, faster, smaller, back).list.drop_nulls().list.head(MOST)
    return frame.select(told=told)["told"]


def _orders(count: pl.Expr) -> pl.Expr:
    return pl.when(count == 1).then(pl.lit("1 order")).otherwise(pl.format("{} orders", count))


def _money(amount: pl.Expr) -> pl.Expr:
    return amount.round().cast(pl.Int64)


def today(reason: str, now: datetime, timezone: str) -> str:
    """A reason with the days since its date instead of the date."""

    def ago(found: re.Match[str]) -> str:
        day = date.fromisoformat(found[1])
        past = (now.astimezone(ZoneInfo(timezone)).date() - day).days
        if past < 1:
            return "today"
        return "yesterday" if past == 1 else f"{past} days ago"

    return _DATE.sub(ago, reason)
