"""Decision trees as plain arrays: every tree filled up to the same depth, so that walking is arithmetic.

Node k has the children 2k+1 (value <= threshold) and 2k+2. A branch that ends early goes on to the same
leaf on both sides. Walking needs no links, so no array from outside can lead it astray.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernel.sdk import Frozen, InvalidInput

Floats = NDArray[np.float64]
CHUNK = 32_768
"""Rows walked at a time: they stay in the processor's cache."""
DEEPEST, MOST = 12, 2_000


class Trees(Frozen):
    """A sum of trees: `base` plus the leaf of each."""

    depth: int
    count: int
    base: float
    feature: bytes
    """int16 of each inner node, tree by tree."""
    threshold: bytes
    """float32 of each inner node."""
    leaf: bytes
    """float32 of each leaf, 2 ** depth a tree."""


def arrays(trees: Trees, columns: int) -> tuple[NDArray[np.int16], Any, Any]:
    """Features, thresholds and leaves, a row a tree.

    Raises:
        InvalidInput: they do not fit one another or a matrix of so many columns.
    """
    inner = (1 << trees.depth) - 1 if 0 < trees.depth <= DEEPEST else 0
    shape = (trees.count, inner)
    nodes, leaves = trees.count * inner, trees.count * (inner + 1)
    fits = 0 < trees.count <= MOST and inner and len(trees.feature) == 2 * nodes
    if not fits or len(trees.threshold) != 4 * nodes or len(trees.leaf) != 4 * leaves:
        raise InvalidInput("The trees of the artefact are of another size than it says.")
    feature = np.frombuffer(trees.feature, "<i2")
    threshold = np.frombuffer(trees.threshold, "<f4")
    leaf = np.frombuffer(trees.leaf, "<f4")
    if feature.min() < 0 or feature.max() >= columns:
        raise InvalidInput("The trees of the artefact look at columns that do not exist.")
    if not (np.isfinite(leaf).all() and math.isfinite(trees.base)):
        raise InvalidInput("The trees of the artefact hold numbers that cannot be.")
    return feature.reshape(shape), threshold.reshape(shape), leaf.reshape(trees.count, inner + 1)


def total(trees: Trees, x: Floats) -> Floats:
    """For each row of the matrix, the sum of all trees."""
    feature, threshold, leaf = arrays(trees, x.shape[1])
    inner = feature.shape[1]
    result = np.full(len(x), trees.base)
    for start in range(0, len(x), CHUNK):
        part = np.ascontiguousarray(x[start : start + CHUNK], dtype=np.float32)
        flat, row = part.ravel(), np.arange(len(part)) * part.shape[1]
        for tree in range(trees.count):
            node = np.zeros(len(part), np.intp)
            for _ in range(trees.depth):
                right = flat.take(row + feature[tree].take(node)) > threshold[tree].take(node)
                node = 2 * node + 1 + right
            result[start : start + CHUNK] += leaf[tree].take(node - inner)
    return result


def packed(grown: list[tuple[Any, Any, Any, Any, Any]], depth: int, base: float) -> Trees:
    """Trees given as (left, right, feature, threshold, value) of their nodes, left < 0 for a leaf."""
    inner = (1 << depth) - 1
    feature = np.zeros((len(grown), inner), "<i2")
    threshold = np.full((len(grown), inner), np.inf, "<f4")
    leaf = np.zeros((len(grown), inner + 1), "<f4")
    for tree, (left, right, features, thresholds, values) in enumerate(grown):
        places = [(0, 0)]
        while places:
            place, node = places.pop()
            if place >= inner:
                leaf[tree, place - inner] = values[node]
            elif left[node] < 0:
                places += [(2 * place + 1, node), (2 * place + 2, node)]
            else:
                feature[tree, place], threshold[tree, place] = features[node], thresholds[node]
                # The next single below, not above: then no value changes sides.
                if threshold[tree, place] > thresholds[node]:
                    threshold[tree, place] = np.nextafter(
                        threshold[tree, place], np.float32(-np.inf)
                    )
                places += [(2 * place + 1, left[node]), (2 * place + 2, right[node])]
    return Trees(
        depth=depth,
        count=len(grown),
        base=base,
        feature=feature.tobytes(),
        threshold=threshold.tobytes(),
        leaf=leaf.tobytes(),
    )


def of_forest(forest: Any) -> Trees:
    """A fitted RandomForestClassifier of two classes: the sum is the probability of the second."""
    grown = []
    for estimator in forest.estimators_:
        tree = estimator.tree_
        share = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1)
        grown.append(
            (tree.children_left, tree.children_right, tree.feature, tree.threshold,
             share / len(forest.estimators_))
        )  # fmt: skip
    return packed(grown, max(e.tree_.max_depth for e in forest.estimators_) or 1, 0.0)


def of_boosting(boosting: Any) -> Trees:
    """A fitted HistGradientBoostingClassifier of two classes: the sum is the log-odds of the second."""
    grown, depth = [], 1
    for (predictor,) in boosting._predictors:
        nodes = predictor.nodes
        left = np.where(nodes["is_leaf"], -1, nodes["left"].astype(np.int64))
        depth = max(depth, int(nodes["depth"].max()))
        grown.append((left, nodes["right"], nodes["feature_idx"], nodes["num_threshold"], nodes["value"]))  # fmt: skip
    return packed(grown, depth, float(boosting._baseline_prediction.ravel()[0]))
