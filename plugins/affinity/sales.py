"""What was sold: order lines as baskets of products, without returns, gifts and what is no product.

Products are numbered, the most sold first and equals by SKU, so that numbers do not depend on the order
of rows and a smaller number breaks every tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plugins.affinity.sparse import csr_matrix

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.sdk import History

MOST_PRODUCTS = 2**18
"""More products than this are not numbered: the least sold are never recommended."""
LONGEST_BASKET = 300
"""An order of more products counts as one of its most sold 300: it says little about any two."""
PAIRS = 300_000_000
"""Pairs of products looked at; older orders beyond them are left out, whole days at a time."""
HALF_LIFE = 365
"""Days after which an order counts half for what goes together."""
UNIT = 1 << 16
"""Weights are whole numbers of 1/UNIT: their sums are exact, whatever the order of rows."""


@dataclass(frozen=True, kw_only=True)
class Sales:
    """Sold products by order."""

    skus: pl.Series
    """By product number."""
    rows: pl.DataFrame
    """basket i32, item i32, customer_id i64 (null: unknown), day i32 (since 1970, in the shop's zone);
    an item once a basket.
    """
    orders: Any
    """By product number: in how many orders, int64."""
    baskets: int
    first_day: int
    last_day: int

    @property
    def items(self) -> int:
        """How many products."""
        return self.skus.len()


def place(groups: Any) -> Any:
    """0, 1, 2 … within each run of equal values of an array."""
    begins = np.r_[True, groups[1:] != groups[:-1]] if groups.size else np.zeros(0, bool)
    at = np.arange(groups.size)
    return at - np.maximum.accumulate(np.where(begins, at, 0))


def days_of(column: pl.Expr, timezone: str) -> pl.Expr:
    """The days of moments in the shop's time zone, counted from 1970."""
    return column.dt.convert_time_zone(timezone).dt.date().cast(pl.Int32)


def day_of(as_of: datetime, timezone: str) -> int:
    """The day of one moment, counted likewise."""
    return int(pl.select(days_of(pl.lit(as_of), timezone)).item())


def sold(history: History, as_of: datetime) -> pl.DataFrame:
    """The lines before `as_of` by which a customer chose and kept a product."""
    return history.lines.filter(
        pl.col("ordered_at") < as_of,
        pl.col("is_product"),
        pl.col("sku").is_not_null() & (pl.col("sku") != ""),
        pl.col("quantity") > 0,
        pl.col("unit_price").is_null() | (pl.col("unit_price") > 0),
    )


def sales(history: History, as_of: datetime) -> Sales:
    """What was sold before `as_of`, as numbered products in numbered baskets."""
    lines = sold(history, as_of).select(
        "order_id", "customer_id", "sku", day=days_of(pl.col("ordered_at"), history.timezone)
    )
    rows = lines.group_by("order_id", "customer_id", "sku").agg(pl.col("day").min())
    counts = rows.group_by("sku").len("orders").sort("orders", "sku", descending=[True, False])
    counts = counts.head(MOST_PRODUCTS).with_row_index("item")
    key = ["order_id", "customer_id"]
    orders = rows.select(key).unique().with_row_index("basket")
    numbered = (
        rows.join(counts.select("sku", "item"), on="sku")
        .join(orders, on=key, nulls_equal=True)
        .select(pl.col("basket", "item").cast(pl.Int32), "customer_id", "day")
    )
    return Sales(
        skus=counts["sku"],
        rows=numbered,
        orders=counts["orders"].cast(pl.Int64).to_numpy(),
        baskets=numbered["basket"].n_unique(),
        first_day=int(numbered["day"].min() or 0),  # type: ignore[arg-type]
        last_day=int(numbered["day"].max() or 0),  # type: ignore[arg-type]
    )


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """Orders as a matrix, with what each counts."""

    matrix: Any
    """csr, baskets by items: 1 where the item is in the basket."""
    weight: Any
    """By basket, int64 in UNITs: less for large and for old orders."""
    day: Any


def baskets(rows: pl.DataFrame, items: int, today: int) -> Baskets:
    """The matrix of `rows` (basket, item, day), cut to what can be looked at in bounded time."""
    rows = rows.sort("basket", "item")
    rows = rows.filter(pl.Series(place(rows["basket"].to_numpy()) < LONGEST_BASKET))
    each = rows.group_by("basket", maintain_order=True).agg(pl.len(), pl.col("day").min())
    pairs = each.group_by("day").agg(pairs=(pl.col("len").cast(pl.Int64) ** 2).sum())
    pairs = pairs.sort("day", descending=True).with_columns(pl.col("pairs").cum_sum())
    enough = pairs.filter(pl.col("pairs") <= PAIRS)["day"].min()
    if enough is not None:
        each = each.filter(pl.col("day") >= enough)
    each = each.with_row_index("row")
    rows = rows.join(each.select("basket", "row"), on="basket")
    at = rows["row"].to_numpy(), rows["item"].to_numpy()
    matrix = csr_matrix(
        (np.ones(rows.height, np.int64), at), shape=(each.height, items), dtype=np.int64
    )
    size, age = each["len"].to_numpy(), today - each["day"].to_numpy()
    weight = np.maximum(np.round(UNIT * size**-0.5 * 0.5 ** (age / HALF_LIFE)), 1)
    return Baskets(matrix=matrix, weight=weight.astype(np.int64), day=each["day"].to_numpy())
