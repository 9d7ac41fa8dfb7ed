"""The pauses between order days of a shop's customers, and the horizon that follows from them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from kernel.sdk import History
from plugins.churn.bgnbd import Floats

FACTOR, SHORTEST, LONGEST = 1.5, 30, 180
UNKNOWN = 90
"""Days to look ahead where nobody came back yet."""


def pauses(history: History, as_of: datetime) -> Floats:
    """The length in days of every pause between two order days of a customer before `as_of`, sorted."""
    orders = history.orders.filter(pl.col("ordered_at") < as_of, ~pl.col("is_return"))
    day = pl.col("ordered_at").dt.convert_time_zone(history.timezone).dt.date().to_physical()
    days = orders.select("customer_id", day=day).unique().sort("customer_id", "day")
    gap = pl.col("day") - pl.col("day").shift(1).over("customer_id")
    return days.select(gap=gap.cast(pl.Float64)).drop_nulls()["gap"].sort().to_numpy()


def horizon(gaps: Floats) -> int:
    """How many days ahead to look: one and a half usual pauses, from a month to half a year."""
    if not len(gaps):
        return UNKNOWN
    return round(float(np.clip(FACTOR * np.median(gaps), SHORTEST, LONGEST)))
