"""A shop's history from one file of orders, as shops have them: with all their dirt.

One row an order (`customer_id, order_id, ordered_at, amount`) or one row a line (with `sku, quantity,
unit_price`; then `amount` may be absent). Nothing is guessed from rows at or after `as_of`, and ids are
never interpreted, only compared. What was left out or mended is counted in `History.noticed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.models.cells import currencies, ids, moments, numbers, texts
from kernel.models.history import history
from kernel.models.tables import read_table

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from kernel.contracts.models import History

ORDERS_FIX = (
    "The file needs customer_id, order_id, ordered_at and amount, or instead of amount, one row a line, "
    "sku, quantity and unit_price. CSV or Parquet."
)
BASKETS_FIX = "The file needs basket_id and item, one row an item. CSV or Parquet."
NOT_PRODUCTS = [
    "post",
    "postage",
    "shipping",
    "freight",
    "delivery",
    "carriage",
    "discount",
    "manual",
    "amazonfee",
    "adjust",
    "adjust2",
    "fee",
    "tax",
    "tip",
]
"""SKUs, in small letters, that shops use for what is no product; and what begins like a gift card."""
_SHORT = ["d", "m", "s", "b", "c2", "dot", "pads", "cruk", "test"]
"""No products either, but only where products have long names."""
_GIFT = r"^(gift[-_ ]?(card|voucher)?[-_ ]?\d*|bank charges|test\d+)"
_EARLIEST = pl.lit("1990-01-01").str.to_datetime(time_unit="us", time_zone="UTC")
_LARGEST = 1e9
_MOST = 2**31 - 1


def read_orders(path: str | Path, as_of: datetime) -> History:
    """The history in the file, with what happened later than `as_of` too: labels are made of it.

    Raises:
        InvalidInput: it is not readable, or a column is missing.
    """
    return clean(read_table(path, "The file of orders", ORDERS_FIX), as_of)


def clean(raw: pl.DataFrame, as_of: datetime) -> History:
    """The frame of a file as a History; see the module for its columns."""
    rows, names, noticed = _typed(raw, as_of)
    past = rows["ordered_at"] < as_of
    rows = _signed(rows, past)
    by_line = "unit_price" in raw.columns
    if by_line:
        noticed |= {"no_price": rows.filter(pl.col("unit_price") <= 0).height}
        rows = rows.filter((pl.col("unit_price") > 0) | pl.col("unit_price").is_null())
    lost = rows["amount"].is_null() | (rows["amount"].abs() > _LARGEST)
    noticed |= {"bad_amount": int(lost.sum()), "later": int((rows["ordered_at"] >= as_of).sum())}
    rows = rows.filter(~lost)
    foreign = _foreign(rows, as_of)
    noticed |= {"foreign_currency": int(foreign.sum()), "returns": int((rows["amount"] < 0).sum())}
    noticed |= {"not_products": int((~rows["is_product"]).sum())}
    counted = rows.with_columns(amount=pl.when(~foreign).then("amount"))
    counted = counted.filter("is_product", pl.col("customer_id").is_not_null())
    orders = counted.group_by("customer_id", "order_id").agg(
        pl.col("ordered_at").min(),
        amount=pl.when(pl.col("amount").count() > 0).then(pl.col("amount").sum().round(2)),
        is_return=pl.col("amount").sum() < 0,
        units=pl.col("quantity").clip(0).sum().clip(0, _MOST),
        lines=pl.len(),
    )
    lines = rows if "sku" in raw.columns else rows.clear()
    products = (
        lines.filter(pl.col("ordered_at") < as_of)
        .group_by("sku")
        .agg(price=pl.col("unit_price").median(), is_product=pl.col("is_product").all())
    )
    products = products.with_columns(
        title="sku", product_type=pl.lit(""), listed=pl.lit(True), inventory=pl.lit(None)
    )
    noticed = {what: times for what, times in noticed.items() if times}
    return history(orders, lines, products, ids=names, noticed=noticed)


def read_baskets(path: str | Path) -> tuple[pl.DataFrame, pl.Series]:
    """The baskets of a file: `basket_id` as a number, `item`; and the ids as written, by that number.

    Raises:
        InvalidInput: it is not readable, or a column is missing.
    """
    raw = read_table(path, "The file of baskets", BASKETS_FIX)
    _have(raw, ["basket_id", "item"], BASKETS_FIX)
    rows = pl.DataFrame({"basket": texts(raw["basket_id"]), "item": texts(raw["item"])})
    rows = rows.drop_nulls("basket").unique(maintain_order=True).with_row_index("n")
    rows = rows.with_columns(basket_id=_number("basket"))
    names = rows.unique("basket_id").sort("basket_id")["basket"]
    return rows.select("basket_id", "item"), ids(names, raw["basket_id"].dtype)


def _have(raw: pl.DataFrame, wanted: list[str], fix: str) -> None:
    if missing := [name for name in wanted if not set(name.split(" or ")) & set(raw.columns)]:
        which = (
            f"The column {missing[0]} is"
            if len(missing) == 1
            else f"The columns {', '.join(missing)} are"
        )
        has = ", ".join(raw.columns[:12]) or "none"
        raise InvalidInput(f"{which} missing; the file has {has}.", fix)


def _readable(raw: pl.DataFrame, read: pl.DataFrame, names: list[str], what: str) -> None:
    """Refuses a file in which none of the columns could be read in any row."""
    if raw.height and not any(read[name].count() for name in names):
        name = next(name for name in names if name in raw.columns)
        first = raw[name].drop_nulls().first()
        said = "it is empty" if first is None else f"the first is {str(first)[:40]!r}"
        raise InvalidInput(f"No cell of the column {name} is {what}: {said}.", ORDERS_FIX)


def _typed(raw: pl.DataFrame, as_of: datetime) -> tuple[pl.DataFrame, pl.Series, dict[str, int]]:
    """The cells in their types, the customers' names by number, and what was left out."""
    have = set(raw.columns)
    _have(raw, ["customer_id", "ordered_at", "amount or unit_price"], ORDERS_FIX)
    if "amount" not in have:
        _have(raw, ["quantity"], ORDERS_FIX)
    at = moments(raw["ordered_at"])
    empty = pl.Series([None], dtype=pl.String).new_from_index(0, raw.height)
    rows = pl.DataFrame(
        {
            "customer": texts(raw["customer_id"]),
            "order": texts(raw["order_id"]) if "order_id" in have else empty,
            "ordered_at": at,
            "sku": texts(raw["sku"]) if "sku" in have else empty,
            "currency": texts(raw["currency"])
            if "currency" in have
            else currencies(raw["amount" if "amount" in have else "unit_price"]),
            **{
                name: numbers(raw[name]) if name in have else pl.Series([None], dtype=pl.Float64)
                .new_from_index(0, raw.height)
                for name in ("amount", "quantity", "unit_price")
            },
        }
    )  # fmt: skip
    _readable(raw, rows, ["ordered_at"], "a date")
    _readable(raw, rows, ["amount", "unit_price"], "a number")
    if "amount" not in have:
        _readable(raw, rows, ["quantity"], "a number")
    noticed = {"bad_time": int((at.is_null() | (at < pl.select(_EARLIEST).item())).sum())}
    rows = rows.filter(pl.col("ordered_at") >= _EARLIEST)
    doubles = pl.col("order").is_not_null() & ~pl.struct(pl.all()).is_first_distinct()
    noticed["repeated"] = rows.select(doubles.sum()).item()
    rows = rows.filter(~doubles)
    noticed["no_customer"] = rows["customer"].null_count()
    skus = rows.filter(pl.col("ordered_at") < as_of)["sku"].unique().str.len_chars().median()
    no_products = NOT_PRODUCTS + (_SHORT if isinstance(skus, float) and skus >= 5 else [])
    small = pl.col("sku").str.to_lowercase()
    # Numbers in the order of time: later rows do not change those of earlier ones.
    rows = (
        rows.sort("ordered_at", maintain_order=True)
        .with_row_index("n")
        .with_columns(
            order=pl.col("order").fill_null(pl.format("{} {}", "customer", "ordered_at")),
            customer_id=_number("customer"),
            is_product=~(small.is_in(no_products) | small.str.contains(_GIFT)).fill_null(False),
            quantity=pl.col("quantity") if "quantity" in have else pl.lit(1.0),
        )
    )
    names = rows.drop_nulls("customer").unique("customer_id").sort("customer_id")["customer"]
    return (
        rows.with_columns(order_id=_number("order")),
        ids(names, raw["customer_id"].dtype),
        noticed,
    )


