"""The classic score beside the segments: fifths of customers by R, F and M, 1 to 5 each, 5 the best."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kernel.sdk import Frozen

Ints = NDArray[np.int64]
FIFTHS = 5
_BEST_IS = {"days_since_order": -1, "order_days": 1, "total_spent": 1}


class Quintiles(Frozen):
    """From which value on 2, 3, 4 and 5 points are given; of days, with the sign turned."""

    r: list[float]
    f: list[float]
    m: list[float]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Quintiles:
        """The borders among the customers of a feature frame. Equal values get equal points: those
        of the middle of their ranks.
        """
        return cls(**dict(zip("rfm", (_borders(column) for column in _values(frame)), strict=True)))

    def points(self, frame: pl.DataFrame) -> Ints:
        """R, F and M points of each row: a matrix of three columns."""
        columns = [
            1 + np.searchsorted(borders, column, side="right")
            for borders, column in zip((self.r, self.f, self.m), _values(frame), strict=True)
        ]
        return np.column_stack(columns).astype(np.int64)

    def fits(self) -> bool:
        """Whether the borders are borders."""
        return all(
            len(row) == FIFTHS - 1 and not np.isnan(row).any() and (np.diff(row) >= 0).all()
            for row in (np.array(self.r), np.array(self.f), np.array(self.m))
        )


def _values(frame: pl.DataFrame) -> list[NDArray[np.float64]]:
    return [
        frame[name].cast(pl.Float64).fill_null(0).to_numpy() * sign
        for name, sign in _BEST_IS.items()
    ]


def _borders(column: NDArray[np.float64]) -> list[float]:
    values, counts = np.unique(column, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2) / max(len(column), 1)
    points = np.clip(np.ceil(middle * FIFTHS), 1, FIFTHS)
    # Above the largest value: nobody has so many points, and the border stays a number for JSON.
    beyond = float(values[-1]) + 1e12 if len(values) else 1e12
    return [
        float(values[points >= wanted][0]) if (points >= wanted).any() else beyond
        for wanted in range(2, FIFTHS + 1)
    ]
