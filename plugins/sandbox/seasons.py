"""When people buy: the year, the week, the hour, and the streams of chance behind everything."""

from __future__ import annotations

import zlib
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEKDAY = np.array([1.08, 1.02, 0.98, 0.97, 0.95, 0.90, 1.10])
"""Relative demand, Monday first: people order on Sunday evening and on Monday."""

HOUR = np.array([
    1.0, 0.5, 0.3, 0.2, 0.2, 0.4, 1.0, 2.2, 3.4, 4.6, 5.4, 5.8,
    6.2, 5.8, 5.2, 5.0, 5.0, 5.4, 6.0, 7.0, 8.2, 8.0, 5.6, 2.8,
])  # fmt: skip
"""Relative demand by hour of the customer's day: lunch, and a higher evening."""

# day of the year, height, width in days: Black Friday to Christmas, Mother's Day, early summer
_PEAKS = ((332.0, 1.15, 7.0), (345.0, 0.75, 12.0), (130.0, 0.28, 9.0), (45.0, 0.15, 6.0))
_DIPS = ((20.0, -0.22, 18.0), (215.0, -0.15, 22.0))


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for each purpose, so that one more draw here changes nothing there.

    Drawing n values and then more gives the same first n: a later customer never changes an
    earlier one.
    """
    words = [n if isinstance(n, int) else zlib.crc32(n.encode()) for n in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


def season(days: Ints) -> Floats:
    """Relative demand on each day; averages 1 over a year.

    Args:
        days: days since 1970-01-01.
    """
    yearly = _yearly((np.asarray(days, dtype=np.float64) - 0.5) % 365.25)
    return yearly / _MEAN * WEEKDAY[(np.asarray(days) + 3) % 7] / WEEKDAY.mean()


def _yearly(day_of_year: Floats) -> Floats:
    level = np.ones_like(day_of_year)
    for centre, height, width in _PEAKS + _DIPS:
        away = np.abs(day_of_year - centre)
        away = np.minimum(away, 365.25 - away)
        level += height * np.exp(-0.5 * (away / width) ** 2)
    return level


_MEAN = float(_yearly(np.arange(365.25)).mean())


def seconds_of_day(chance: Floats, habit: Floats) -> Floats:
    """Seconds since the customer's midnight at which they act.

    Half of the chance follows everybody's hours, half a bell around their own habit (in hours).

    Args:
        chance: uniform numbers, one an act.
        habit: the hour each actor prefers.
    """
    curve = np.concatenate([[0.0], np.cumsum(HOUR) / HOUR.sum()])
    common = np.interp((chance * 2) % 1.0, curve, np.arange(25.0))
    # The logistic quantile is a bell with a closed form.
    inner = np.clip((chance * 2) % 1.0, 1e-6, 1 - 1e-6)
    own = (habit + 0.9 * np.log(inner / (1 - inner))) % 24.0
    return np.where(chance < 0.5, common, own) * 3600.0


def day_number(day: date) -> int:
    """Days from 1970-01-01 to `day`."""
    return (day - date(1970, 1, 1)).days


def to_utc(days: Floats, timezone: str) -> pl.Series:
    """Moments in the shop's time (in days since 1970-01-01, its own midnight) as UTC, to seconds.

    The hour that summer time leaves out is read as if the clock had not changed.
    """
    naive = pl.Series((np.floor(days * 86400.0) * 1_000_000).astype(np.int64)).cast(
        pl.Datetime("us")
    )
    local = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    later = (naive + timedelta(hours=1)).dt.replace_time_zone(
        timezone, ambiguous="earliest", non_existent="null"
    )
    return local.fill_null(later).dt.convert_time_zone("UTC")


def shop_midnight(day: date, timezone: str) -> datetime:
    """The beginning of the shop's day."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