def _number(column: str) -> pl.Expr:
    """0, 1, 2 … for the texts of a column as they come up first."""
    first = pl.col("n").min().over(column)
    return pl.when(pl.col(column).is_not_null()).then(first).rank("dense").cast(pl.Int64) - 1


def _signed(rows: pl.DataFrame, past: pl.Series) -> pl.DataFrame:
    """Rows with an amount each; of returns it is negative, and so is the quantity."""
    value = (pl.col("quantity") * pl.col("unit_price")).round(4)
    own = pl.col("amount")
    known = rows.filter(past & rows["amount"].is_not_null())
    if known.height and known["unit_price"].count():
        whole = pl.col("amount").n_unique().over("order") == 1
        several = known.with_columns(v=value, sum=value.sum().over("order")).filter(
            whole & (pl.len().over("order") > 1)
        )
        if (
            several.filter((own - pl.col("sum")).abs() < (own - pl.col("v")).abs()).height * 2
            > several.height
        ):
            own = pl.lit(None, pl.Float64)  # each line repeats the amount of the whole order
    rows = rows.with_columns(amount=pl.coalesce(own, value))
    # `C536379`: shops mark a cancelled invoice so, if most of their invoices do not begin with C.
    marked = rows["order"].str.contains(r"^[cC]\d")
    if marked.any() and (marked & past).sum() * 2 > past.sum():
        marked = marked & False
    back = marked | (rows["amount"] < 0).fill_null(False) | (rows["quantity"] < 0).fill_null(False)
    sign = pl.when(back).then(-1).otherwise(1)
    return rows.with_columns(
        amount=pl.col("amount").abs() * sign,
        # Half a pound of coffee is a piece of it too.
        quantity=(pl.col("quantity").abs().round(3).ceil() * sign).cast(pl.Int64, strict=False),
        unit_price=pl.col("unit_price"),
    )


def _foreign(rows: pl.DataFrame, as_of: datetime) -> pl.Series:
    """Whose currency is not the one that most of the past rows have."""
    past = rows.filter(pl.col("ordered_at") < as_of)["currency"].drop_nulls()
    if not past.len():
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, rows.height)
    counts = past.value_counts().sort("count", "currency", descending=[True, False])
    foreign: pl.Series = (rows["currency"] != counts["currency"][0]).fill_null(False)
    return foreign
