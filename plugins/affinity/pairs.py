"""What was learned, as tables for people: pairs of products, and all about one product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from plugins.affinity.learned import Learned

LEAST = 3
"""Orders with both products, below which a pair is not shown: it may be chance."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two products that are bought together; of the first, in the table of one product, nothing."""

    first: str
    second: str
    both: int
    of_first: int
    of_second: int
    times: float
    """How many times as often as if the two had nothing to do with each other."""

    @property
    def share(self) -> float:
        """Of the orders with the first product, those with the second too."""
        return self.both / self.of_first


@dataclass(frozen=True, kw_only=True)
class Product:
    """All about one product."""

    sku: str
    orders: int
    recent: int
    season: int
    usual: int
    wait: int
    pairs: tuple[Pair, ...]
    suggested: tuple[Pair, ...]
    """What is recommended to who bought it, the strongest first."""


def pairs(learned: Learned, among: set[str] | None, start: int, count: int) -> list[Pair]:
    """Pairs by how many more orders have both than chance would make, and by how much more often.

    Args:
        learned: of the shop.
        among: one of the two is in this set; None for all pairs.
        start: how many to leave out.
        count: how many to tell.
    """
    found = _links(learned)
    source, target = pl.col("source"), pl.col("target")
    found = found.with_columns(source=pl.min_horizontal(source, target), target=pl.max_horizontal(source, target))  # fmt: skip
    found = found.unique(["source", "target"])
    if among is not None:
        skus = pl.Series(learned.skus, dtype=pl.String)
        numbers = pl.Series(np.flatnonzero(skus.is_in(list(among)).to_numpy()))
        found = found.filter(source.is_in(numbers.implode()) | target.is_in(numbers.implode()))
    found = found.filter(pl.col("both") >= LEAST, pl.col("times") > 1)
    found = found.with_columns(strength=pl.col("both") * pl.col("times").log())
    found = found.sort("strength", "source", "target", descending=[True, False, False])
    return [_pair(learned, row) for row in found.slice(start, count).iter_rows(named=True)]


def product(learned: Learned, sku: str, count: int = 10) -> Product | None:
    """All about the product of this SKU; None where it was never sold."""
    if sku not in learned.skus:
        return None
    number = learned.skus.index(sku)
    found = _links(learned)
    beside = found.filter((pl.col("source") == number) | (pl.col("target") == number))
    other = pl.when(pl.col("source") == number).then("target").otherwise("source")
    beside = beside.with_columns(source=pl.lit(number), target=other).unique("target")
    beside = beside.filter(pl.col("both") >= LEAST).sort("both", "target", descending=[True, False])
    best = found.filter(pl.col("source") == number)
    best = best.sort("weight", "target", descending=[True, False])
    return Product(
        sku=sku,
        orders=int(learned.orders[number]),
        recent=int(learned.recent[number]),
        season=int(learned.season[number]),
        usual=int(learned.usual[number]),
        wait=int(learned.wait[number]),
        pairs=tuple(_pair(learned, row) for row in beside.head(count).iter_rows(named=True)),
        suggested=tuple(_pair(learned, row) for row in best.head(count).iter_rows(named=True)),
    )


def _links(learned: Learned) -> pl.DataFrame:
    weight, orders = learned.links.weight, learned.orders.astype(np.float64)
    source = np.repeat(np.arange(learned.items), np.diff(weight.indptr))
    target, both = weight.indices, learned.links.both
    chance = orders[source] * orders[target] / max(learned.baskets, 1)
    return pl.DataFrame(
        {
            "source": source.astype(np.int64),
            "target": target.astype(np.int64),
            "both": both,
            "weight": weight.data,
            "times": both / chance,
        }
    )


def _pair(learned: Learned, row: dict[str, Any]) -> Pair:
    first, second = row["source"], row["target"]
    return Pair(
        first=learned.skus[first],
        second=learned.skus[second],
        both=row["both"],
        of_first=int(learned.orders[first]),
        of_second=int(learned.orders[second]),
        times=row["times"],
    )
