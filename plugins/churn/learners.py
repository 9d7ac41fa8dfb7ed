"""The methods that learn from labels, fitted by scikit-learn and kept as plain numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernel.sdk import Frozen, InvalidInput
from plugins.churn import trees
from plugins.churn.bgnbd import Floats
from plugins.churn.trees import Trees

SEED = 20_261_124
FAR = 6.0
"""Standard deviations beyond which a value counts no more: wholesalers are a thousand times the median."""
PENALTY = 0.01
"""scikit-learn's C on standardised columns: many of them say nearly the same."""
FOREST, DEPTH, LEAF = 100, 8, 100
ROUNDS, STEP, BINS = 80, 0.05, 64
METHODS = ("logistic", "forest", "boosting", "blend")


class Line(Frozen):
    """A logistic regression on standardised columns: `bias + ((x - centre) / scale) . weight`."""

    centre: list[float]
    scale: list[float]
    weight: list[float]
    bias: float


class Learned(Frozen):
    """What was learned. With both parts, their log-odds are averaged."""

    line: Line | None = None
    forest: Trees | None = None
    """Its sum is a probability."""
    boosting: Trees | None = None
    """Its sum is log-odds."""


def log_odds(probability: Any) -> Floats:
    """Of probabilities, held away from 0 and 1."""
    p = np.clip(np.asarray(probability, float), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def chance(odds: Any) -> Floats:
    """The probability of log-odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0))))


def parts_of(method: str) -> tuple[str, ...]:
    """What is to be fitted for a method."""
    if method.startswith("blend"):
        return ("line", "forest")
    return ("line",) if method == "logistic" else (method,)


def learn(parts: tuple[str, ...], x: Floats, gone: Floats, weight: Floats) -> Learned:
    """The named parts fitted; the same for the same rows in the same order."""
    fitted: dict[str, Any] = {"line": _line, "forest": _forest, "boosting": _boosting}
    return Learned(**{part: fitted[part](x, gone, weight) for part in parts})


def predict(learned: Learned, x: Floats) -> Floats:
    """The log-odds that each customer is gone.

    Raises:
        InvalidInput: what was learned is of other columns than the matrix, or no numbers.
    """
    found = []
    if learned.line is not None:
        line = learned.line
        if not len(line.centre) == len(line.scale) == len(line.weight) == x.shape[1]:
            raise InvalidInput("The artefact was trained on other columns than these.")
        numbers = (*line.centre, *line.scale, *line.weight, line.bias)
        if not all(map(math.isfinite, numbers)) or min(line.scale) <= 0:
            raise InvalidInput("The regression of the artefact holds numbers that cannot be.")
        scaled = np.clip((x - np.array(line.centre)) / np.array(line.scale), -FAR, FAR)
        found.append(line.bias + scaled @ np.array(line.weight))
    if learned.forest is not None:
        found.append(log_odds(trees.total(learned.forest, x)))
    if learned.boosting is not None:
        found.append(trees.total(learned.boosting, x))
    if not found:
        raise InvalidInput("The artefact holds nothing that was learned.")
    return np.asarray(np.mean(found, axis=0))


def only(learned: Learned, method: str) -> Learned:
    """The parts of what was learned that the method uses."""
    return Learned(**{part: getattr(learned, part) for part in parts_of(method)})


def _line(x: Floats, gone: Floats, weight: Floats) -> Line:
    from sklearn.linear_model import LogisticRegression

    centre, scale = x.mean(axis=0), x.std(axis=0)
    scale[scale < 1e-9] = 1.0
    scaled = np.clip((x - centre) / scale, -FAR, FAR)
    model = LogisticRegression(C=PENALTY, max_iter=500).fit(scaled, gone, weight)
    return Line(
        centre=centre.tolist(),
        scale=scale.tolist(),
        weight=model.coef_[0].tolist(),
        bias=float(model.intercept_[0]),
    )


def _forest(x: Floats, gone: Floats, weight: Floats) -> Trees:
    from sklearn.ensemble import RandomForestClassifier

    # Left to itself a forest grows leaves of single customers and loses to three features.
    leaf = int(np.clip(len(x) / 60, 20, LEAF))
    model = RandomForestClassifier(
        FOREST,
        max_depth=DEPTH,
        min_samples_leaf=leaf,
        max_features=0.33,
        max_samples=0.5 if len(x) > 10_000 else None,
        random_state=SEED,
    )
    return trees.of_forest(model.fit(x.astype(np.float32), gone.astype(int), weight))


def _boosting(x: Floats, gone: Floats, weight: Floats) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        learning_rate=STEP,
        max_iter=ROUNDS,
        max_bins=BINS,
        max_leaf_nodes=8,
        max_depth=3,
        min_samples_leaf=50,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=SEED,
    )
    # Weighted quantiles are slow to find, and equal weights are none.
    weights = None if (weight == weight[0]).all() else weight
    return trees.of_boosting(model.fit(x.astype(np.float32), gone.astype(int), weights))


def importance(learned: Learned, names: tuple[str, ...]) -> dict[str, float]:
    """How much each column weighs in what was learned, in shares of 1, the largest first: of a
    regression its weight for a standard deviation, of trees how often customers are split by it, nodes
    near the root counting more.
    """
    found = np.zeros(len(names))
    if learned.line is not None:
        weight = np.abs(np.array(learned.line.weight))
        found += weight / max(weight.sum(), 1e-12)
    for grown in filter(None, (learned.forest, learned.boosting)):
        feature, threshold, _ = trees.arrays(grown, len(names))
        level = np.floor(np.log2(np.arange(feature.shape[1]) + 1))
        weight = np.where(np.isfinite(threshold), 0.5**level, 0.0)
        split = np.bincount(feature.ravel(), weight.ravel(), minlength=len(names))
        found += split / max(split.sum(), 1e-12)
    found /= max(found.sum(), 1e-12)
    order = np.argsort(-found, kind="stable")
    return {names[i]: round(float(found[i]), 4) for i in order if found[i] > 0}
