"""What was known of the customers at a moment, as a matrix, and who did not order after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import History, before, features, future
from plugins.churn import bgnbd
from plugins.churn.bgnbd import Floats, Rhythm

MONTH = 30
"""Days between two snapshots."""
SAMPLE = 30_000
"""Customers a model learns from."""
NEWEST, OLDER = 30_000, 10_000
"""Customers of the newest snapshot, and of each older one: they repeat much of it."""
SNAPSHOTS = 4
FADE = 0.6
"""What a snapshot a month older weighs."""
YOUNGEST = 30
"""Days of history a snapshot needs to teach anything."""
_SEED = 20_261_125

COLUMNS = (
    "days_since_order", "days_since_first_order", "orders_count", "order_days", "total_spent",
    "average_order_value", "first_order_value", "last_order_value", "max_order_value", "units_count",
    "lines_count", "mean_gap_days", "gap_std_days", "last_gap_days", "overdue_ratio",
    "order_days_per_30d", "order_days_30d", "spent_30d", "order_days_60d", "spent_60d",
    "order_days_90d", "spent_90d", "order_days_180d", "spent_180d", "order_days_365d", "spent_365d",
    "order_days_season", "returns_count", "returned_share",
)  # fmt: skip
"""Features the learners see, as log1p. Mails are not among them: whom we write to depends on the risk,
so the risk must not depend on whom we wrote to."""
BEYOND = ("ordered once", "no order by rhythm", "active by rhythm")
"""Columns beside them: no pause yet, and two of the BG/NBD model."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Customers at a moment, one a row; rows stand in an order that depends on their contents alone."""

    at: datetime
    frame: pl.DataFrame
    """The feature frame; with `spent` of the horizon, where that is over."""
    x: Floats
    gone: Floats | None
    """1 for no order in the horizon, 0 for one; None where that is not asked."""


def columns() -> tuple[str, ...]:
    """The names of the matrix's columns."""
    return (*COLUMNS, *BEYOND)


def matrix(frame: pl.DataFrame, rhythm: Rhythm, horizon: int) -> Floats:
    """The feature frame as numbers for learners: log1p, 0 for nothing, and the BG/NBD columns."""
    logs = (pl.col(name).cast(pl.Float64).fill_null(0).clip(0).log1p() for name in COLUMNS)
    once = pl.col("mean_gap_days").is_null().cast(pl.Float64)
    quiet = np.clip(bgnbd.no_order(rhythm, frame, horizon), 1e-6, 1 - 1e-6)
    beyond = np.column_stack([np.log(quiet / (1 - quiet)), bgnbd.active(rhythm, frame)])
    return np.hstack([frame.select(*logs, once=once).to_numpy(), beyond])


def snapshot(
    history: History, at: datetime, rhythm: Rhythm, horizon: int, most: int, *, closed: bool = True
) -> Snapshot:
    """The customers at `at`, at most so many.

    Args:
        history: must end at or after the horizon, if that is to be `closed`.
        at: where the features end and the horizon begins.
        rhythm: BG/NBD parameters.
        horizon: days.
        most: a sample of so many at most, the same for the same contents.
        closed: whether the horizon is over, so that it is known who did not order.
    """
    frame = features(history, at)
    if closed:
        then = future(history, at, horizon).select("customer_id", "spent", "ordered")
        frame = frame.join(then, on="customer_id", how="left").with_columns(
            pl.col("spent").fill_null(0.0), pl.col("ordered").fill_null(False)
        )
        # Customers with equal features may differ in what came: they too need an order of their own.
        content = pl.struct(pl.exclude("customer_id", "ordered", "spent")).hash(_SEED)
        frame = frame.sort(content, "ordered", "spent")
    frame = frame.head(most)
    gone = 1.0 - frame["ordered"].cast(pl.Float64).to_numpy() if closed else None
    return Snapshot(at=at, frame=frame, x=matrix(frame, rhythm, horizon), gone=gone)


def sampled(history: History, as_of: datetime, most: int = SAMPLE) -> History:
    """The history before `as_of` of a sample of customers, chosen by what they did, not by their ids."""
    past = before(history, as_of)
    if past.orders["customer_id"].n_unique() <= most:
        return past
    at, cents = pl.col("ordered_at").to_physical(), (pl.col("amount").fill_null(0) * 100).round()
    sums = past.orders.group_by("customer_id").agg(
        n=pl.len(), first=at.min(), sum=(at // 1_000_000).sum(), cents=cents.cast(pl.Int64).sum()
    )
    mark = pl.struct("n", "first", "sum", "cents").hash(_SEED)
    # Who cannot be told apart from the last of the sample is in it too.
    chosen = sums.filter(mark <= sums.select(mark.sort().get(most - 1)).item())
    some = past.orders.join(chosen.select("customer_id"), on="customer_id", how="semi")
    return replace(past, orders=some.sort("customer_id", "ordered_at", "amount"))


def began(history: History, as_of: datetime) -> datetime | None:
    """When the shop's history really begins: a hundredth of the orders may be strays before it."""
    at = history.orders.filter(pl.col("ordered_at") < as_of, ~pl.col("is_return"))["ordered_at"]
    found: Any = at.sort().gather([at.len() // 100]).first() if at.len() else None
    return found


def closed_windows(
    history: History, as_of: datetime, rhythm: Rhythm, horizon: int, start: datetime
) -> list[Snapshot]:
    """The last snapshots whose horizon ends at or before `as_of`, a month apart, newest first.

    Args:
        history: of a sample of customers.
        start: when the history began; a snapshot has at least a month before it.
    """
    found = []
    for month in range(SNAPSHOTS):
        at = as_of - timedelta(days=horizon + MONTH * month)
        if at - start < timedelta(days=YOUNGEST):
            break
        found.append(snapshot(history, at, rhythm, horizon, OLDER if month else NEWEST))
    return [one for one in found if one.frame.height]


def stacked(windows: list[Snapshot]) -> tuple[Floats, Floats, Floats]:
    """All rows of the snapshots, who was gone, and what each row weighs."""
    newest = windows[0].at
    weights = [
        np.full(one.frame.height, FADE ** ((newest - one.at).days / MONTH)) for one in windows
    ]
    gone = [one.gone for one in windows if one.gone is not None]
    return np.vstack([one.x for one in windows]), np.concatenate(gone), np.concatenate(weights)
