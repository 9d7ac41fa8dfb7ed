"""How good segments are: what they tell of the next money, and whether they would be found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from plugins.rfm import segments, words
from plugins.rfm.segments import LEAST_SHARE, RFM, SEED, Floats, Ints, Segments

RESAMPLES, RESAMPLE = 8, 10_000
WORDS = {
    "explained": "Share of the next spending explained",
    "rank_rho": "Better segments spend more",
    "smallest": "Share of customers in the smallest segment",
    "stability": "Found again in other samples",
    "kmeans": "K-means on recency, frequency and money",
    "kmeans_raw": "Grouping by raw numbers",
}
"""What pages call the figures."""


def measures(place: Ints, spent: Floats) -> dict[str, float]:
    """Of segments numbered by rank (0 the best) and the money spent after: `explained`, the share of the
    variance of log money between segments; `rank_rho`, the rank correlation of segments and their mean
    money, 1 where each better segment spends more; `smallest`, a share.
    """
    count = int(place.max()) + 1
    sizes = np.bincount(place, minlength=count)
    held = sizes > 0
    means = np.bincount(place, spent, count)[held] / sizes[held]
    rho = 1.0
    if held.sum() > 1:
        ranks = pl.Series(-means).rank("average").to_numpy()
        spread = ranks.std() * np.arange(len(ranks)).std()
        off = ((ranks - ranks.mean()) * (np.arange(len(ranks)) - (len(ranks) - 1) / 2)).mean()
        rho = float(off / spread) if spread > 0 else 0.0
    return {
        "explained": explained(place, spent),
        "rank_rho": rho,
        "smallest": float(sizes[held].min() / len(place)),
    }


def explained(place: Ints, spent: Floats) -> float:
    """The share of the variance of log1p(spent) that lies between the groups; 0 where nobody differs."""
    logs = np.log1p(spent)
    whole = ((logs - logs.mean()) ** 2).sum()
    if whole <= 0:
        return 0.0
    _, group, sizes = np.unique(place, return_inverse=True, return_counts=True)
    means = np.bincount(group, logs) / sizes
    return float((sizes * (means - logs.mean()) ** 2).sum() / whole)


def stability(frame: pl.DataFrame, found: Segments, most: int) -> float | None:
    """The mean agreement of the segments with those of resamples of the same customers (drawn with
    replacement, everything fitted anew); None for too few customers to ask.
    """
    frame = frame.head(RESAMPLE).select("customer_id", *RFM)
    if frame.height < segments.SIZES[0][0]:
        return None
    rng = np.random.default_rng(SEED)
    agreed = []
    for _ in range(RESAMPLES):
        some = frame[rng.integers(0, frame.height, frame.height)]
        points = segments.raw(some)
        other = segments.fit(some, most)
        agreed.append(
            segments.agreement(segments.assign(found, points), segments.assign(other, points))
        )
    return float(np.mean(agreed))


def baselines(frame: pl.DataFrame, found: Segments, spent: Floats) -> dict[str, dict[str, float]]:
    """The measures of KMeans on R, F and M as they are, five groups, as one gets it by default."""
    from sklearn.cluster import KMeans

    points = frame.select(pl.col(name).cast(pl.Float64) for name in RFM).to_numpy()
    if len(np.unique(points, axis=0)) < len(found.names):
        return {}
    model = KMeans(len(found.names), n_init=1, random_state=SEED).fit(points[: segments.SAMPLE])
    scale = points.std(axis=0)
    scale[scale < 1e-9] = 1.0
    value = (model.cluster_centers_ / scale) @ segments.VALUE
    place = np.argsort(np.argsort(-value))[model.predict(points)]
    return {"kmeans_raw": measures(place, spent)}


def by_quintiles(frame: pl.DataFrame, found: Segments, spent: Floats) -> dict[str, Any]:
    """What the sum of quintile points tells of the next money, to compare."""
    points = found.quintiles.points(frame).sum(axis=1)
    return {"explained": round(explained(points, spent), 4)}


def spent_by(place: Ints, spent: Floats, count: int) -> tuple[Floats, Floats]:
    """The mean money of each segment, and a mean that one large order does not carry (of log1p)."""
    sizes = np.maximum(np.bincount(place, minlength=count), 1)
    usual = np.expm1(np.bincount(place, np.log1p(spent), count) / sizes)
    return np.bincount(place, spent, count) / sizes, usual


def small(names: list[str], shares: Floats) -> list[str]:
    """A sentence for each of several segments that holds too few of the customers."""
    return [
        f"Only {share:.1%} of customers are {name}; a segment should hold {LEAST_SHARE:.0%}: the borders "
        f"no longer fit the shop."
        for name, share in zip(names, shares, strict=True)
        if share < LEAST_SHARE and len(names) > 1
    ]


def redrawn(old: list[str], shares: Floats, new: list[str]) -> list[str]:
    """A sentence if segments in use had become too small, and what was done about it.

    Args:
        old: the segments in use until now,
        shares: and of all customers, who would be in each of them today.
        new: the segments found instead.
    """
    few = [
        f"{name} ({share:.1%})"
        for name, share in zip(old, shares, strict=True)
        if share < LEAST_SHARE and len(old) > 1
    ]
    if not few:
        return []
    said = "found anew" if len(new) == len(old) else f"found anew and are {len(new)} now"
    return [
        f"Too few customers were left in {words.listed(few)}, under {LEAST_SHARE:.0%}: segments were {said}."
    ]


def outspent(names: list[str], mean: Floats, usual: Floats, currency: str = "") -> list[str]:
    """A sentence if the best segment spends no more than another, whether one counts the mean or what
    is usual.
    """
    if len(names) < 2 or not mean.sum() or mean[0] > max(mean[1:]) or usual[0] > max(usual[1:]):
        return []
    other = 1 + int(np.argmax(mean[1:]))
    return [
        f"{names[0]} no longer spend most: {mean[0]:,.2f} {currency}".rstrip()
        + f" a head in the last window, {names[other]} {mean[other]:,.2f}."
    ]
