"""How good the recommendations are, by what happened next: beside popularity in the same run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from plugins.affinity.fit import hide
from plugins.affinity.sales import days_of, sold
from plugins.affinity.suggest import available, fitting, suggested

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.sdk import History
    from plugins.affinity.learned import Learned

LEAST = 30
"""Orders of two and more known products, below which nothing is judged."""
_MOST = 20_000
"""Orders judged at most: the first ones."""
HITS = (1, 3, 10)
Metrics = dict[str, float]
WORDS = {
    "hit_at_1": "The first recommended is the hidden product",
    "hit_at_3": "Among three recommended is the hidden product",
    "hit_at_10": "Among ten recommended is the hidden product",
    "again_hit_at_3": "One of three to buy again is bought next",
    "new_hit_at_3": "One of three new ones is bought next",
    "popularity": "The most sold products",
}
"""What pages call the figures."""


def judged(
    learned: Learned, history: History, as_of: datetime, horizon: int
) -> tuple[int, Metrics, Metrics]:
    """Orders judged, and what came true of the recommendations and of plain popularity.

    `hit_at_1`, `_3` and `_10`: one product of each order from `as_of` on, in the horizon, is hidden; how
    often is it among the first recommended to the rest? `again_hit_at_3` and `new_hit_at_3`: of customers
    known before who ordered in the horizon, how many bought in their first order one of the three products
    in this slot? Popularity recommends in its stead the products most sold before, in the slot `new`
    without those the customer had.
    """
    until = as_of + timedelta(days=horizon)
    lines = sold(history, until).filter(pl.col("ordered_at") >= as_of)
    numbers = pl.DataFrame({"sku": learned.skus}, schema={"sku": pl.String})
    rows = (
        lines.join(numbers.with_row_index("item"), on="sku")
        .with_columns(pl.col("item").cast(pl.Int64), basket=pl.struct("order_id", "customer_id"))
        .group_by("basket", "item")
        .agg(pl.col("ordered_at").min())
    )
    order = rows.group_by("basket").agg(pl.col("ordered_at").min(), pl.col("item").sort(), pl.len())
    order = order.filter(pl.col("len") > 1).sort("ordered_at", "item").head(_MOST)
    order = order.with_row_index("basket_id")
    rows = rows.join(order.select("basket", "basket_id"), on="basket")
    rows = rows.select(basket=pl.col("basket_id").cast(pl.Int64), item="item")
    ours, plain = _completed(learned, history, rows, order.height)
    more, simple = _next(learned, history, as_of, lines)
    return order.height, ours | more, plain | simple


def _completed(
    learned: Learned, history: History, rows: pl.DataFrame, baskets: int
) -> tuple[Metrics, Metrics]:
    shown, hidden = hide(rows)
    asked = shown.select(
        basket_id="basket", item=pl.Series(learned.skus, dtype=pl.String).gather(shown["item"])
    )
    found = fitting(learned, history, asked, max(HITS), everything=True)
    answers = hidden.select(
        basket_id="basket", item=pl.Series(learned.skus, dtype=pl.String).gather(hidden["item"])
    )
    ranks = found.join(answers, on=["basket_id", "item"])["rank"]
    # Items are numbered by popularity: the rank of one is its number, less the shown before it.
    pairs = hidden.join(shown, on="basket", suffix="_shown")
    earlier = (pl.col("item_shown") < pl.col("item")).sum()
    before = pairs.group_by("basket", "item").agg(less=earlier)
    plain = (before["item"].cast(pl.Int64) - before["less"].cast(pl.Int64)) + 1
    n = max(baskets, 1)
    return (
        {f"hit_at_{k}": float((ranks <= k).sum()) / n for k in HITS},
        {f"hit_at_{k}": float((plain <= k).sum()) / n for k in HITS},
    )


def _next(
    learned: Learned, history: History, as_of: datetime, lines: pl.DataFrame
) -> tuple[Metrics, Metrics]:
    past = sold(history, as_of).select("customer_id", "sku").drop_nulls().unique()
    then = lines.filter(pl.col("customer_id").is_not_null()).with_columns(
        day=days_of(pl.col("ordered_at"), history.timezone)
    )
    then = then.filter(pl.col("day") == pl.col("day").min().over("customer_id"))
    bought = then.select("customer_id", item="sku").unique()
    bought = bought.join(past.select("customer_id").unique(), on="customer_id", how="semi")
    ids = bought["customer_id"].unique()
    theirs = replace(
        history,
        orders=history.orders.filter(pl.col("customer_id").is_in(ids.implode())),
        lines=history.lines.filter(pl.col("customer_id").is_in(ids.implode())),
    )
    parts = list(suggested(learned, theirs, as_of, 3, everything=True))
    n = max(ids.len(), 1)
    found = pl.concat(parts) if parts else pl.DataFrame()
    ours, plain = {}, {}
    common = pl.Series("item", learned.skus[: 3 + _LOOKED], dtype=pl.String).to_frame()
    common = ids.to_frame().join(common.with_row_index("place"), how="cross")
    had = past.rename({"sku": "item"})
    fresh = common.join(had, on=["customer_id", "item"], how="anti")
    simple = {"again": common, "new": fresh}
    for slot, table in simple.items():
        best = table.sort("customer_id", "place")
        best = best.filter(pl.int_range(pl.len()).over("customer_id") < 3)
        plain[f"{slot}_hit_at_3"] = _share(best, bought, n)
        mine = found.filter(pl.col("slot") == slot) if parts else best.clear()
        ours[f"{slot}_hit_at_3"] = _share(mine, bought, n)
    return ours, plain


_LOOKED = 200
"""Most sold products looked at for three that a customer never had."""


def _share(found: pl.DataFrame, bought: pl.DataFrame, n: int) -> float:
    hits = bought.join(found.select("customer_id", "item"), on=["customer_id", "item"], how="semi")
    return hits["customer_id"].n_unique() / n


def error(share: float, n: int) -> float:
    """The standard error of a share of `n`."""
    return float(np.sqrt(max(share * (1 - share), 0) / max(n, 1)))


def coverage(learned: Learned, history: History) -> float:
    """Of what was ever ordered, the share that can be bought now."""
    ok = available(learned, history.products)
    return float(learned.orders[ok].sum() / max(learned.orders.sum(), 1))
