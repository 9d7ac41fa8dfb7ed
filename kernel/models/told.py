"""The figures of an evaluation beside those of the simple methods, in words for a page."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    from kernel.contracts.models import Evaluation

LESS, MORE = "less is better", "more is better"
_KNOWN = {
    "log_loss": (
        "Log loss",
        LESS,
        "How far the probabilities were from what happened; 0 is perfect.",
    ),
    "auc": (
        "AUC",
        MORE,
        "How often, of two customers, the right one was rated higher; 0.5 is a coin.",
    ),
    "brier": (
        "Brier score",
        LESS,
        "The mean square of the distance from what happened; 0 is perfect.",
    ),
    "calibration_error": (
        "Calibration error",
        LESS,
        "How far off the probabilities are on average.",
    ),
}
_METHODS = {
    "recency_only": "Recency alone",
    "rfm_logistic": "Recency, frequency and money",
}


class Figure(Frozen):
    """One figure of a model and of the simple methods, in the order of `rivals`."""

    name: str
    title: str
    better: str
    """Which way is better, or empty where nobody knows."""
    help: str
    mine: float | None
    others: tuple[float | None, ...]


def rivals(found: Evaluation) -> tuple[str, ...]:
    """What pages call the simple methods it is compared with."""
    return tuple(rival(found, one) for one in found.baselines)


def rival(found: Evaluation, name: str) -> str:
    """What pages call one of the simple methods."""
    return found.words.get(name) or _METHODS.get(name) or words(name)


def figures(found: Evaluation) -> tuple[Figure, ...]:
    """The one it is judged by first; nothing where it could not be judged."""
    names = sorted(found.metrics, key=lambda name: name != found.metric)
    return () if found.missing else tuple(_figure(found, name) for name in names)


def title(found: Evaluation, name: str) -> str:
    """What pages call a figure."""
    return found.words.get(name) or (_KNOWN[name][0] if name in _KNOWN else words(name))


def words(name: str) -> str:
    """`hit_at_10` as one reads it: Hit at 10."""
    said = name.replace("_", " ").strip()
    return said[:1].upper() + said[1:]


def _figure(found: Evaluation, name: str) -> Figure:
    _, better, told = _KNOWN.get(name, ("", "", ""))
    if name == found.metric:
        better = LESS if found.lower_is_better else MORE
    return Figure(
        name=name,
        title=title(found, name),
        better=better,
        help=told,
        mine=_known(found.metrics[name]),
        others=tuple(_known(row.get(name)) for row in found.baselines.values()),
    )


def _known(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
