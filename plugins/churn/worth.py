"""When the next order is to be expected, and how much money in the horizon."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import Frozen
from plugins.churn import bgnbd
from plugins.churn.bgnbd import Floats, Rhythm

ORDERS = 3.0
"""A customer's own order value counts like so many orders of the shop's usual value are against it."""
RARE = 0.8
"""Above this chance of no order, no date is told."""
WEEK = 7
_DAY = 86_400_000_000
LEAST, MOST = 0.5, 2.0


class Worth(Frozen):
    """What the shop's customers spend: the usual value of an order day, and how far sums were off."""

    value: float
    scale: float = 1.0


def usual(frame: pl.DataFrame) -> Worth:
    """The mean value of an order day, customers far above the others counting like the hundredth."""
    own = (frame["total_spent"] / frame["order_days"]).cast(pl.Float64)
    top = own.quantile(0.99, "lower")
    mean: Any = own.clip(0, top).mean() if frame.height else 0.0
    return Worth(value=float(mean or 0.0))


def settled(worth: Worth, said: Floats, was: Floats) -> Worth:
    """Scaled to what a closed window brought; a part of the way, for the next one will differ too."""
    expected = said.sum() + worth.value
    if expected <= 0:  # everything was free
        return worth
    off = np.clip((was.sum() + worth.value) / expected, LEAST, MOST)
    return Worth(value=worth.value, scale=float(np.sqrt(off)))


def value(worth: Worth, rhythm: Rhythm, frame: pl.DataFrame, gone: Floats, horizon: int) -> Floats:
    """The money to expect of each customer in the horizon.

    Args:
        gone: the chance that they do not order in it.
    """
    days = frame["order_days"].to_numpy()
    own = frame["total_spent"].to_numpy()
    order = (own + ORDERS * worth.value) / (days + ORDERS)
    # How many orders, if any, is the rhythm's to say; whether any, the model's.
    any_order = np.maximum(1 - bgnbd.no_order(rhythm, frame, horizon), 1e-6)
    orders = np.maximum(bgnbd.order_days(rhythm, frame, horizon) / any_order, 1.0) * (1 - gone)
    return np.asarray(orders * order * worth.scale)


def next_order(
    rhythm: Rhythm, frame: pl.DataFrame, gone: Floats, now: Any, horizon: int
) -> pl.Series:
    """When the next order is as likely to have come as not, given one comes in the horizon; to the
    week, so that it does not move every day. Null for whom none is likely.

    Args:
        now: the moment, in microseconds since 1970.
    """
    again, _, known = bgnbd.counts(frame)
    shape, span = rhythm.r + again, rhythm.alpha + known
    come = 1 - (span / (span + horizon)) ** shape
    wait = span * ((1 - come / 2) ** (-1 / shape) - 1)
    week = np.ceil((now + wait * _DAY) / (_DAY * WEEK)) * WEEK * _DAY
    moment = pl.Series(week.astype(np.int64)).cast(pl.Datetime("us", "UTC"))
    return moment.set(pl.Series(gone > RARE), None)


def rounded(amounts: Floats) -> Floats:
    """Two digits that count: 47 and not 46.83, which would be another number tomorrow."""
    size = np.floor(np.log10(np.maximum(np.abs(amounts), 0.1))) - 1
    return np.round(np.asarray(amounts / 10**size)) * 10**size
