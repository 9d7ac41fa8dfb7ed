"""Whether a model said the same twice."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def alike(one: Sequence[pl.DataFrame | bytes], other: Sequence[pl.DataFrame | bytes]) -> bool:
    """Frames equal to the last digit, type and name; artefacts to the last byte."""
    return len(one) == len(other) and all(
        left.equals(right)
        if isinstance(left, pl.DataFrame) and isinstance(right, pl.DataFrame)
        else left == right
        for left, right in zip(one, other, strict=True)
    )
