"""Segments: KMeans on recency, frequency and money, with everything frozen that could drift.

log1p, then standardised with a kept scaler, cut at 2.5 standard deviations (wholesalers), then stretched
threefold along the direction of value, (-R, F, M): what segments are for is who is worth how much, and
without it two of five regularly swap places in what they spend next. Starts are not drawn but set at
fixed shares of customers by value, and the solutions of several resamples are averaged, so that another
sample of the same customers finds the same borders.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from kernel.sdk import Frozen, InvalidInput
from plugins.rfm.quintiles import Quintiles

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLE = 50_000
"""Customers it is fitted on: the first of a frame whose order is as good as shuffled."""
RFM = ("days_since_order", "order_days", "total_spent")
CUT, STRETCH = 2.5, 3.0
VALUE = np.array([-1.0, 1.0, 1.0]) / np.sqrt(3.0)
LEAST_SHARE = 0.03
"""A segment smaller than this is no segment: then there is one less."""
SIZES = ((50, 5), (20, 4), (8, 3), (3, 2))
"""From so many customers on, so many segments."""
BAGS, BAG, BAG_FROM = 10, 20_000, 500
SAME, WORSE = 0.9, 1.05
"""A new segmentation that agrees so far with the one in use, or is no tighter by more than this, is not
worth the change."""
SEED = 20_261_124
STARTS = {5: (0.08, 0.25, 0.5, 0.75), 4: (0.1, 0.35, 0.65), 3: (0.2, 0.6), 2: (0.4,), 1: ()}
NAMES = {
    5: ("Champions", "Loyal", "Promising", "At Risk", "Lost"),
    4: ("Champions", "Loyal", "At Risk", "Lost"),
    3: ("Champions", "Promising", "At Risk"),
    2: ("Loyal", "At Risk"),
    1: ("Everyone",),
}


class Segments(Frozen):
    """A segmentation: the scaler and the centroids, best segment first."""

    centre: list[float]
    scale: list[float]
    centroids: list[list[float]]
    """In the stretched space."""
    names: list[str]
    quintiles: Quintiles


def raw(frame: pl.DataFrame) -> Floats:
    """R, F and M of a feature frame as log1p."""
    columns = (pl.col(name).cast(pl.Float64).fill_null(0).clip(0).log1p() for name in RFM)
    return frame.select(columns).to_numpy()


def assign(segments: Segments, points: Floats) -> Ints:
    """The place of the nearest centroid of each point of `raw`; 0 is the best segment."""
    scaled = (points - np.array(segments.centre)) / np.array(segments.scale)
    return _nearest(_stretched(scaled), np.array(segments.centroids))


def fit(frame: pl.DataFrame, most: int = 5, previous: Segments | None = None) -> Segments:
    """The segments of the customers of a feature frame (at least one).

    Args:
        frame: rows in the order of `features`.
        most: segments at most.
        previous: the segmentation in use; it is kept as it is while it still fits, and then its
            centroids are where the search begins, so that each segment is found again.
    """
    points = raw(frame.head(SAMPLE))
    quintiles = Quintiles.of(frame.head(SAMPLE))
    centre, scale = points.mean(axis=0), points.std(axis=0)
    scale = np.where(scale < 1e-9, 1.0, scale)
    at = _stretched((points - centre) / scale)
    count = min(most, next((k for n, k in SIZES if len(points) >= n), 1))
    # Never more than there are different customers to be told apart.
    count = min(count, len(np.unique(np.round(at, 9), axis=0)))
    found = at.mean(axis=0, keepdims=True)
    if previous is not None and len(previous.centroids) == count > 1:
        place = assign(previous, points)
        if _fits(place, at, count):
            return previous
        again = _again(previous, place, at, centre, scale)
        if again is not None:
            found, count = again, 1
    while count > 1:
        tried = _averaged(at, count)
        if tried is not None and _sound(at, tried):
            found = tried
            break
        count -= 1
    found = found[np.argsort(-(found @ VALUE), kind="stable")]
    return Segments(
        centre=centre.tolist(),
        scale=scale.tolist(),
        centroids=found.tolist(),
        names=list(NAMES[len(found)]),
        quintiles=quintiles,
    )


def _fits(place: Ints, at: Floats, count: int) -> bool:
    """Whether the segments in use are still good enough: none too small, and about as tight as those one
    finds from there.
    """
    if not _held(place, count):
        return False
    means = np.array([at[place == number].mean(axis=0) for number in range(count)])
    found = _nearest(at, _lloyd(at, means))
    return agreement(place, found) >= SAME or spread(at, place) <= WORSE * spread(at, found)


def _again(
    previous: Segments, place: Ints, at: Floats, centre: Floats, scale: Floats
) -> Floats | None:
    """The centroids found when the search begins at the previous ones: where they are in days and money;
    but if a segment has emptied there, where they were among the customers (all prices may have risen).
    """
    starts = [_stretched((_unstretched(previous) - centre) / scale), np.array(previous.centroids)]
    if not _held(place, len(starts[0])):
        starts.reverse()
    tried = (_lloyd(at, start) for start in starts)
    return next((found for found in tried if _sound(at, found)), None)


def spread(at: Floats, place: Ints) -> float:
    """How far customers are from the middle of their segments: the sum of squares."""
    sizes = np.maximum(np.bincount(place), 1)
    sums = np.column_stack([np.bincount(place, column) for column in at.T])
    return float((at**2).sum() - (sums**2 / sizes[:, None]).sum())


def _stretched(scaled: Floats) -> Floats:
    cut = np.clip(scaled, -CUT, CUT)
    return np.asarray(cut + (STRETCH - 1) * (cut @ VALUE)[:, None] * VALUE)


def _unstretched(segments: Segments) -> Floats:
    """The centroids as points of `raw`."""
    centroids = np.array(segments.centroids)
    plain = centroids - (1 - 1 / STRETCH) * (centroids @ VALUE)[:, None] * VALUE
    return np.asarray(plain * np.array(segments.scale) + np.array(segments.centre))


def _starts(at: Floats, count: int) -> Floats | None:
    """The means of the customers between fixed shares of them by value."""
    order = np.argsort(np.argsort(-(at @ VALUE), kind="stable"), kind="stable") / len(at)
    group = np.searchsorted(STARTS[count], order, side="right")
    if len(np.unique(group)) < count:
        return None
    return np.array([at[group == number].mean(axis=0) for number in range(count)])


def _lloyd(at: Floats, start: Floats) -> Floats:
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(len(start), init=start, n_init=1, tol=1e-5).fit(at).cluster_centers_)


def _averaged(at: Floats, count: int) -> Floats | None:
    """The mean of the solutions of resamples; of few customers the one solution there is."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(BAGS if len(at) >= BAG_FROM else 1):
        some = at
        if len(at) >= BAG_FROM:
            some = at[rng.integers(0, len(at), min(len(at), BAG))]
        start = _starts(some, count)
        if start is None or len(np.unique(np.round(start, 9), axis=0)) < count:
            return None
        centroids = _lloyd(some, start)
        found.append(centroids[np.argsort(-(centroids @ VALUE), kind="stable")])
    return np.asarray(np.mean(found, axis=0))


