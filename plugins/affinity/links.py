"""Which products are bought together: how much each one in a basket speaks for each other one.

Among the most sold DENSE products by EASE^R (Steck 2019: a ridge regression of every product on all the
others, in closed form), with an intercept, so that a small basket falls back to what is popular. A fifth
of its voice have shrunk confidences, c / (n + 5), damped by how popular the other product is and cubed, so
that one strong pair counts for more than many weak ones (close to taking the largest). Beyond the most
sold, where a dense inverse would need too much memory, they speak alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from plugins.affinity.sales import UNIT, Baskets, place
from plugins.affinity.sparse import csr_matrix, lapack

DENSE = 5_000
"""Products in the dense inverse: half a GB of memory and some seconds."""
SHRINK = 5.0
DAMP = 0.25
BLEND = 0.2
BEYOND = 4.0
"""How loud the confidences speak among the most sold products, and where they speak alone."""
SOLID = 10
"""Orders with both products, from which on a pair is taken for no accident."""
NEAREST = 100
"""Close products kept for each product while learning."""
MOST_SPEAKERS = 100
"""Products that speak for one product; more make it worse."""
MOST_LINKS = 1_000_000
_COUNT = 1 << 40
_BLOCK = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Links:
    """Links between products, from the one that speaks to the one spoken for."""

    weight: Any
    """csr, float32, items by items; only weights above 0."""
    both: Any
    """int32, by link in the order of `weight.data`: orders with both products."""
    bias: Any
    """By product, float32: its score in a basket whose products do not speak for it."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """What was bought together: of the most sold products dense, of all the closest ones."""

    items: int
    total: float
    """What all orders count together,"""
    mean: float
    """and one of them on average."""
    gram: Any
    both: Any
    source: Any
    target: Any
    count: Any
    close: Any


def learn(pairs: Pairs, penalty: float) -> Links:
    """The links between products that were bought together.

    Args:
        pairs: what `together` counted.
        penalty: lambda of the ridge regression, in orders.
    """
    items, top = pairs.items, pairs.gram.shape[0]
    inside = (pairs.source < top) & (pairs.target < top)
    # The closest pair that is no accident says 1; where there is none, nothing says much.
    solid = pairs.close[pairs.count >= SOLID]
    most = solid.max() if solid.size else SHRINK**-DAMP
    close = np.minimum(pairs.close / most, 1) ** 3
    close = np.where(inside, BLEND * close, BEYOND * close)
    links = _matrix(pairs.source, pairs.target, close, items)
    bias = np.zeros(items, np.float32)
    if pairs.source.size:
        mean = pairs.gram.diagonal() / pairs.total
        said = _ease(pairs.gram, mean, pairs.total, penalty * pairs.mean)
        said[pairs.both == 0] = 0  # what was never bought together has no reason to show
        source, target = np.nonzero(said > 0)
        ease = _strongest(_matrix(source, target, said[source, target], items), MOST_LINKS)
        bias[:top] = mean - (ease.T @ np.pad(mean, (0, items - top)))[:top]
        links = links + ease
    links = _strongest(links.tocsr(), MOST_LINKS)
    return Links(weight=links.astype(np.float32), both=_counts(links, pairs, top), bias=bias)


def together(found: Baskets, dense: int = DENSE) -> Pairs:
    """Every pair of products in these orders, counted and weighed in one exact product: the count
    stands in the high bits.

    Args:
        found: the orders.
        dense: products that may stand in the dense inverse.
    """
    x = found.matrix
    items = x.shape[1]
    top = min(items, dense)
    packed = x.copy()
    packed.data = np.repeat(_COUNT + found.weight, np.diff(x.indptr))
    across = x.T.tocsr()
    sold = (across @ found.weight) / UNIT
    work = np.cumsum(across @ np.diff(x.indptr))
    gram, both = np.zeros((top, top)), np.zeros((top, top), np.int32)
    kept = []
    start = 0
    while start < items:
        done = work[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(work, done + _BLOCK, "right")))
        block = (across[start:stop] @ packed).tocoo()
        source, target = block.row + start, block.col
        weight, count = (block.data & _COUNT - 1) / UNIT, (block.data >> 40).astype(np.int32)
        inside = (source < top) & (target < top)
        gram[source[inside], target[inside]] = weight[inside]
        both[source[inside], target[inside]] = count[inside]
        close = weight / ((sold[source] + SHRINK) * (sold[target] + SHRINK) ** DAMP)
        other = source != target
        kept.append(_first(source[other], target[other], count[other], close[other]))
        start = stop
    parts = (
        [np.concatenate(part) for part in zip(*kept, strict=True)] if kept else [np.zeros(0)] * 4
    )
    source, target, count, close = parts
    return Pairs(
        items=items,
        total=float(found.weight.sum() / UNIT),
        mean=float(found.weight.mean() / UNIT) if found.weight.size else 1.0,
        gram=gram,
        both=both,
        source=source,
        target=target,
        count=count,
        close=close,
    )


def _first(source: Any, target: Any, count: Any, close: Any) -> tuple[Any, Any, Any, Any]:
    """Of each source the NEAREST closest targets."""
    order = _order(source, close, target)
    order = order[place(source[order]) < NEAREST]
    return source[order], target[order], count[order], close[order]


def _order(group: Any, strength: Any, tie: Any) -> Any:
    """By group, then the strongest first, then by tie: as one whole number, which sorts fastest."""
    most = strength.max() if strength.size else 1
    weaker = np.round((1 - strength / most) * (2**27 - 1)).astype(np.int64)
    return np.argsort(group.astype(np.int64) << 45 | weaker << 18 | tie)


def _ease(gram: Any, mean: Any, total: float, penalty: float) -> Any:
    """What each product (row) says for each other one (column), float32; 0 for itself.

    Scaled to a unit diagonal first, so that single precision is enough for any shop.
    """
    centred = gram - total * np.outer(mean, mean)
    while True:
        scale = np.sqrt(centred.diagonal() + penalty)
        scaled = (centred / scale / scale[:, None]).astype(np.float32)
        np.fill_diagonal(scaled, 1)
        factor, failed = lapack().spotrf(scaled, lower=1, overwrite_a=1)
        if not failed:
            break
        penalty *= 4
    inverse, _ = lapack().spotri(factor, lower=1, overwrite_c=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    said = -inverse / inverse.diagonal() * (scale / scale[:, None]).astype(np.float32)
    np.fill_diagonal(said, 0)
    return said


def _matrix(source: Any, target: Any, weight: Any, items: int) -> Any:
    return csr_matrix((weight, (source, target)), shape=(items, items), dtype=np.float64)


def _strongest(links: Any, most: int) -> Any:
    """Of each target the MOST_SPEAKERS strongest sources; fewer, where all would be more than `most`."""
    found = links.tocoo()
    order = _order(found.col, found.data, found.row)
    placed = place(found.col[order])
    kept = np.cumsum(np.bincount(placed, minlength=MOST_SPEAKERS)[:MOST_SPEAKERS])
    speakers = max(1, int((kept <= most).sum()))
    order = order[placed < speakers]
    return _matrix(found.row[order], found.col[order], found.data[order], links.shape[0])


def _counts(links: Any, pairs: Pairs, top: int) -> Any:
    found = links.tocoo()
    inside = (found.row < top) & (found.col < top)
    counts = np.zeros(found.nnz, np.int32)
    counts[inside] = pairs.both[found.row[inside], found.col[inside]]
    if not inside.all():
        items = links.shape[0]
        near = csr_matrix((pairs.count, (pairs.source, pairs.target)), shape=(items, items))
        outside = near[found.row[~inside], found.col[~inside]]
        counts[~inside] = np.asarray(outside).ravel()
    return counts
