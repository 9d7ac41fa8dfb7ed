"""Who went from which segment to which, month by month, under the same borders.

Where somebody stood at an earlier moment is computed from what had happened by then, with the segments in
use now: so a move is always something a customer did or left undone, never a border that moved.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import History, features
from plugins.rfm import segments
from plugins.rfm.segments import RFM, Segments

MONTH, MONTHS = 30, 6
"""Days of a month here, and how many of them are looked back on."""
SAMPLE = 20_000
"""Customers whose months are followed; where everyone stood one month ago is a trait."""
NEW = "New"
"""Stands for the segment of who had not ordered yet."""


def followed(history: History, frame: pl.DataFrame) -> History:
    """The history of the first customers of the frame, which is as good as shuffled."""
    if frame.height <= SAMPLE:
        return history
    some = frame.head(SAMPLE).select("customer_id")
    return replace(history, orders=history.orders.join(some, on="customer_id", how="semi"))


def places(history: History, at: datetime, found: Segments) -> pl.DataFrame:
    """`customer_id` and `place` (0 the best) of everyone who had ordered before `at`."""
    frame = features(history, at, names=RFM)
    return frame.select("customer_id", place=pl.Series(segments.assign(found, segments.raw(frame))))


def a_month_ago(
    history: History, as_of: datetime, found: Segments, now: pl.DataFrame
) -> pl.DataFrame:
    """`now` (`customer_id`, `segment`) and `before`: the segment a month before `as_of`, NEW for who had
    not ordered by then, and null where it is the same.
    """
    then = places(history, as_of - timedelta(days=MONTH), found).select(
        "customer_id", before=_names(pl.col("place"), found)
    )
    both = now.join(then, on="customer_id", how="left", maintain_order="left")
    before = pl.col("before").fill_null(NEW)
    return both.with_columns(before=pl.when(before != pl.col("segment")).then(before))


def months(history: History, as_of: datetime, found: Segments) -> list[dict[str, Any]]:
    """Each of the last months, oldest first: `at`, `sizes` (shares of the customers known then), `moved`
    (from which segment (row) to which (column) since the month before, counted in customers), and
    `came` (customers new since then, by segment).

    Args:
        history: of all customers or a sample.
    """
    count = len(found.names)
    told: list[dict[str, Any]] = []
    last: pl.DataFrame | None = None
    for month in range(MONTHS, -1, -1):
        at = as_of - timedelta(days=MONTH * month)
        now = places(history, at, found)
        if not now.height:
            continue
        sizes = np.bincount(now["place"].to_numpy(), minlength=count)
        row: dict[str, Any] = {
            "at": f"{at:%Y-%m-%d}",
            "sizes": np.round(sizes / now.height, 4).tolist(),
        }
        if last is not None:
            both = last.join(now, on="customer_id", how="inner", suffix="_now")
            cell = both["place"].to_numpy() * count + both["place_now"].to_numpy()
            moved = np.bincount(cell, minlength=count * count).reshape(count, count)
            new = now.join(last, on="customer_id", how="anti")["place"].to_numpy()
            row |= {
                "moved": moved.tolist(),
                "came": np.bincount(new, minlength=count).tolist(),
            }
        told.append(row)
        last = now
    return told


def _names(place: pl.Expr, found: Segments) -> pl.Expr:
    return place.replace_strict(list(range(len(found.names))), found.names, return_dtype=pl.String)
