"""Who went from which segment to which, month by month, under the same borders."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import History, features
from plugins.rfm import segments
from plugins.rfm.segments import Segments

MONTH, MONTHS = 30, 6
SAMPLE = 20_000
"""Customers whose movements are followed; shares are told of all."""


def followed(history: History, frame: pl.DataFrame) -> History:
    """The history of the first customers of the frame, which is as good as shuffled."""
    if frame.height <= SAMPLE:
        return history
    some = frame.head(SAMPLE).select("customer_id")
    return replace(history, orders=history.orders.join(some, on="customer_id", how="semi"))


def places(history: History, at: datetime, found: Segments) -> pl.DataFrame:
    """`customer_id` and `place` (0 the best) of everyone who had ordered before `at`."""
    frame = features(history, at)
    return frame.select("customer_id", place=pl.Series(segments.assign(found, segments.raw(frame))))


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
