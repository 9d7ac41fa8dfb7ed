"""When a product is bought again: how long to wait before it is recommended to its buyer once more.

Looked at are pairs of one customer's orders that follow each other: was a product of the first in the
second too, and how many days lay between? Where a product returns at less than half of its best rate it
makes no sense to recommend it yet: filters two days after the last ones, but not the wholesaler's daily
milk. Nor does it sooner than half the time after which the quickest buyers come back for it. Products of
little evidence follow the shop, and a shop of little evidence a plain rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from plugins.affinity.sales import Sales

EDGES = (0, 7, 14, 30, 60, 120)
"""Days at which each span of time between orders begins."""
_PLAIN = np.array([0.02, 0.04, 0.1, 0.1, 0.1, 0.1])
"""The rule without evidence: two weeks."""
_PLAIN_WORTH = 50.0
_SHOP_WORTH = 30.0
"""Products in earlier orders that the plain rule, and the shop's own, count for."""
NEVER = 365
"""Days to wait where a product is hardly ever bought again."""
_HARDLY = 0.2
"""Of the shop's own rate."""
MOST_ROWS = 3_000_000
"""Products in orders looked at, of the customers who ordered last."""


def waits(sold: Sales) -> tuple[Any, Any]:
    """By product: days to wait, int32; and the median days between two orders of it by the same
    customer, int32, 0 where fewer than three are known.
    """
    owned = sold.rows.filter(pl.col("customer_id").is_not_null())
    owned = _recent(owned.select("customer_id", "item", "day").unique())
    at = ["customer_id", "day"]
    days = owned.select(at).unique().sort(at)
    same = pl.col("customer_id") == pl.col("customer_id").shift(-1)
    days = days.with_columns(next=pl.when(same).then(pl.col("day").shift(-1))).drop_nulls("next")
    then = owned.select("customer_id", "item", next="day", again=pl.lit(1))
    pairs = owned.join(days, on=at).join(then, on=["customer_id", "item", "next"], how="left")
    gap = pl.col("next") - pl.col("day")
    span = pl.sum_horizontal((gap >= edge).cast(pl.Int32) for edge in EDGES[1:])
    cells = pairs.group_by("item", span.alias("span")).agg(pl.len(), pl.col("again").count())
    seen = np.zeros((sold.items, len(EDGES)))
    again = np.zeros_like(seen)
    place = cells["item"].to_numpy(), cells["span"].to_numpy()
    seen[place], again[place] = cells["len"].to_numpy(), cells["again"].to_numpy()
    soon, usual, times = _pauses(owned, sold.items)
    wait = np.maximum(_waits(seen, again), soon // 2)
    wait[_hardly(seen.sum(1), times)] = NEVER
    return wait.astype(np.int32), usual


def _waits(seen: Any, again: Any) -> Any:
    """Days to wait by product, from how often it was in an earlier order and in the next one too."""
    shop = (again.sum(0) + _PLAIN * _PLAIN_WORTH) / (seen.sum(0) + _PLAIN_WORTH)
    rate = shop @ (seen.sum(0) + 1) / (seen.sum() + len(EDGES))
    own = (again.sum(1) + rate * _SHOP_WORTH) / (seen.sum(1) + _SHOP_WORTH)
    expected = own[:, None] / rate * shop
    rates = (again + expected * _SHOP_WORTH) / (seen + _SHOP_WORTH)
    due = rates >= rates.max(1, keepdims=True) / 2
    return np.array(EDGES, np.int32)[due.argmax(1)]


def _hardly(seen: Any, times: Any) -> Any:
    """By product, whether it is hardly ever bought again, in any later order."""
    rate = (times.sum() + 1) / (seen.sum() + 1)
    own = (times + rate * _SHOP_WORTH) / (seen + _SHOP_WORTH)
    return own < _HARDLY * rate


def _pauses(owned: pl.DataFrame, items: int) -> tuple[Any, Any, Any]:
    """By product, where three are known: the pause of the quickest buyers, the usual one; and how many."""
    key = ("customer_id", "item")
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in key)
    gaps = owned.sort(*key, "day").with_columns(gap=pl.when(same).then(pl.col("day").diff()))
    gap = pl.col("gap")
    found = gaps.drop_nulls("gap").group_by("item")
    known = found.agg(soon=gap.quantile(0.05, "lower"), usual=gap.median(), n=pl.len())
    soon, usual, times = (np.zeros(items, np.int32) for _ in range(3))
    times[known["item"].to_numpy()] = known["n"].to_numpy()
    known = known.filter(pl.col("n") >= 3)
    soon[known["item"].to_numpy()] = known["soon"].to_numpy()
    usual[known["item"].to_numpy()] = np.round(known["usual"].to_numpy())
    return soon, usual, times


def _recent(owned: pl.DataFrame) -> pl.DataFrame:
    """The rows of the customers who ordered last, whole days at a time."""
    if owned.height <= MOST_ROWS:
        return owned
    each = owned.group_by("customer_id").agg(pl.len(), pl.col("day").max())
    days = each.group_by("day").agg(pl.col("len").sum()).sort("day", descending=True)
    enough = days.filter(pl.col("len").cum_sum() <= MOST_ROWS)["day"].min()
    chosen = each.filter(pl.col("day") >= (enough or 0)) if enough is not None else each
    return owned.join(chosen, on="customer_id", how="semi")
