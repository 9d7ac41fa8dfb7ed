"""The pauses between order days of a shop's customers, and the horizon that follows from them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from kernel.sdk import History
from plugins.churn.bgnbd import Floats

FACTOR, SHORTEST, LONGEST = 1.5, 30, 180
_DAY = 86_400_000_000
UNKNOWN = 90
"""Days to look ahead where nobody came back yet."""


def pauses(history: History, as_of: datetime) -> Floats:
    """The length in days of every pause between two order days of a customer before `as_of`."""
    if history.timezone == "UTC":
        day = pl.col("ordered_at").to_physical() // _DAY
    else:
        day = pl.col("ordered_at").dt.convert_time_zone(history.timezone).dt.date().to_physical()
    # Orders stand by customer and time: the one before is the row before. No pause within a day.
    same = pl.col("customer_id") == pl.col("customer_id").shift(1)
    found = (
        history.orders.lazy()
        .filter(pl.col("ordered_at") < as_of, ~pl.col("is_return"))
        .select(gap=day.cast(pl.Int32).diff(), same=same)
        .filter("same", pl.col("gap") > 0)
        .select(pl.col("gap").cast(pl.Float64))
        .collect()
    )
    return found["gap"].to_numpy()


def horizon(gaps: Floats) -> int:
    """How many days ahead to look: one and a half usual pauses, from a month to half a year."""
    if not len(gaps):
        return UNKNOWN
    return round(float(np.clip(FACTOR * np.median(gaps), SHORTEST, LONGEST)))