def _nearest(at: Floats, centroids: Floats) -> Ints:
    # The square of the point is the same for all centroids.
    far = (centroids**2).sum(axis=1) - 2 * at @ centroids.T
    return np.asarray(far.argmin(axis=1))


def _sound(at: Floats, centroids: Floats) -> bool:
    """Whether no segment is too small."""
    return _held(_nearest(at, centroids), len(centroids))


def _held(place: Ints, count: int) -> bool:
    return bool(np.bincount(place, minlength=count).min() >= LEAST_SHARE * len(place))


def agreement(one: Ints, other: Ints) -> float:
    """How far two segmentations of the same customers agree: the adjusted Rand index, 1 for fully."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(one, other))


def encode(segments: Segments) -> bytes:
    """The artefact in bytes."""
    return msgspec.msgpack.encode(segments)


def decode(artefact: bytes) -> Segments:
    """The segmentation in an artefact.

    Raises:
        InvalidInput: it is none, or does not fit this code.
    """
    try:
        found = msgspec.msgpack.decode(artefact, type=Segments)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidInput(f"This is no segmentation: {error}.") from error
    rows: list[Any] = [found.centre, found.scale, *found.centroids]
    numbers = [number for row in rows for number in row]
    fits = all(len(row) == len(RFM) for row in rows) and 1 <= len(found.centroids) <= 5
    if not fits or len(found.names) != len(found.centroids) or not found.quintiles.fits():
        raise InvalidInput("The segmentation has another shape than this code reads.")
    if not all(map(math.isfinite, numbers)) or min(found.scale) <= 0:
        raise InvalidInput("The segmentation holds numbers that cannot be.")
    return found
