"""A file of order lines becomes orders and lines. An order is taken whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from plugins.files import values
from plugins.files.ledger import LONGEST_ID, How, Ledger, first_reason
from plugins.files.people import read_people, with_addresses

AMOUNT = pl.Decimal(14, 2)
PRICE = pl.Decimal(14, 4)
_WIDE = pl.Decimal(38, 4)
_OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATE = timedelta(hours=1)
_KINDS = {
    "order": "order",
    "sale": "order",
    "return": "return",
    "refund": "return",
    "credit": "return",
}
_STATES = {
    "placed": "placed", "open": "placed", "paid": "placed", "closed": "placed",
    "cancelled": "cancelled", "canceled": "cancelled", "voided": "cancelled",
}  # fmt: skip

_OPTIONAL: dict[str, pl.DataType | type[pl.DataType]] = {
    "sku": pl.String, "title": pl.String, "quantity": pl.Int32, "unit_price": PRICE,
    "amount": AMOUNT, "refunded": AMOUNT, "currency": pl.String, "kind": pl.String,
    "status": pl.String, "test": pl.Boolean, "is_product": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Canonical frames; and `size`: how many rows of the file each order took, and its
    `parent`: itself, or the order whose rows told of this refund.
    """

    orders: pl.DataFrame
    lines: pl.DataFrame
    size: pl.DataFrame


def read_orders(frame: pl.DataFrame, how: How, ledger: Ledger) -> Orders:
    """The orders in `frame` (canonical columns). Rows that cannot be taken go to the ledger, with
    all other rows of their order: so a corrected file can be read again and completes them.
    """
    cells, faults = _cells(ledger.distinct(frame), how, ledger)
    cells = first_reason(cells, faults)
    orders = with_addresses(_grouped(cells, how), how.email_template, ledger)
    orders = first_reason(orders, _order_faults(orders))
    bad = orders.filter(pl.col("reason").is_not_null() | pl.col("bad_row"))
    if bad.height:
        whole = bad.select("order_id", whole=pl.col("reason").fill_null("order_has_bad_row"))
        cells = cells.join(whole, on="order_id", how="left", maintain_order="left")
        cells = cells.with_columns(reason=pl.coalesce("reason", "whole"))
        orders = orders.join(bad, on="order_id", how="anti")
    ledger.skip(cells.filter(pl.col("reason").is_not_null()))
    whole_line = pl.col("quantity").is_not_null() & pl.col("unit_price").is_not_null()
    lines = cells.filter(pl.col("reason").is_null() & whole_line)
    _notice(orders, lines, ledger)
    orders = orders.with_columns(parent="order_id")
    orders = pl.concat([orders, _refunds(orders)], how="diagonal")
    lines = _signed(lines, orders)
    return Orders(
        orders=orders.select(
            "customer", "email", "first_name", "last_name", "country", "ordered_at", "amount",
            "currency", "kind", "status", external_id="order_id", is_test="test",
        ),
        lines=lines.select(
            "sku", "title", "quantity", "unit_price", "is_product", order="order_id"
        ),
        size=orders.select("parent", "rows", external_id="order_id"),
    )  # fmt: skip


def _cells(
    frame: pl.DataFrame, how: How, ledger: Ledger
) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Every cell as a value, and what is wrong: reason -> rows. Columns that the file does not have
    cost nothing.
    """
    people = read_people(frame, how, ledger)
    order_id = ledger.words(values.identifier(frame["order_id"]), 10_000)
    faults = {
        "no_order_id": order_id == "",
        "id_too_long": _too_long(order_id) | _too_long(people["customer"]),
    }
    found: dict[str, pl.Series] = {"row": frame["row"], "order_id": order_id}

    def read(name: str, parse: Callable[[pl.Series], pl.Series], fault: str) -> pl.Series | None:
        """The values of a column, where the file has it; written and not readable is a fault."""
        if name not in frame.columns:
            return None
        raw = frame[name]
        found[name] = parse(raw)
        said = values.text(raw) if raw.dtype == pl.String else raw
        wrong = said.is_not_null() & found[name].is_null()
        faults[fault] = faults[fault] | wrong if fault in faults else wrong
        return found[name]

    mark = how.mapping.decimal
    moment = read(
        "ordered_at", lambda c: values.moment(c, how.timezone, how.mapping.date_formats), "bad_date"
    )
    assert moment is not None
    faults["absurd_date"] = moment < _OLDEST
    faults["future_date"] = moment > how.now + _LATE
    if how.until is not None:
        faults["after_until"] = moment > how.until
    quantity = read("quantity", lambda c: values.whole(c, mark), "bad_quantity")
    price = read("unit_price", lambda c: values.number(c, PRICE, mark), "bad_price")
    if quantity is not None and price is not None:
        faults["incomplete_line"] = quantity.is_null() != price.is_null()
    read("amount", lambda c: values.number(c, AMOUNT, mark), "bad_amount")
    read("refunded", lambda c: values.number(c, AMOUNT, mark), "bad_amount")
    read("currency", _currency, "bad_currency")
    read("kind", lambda c: _one_of(c, _KINDS), "bad_kind")
    read("status", lambda c: _one_of(c, _STATES), "bad_status")
    read("test", values.flag, "bad_test")
    for name, longest in (("sku", 10_000), ("title", 500)):
        if name in frame.columns:
            found[name] = ledger.words(values.text(frame[name]), longest)
    if "sku" in found:
        faults["id_too_long"] |= _too_long(found["sku"])
    read("is_product", lambda c: values.flag(c, empty=True), "bad_is_product")
    cells = people.with_columns(**found).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in _OPTIONAL.items() if name not in found
    )
    return cells.with_columns(_is_product(cells, how)), faults


def _too_long(ids: pl.Series) -> pl.Series:
    return ids.str.len_bytes() > LONGEST_ID


def _currency(column: pl.Series) -> pl.Series:
    codes = values.text(column).str.to_uppercase()
    return codes.set(~codes.str.contains(r"^[A-Z]{3}$").fill_null(True), None)


def _one_of(column: pl.Series, words: dict[str, str]) -> pl.Series:
    said = values.text(column).str.to_lowercase()
    return said.replace_strict(words, default=None, return_dtype=pl.String)


def _is_product(cells: pl.DataFrame, how: How) -> pl.Series:
    """False where the file or the mapping says that a line is postage, a discount or the like."""
    told = cells["is_product"].fill_null(True)
    codes = [code.upper() for code in how.mapping.not_products]
    if not codes:
        return told

    def other(skus: pl.Series) -> pl.Series:
        upper = skus.str.to_uppercase()
        found = upper.is_in([code for code in codes if not code.endswith("*")])
        for code in codes:
            if code.endswith("*"):
                found |= upper.str.starts_with(code[:-1])
        return found

    return (told & ~values.by_value(cells["sku"].fill_null(""), other)).alias("is_product")


def _grouped(cells: pl.DataFrame, how: How) -> pl.DataFrame:
    """One row an order: what its rows say first, and the sum of its lines where no amount is told."""
    worth = pl.col("unit_price").cast(_WIDE) * pl.col("quantity")
    first = [
        pl.col(name).drop_nulls().first()
        for name in ("email", "amount", "refunded", "currency", "kind", "status")
    ]
    said = [
        pl.col(name).filter(pl.col(name) != "").first().fill_null("")
        for name in ("customer", "first_name", "last_name", "country")
    ]
    orders = (
        cells.with_columns(worth=worth)
        .filter(pl.col("order_id") != "")
        .group_by("order_id", maintain_order=True)
        .agg(
            *first,
            *said,
            pl.col("ordered_at").min(),
            pl.col("test").any().fill_null(False),
            pl.col("worth").sum(),
            lines=pl.col("worth").count(),
            currencies=pl.col("currency").drop_nulls().n_unique(),
            customers=pl.col("customer").filter(pl.col("customer") != "").n_unique(),
            all_negative=(pl.col("quantity") < 0).all(),
            all_positive=(pl.col("quantity") > 0).all(),
            bad_row=pl.col("reason").is_not_null().any(),
            rows=pl.len().cast(pl.Int64),
        )
    )
    total = pl.when(pl.col("lines") > 0).then(pl.col("worth").round(2).cast(AMOUNT, strict=False))
    orders = orders.with_columns(
        told=pl.col("amount").is_not_null(),
        amount=pl.coalesce("amount", total),
        currency=pl.col("currency").fill_null(how.currency),
        status=pl.col("status").fill_null("placed"),
    )
    back = (pl.col("lines") > 0) & pl.col("all_negative") | (pl.col("amount") < 0)
    orders = orders.with_columns(
        kind=pl.coalesce("kind", pl.when(back).then(pl.lit("return")).otherwise(pl.lit("order")))
    )
    returned = pl.col("kind") == "return"
    return orders.with_columns(
        amount=pl.when(returned & (pl.col("amount") > 0))
        .then(-pl.col("amount"))
        .otherwise("amount")
    )


def _order_faults(orders: pl.DataFrame) -> dict[str, pl.Series]:
    return {
        "no_date": orders["ordered_at"].is_null(),
        "several_currencies": orders["currencies"] > 1,
        "amount_too_large": orders["amount"].is_null() & (orders["lines"] > 0),
        "no_amount": orders["amount"].is_null(),
    }


def _refunds(orders: pl.DataFrame) -> pl.DataFrame:
    """A return for each placed order of which something was paid back."""
    some = orders.filter((pl.col("refunded") > 0) & (pl.col("status") == "placed"))
    return some.with_columns(
        order_id=pl.col("order_id") + "-refund",
        amount=-pl.col("refunded"),
        kind=pl.lit("return"),
        all_positive=pl.lit(False),
        rows=pl.lit(0, dtype=pl.Int64),
    )


def _signed(lines: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Lines with negative quantities where a return told positive ones."""
    positive = orders.filter((pl.col("kind") == "return") & pl.col("all_positive"))["order_id"]
    if not positive.len():
        return lines
    back = pl.col("order_id").is_in(positive.implode())
    quantity = pl.when(back).then(-pl.col("quantity")).otherwise("quantity")
    return lines.with_columns(quantity=quantity)


def _notice(orders: pl.DataFrame, lines: pl.DataFrame, ledger: Ledger) -> None:
    nobody = (pl.col("customer") == "") & pl.col("email").is_null()
    told = orders.select(
        orders=(pl.col("kind") == "order").sum(),
        returns=(pl.col("kind") == "return").sum(),
        orders_cancelled=(pl.col("status") == "cancelled").sum(),
        orders_test=pl.col("test").sum(),
        orders_without_customer=nobody.sum(),
        orders_with_refund=(pl.col("refunded") > 0).sum(),
        orders_of_several_customers=(pl.col("customers") > 1).sum(),
    )
    on_lines = lines.select(
        lines_without_customer=nobody.sum(),
        lines_not_products=(~pl.col("is_product")).sum(),
        lines_at_price_zero=(pl.col("unit_price") == 0).sum(),
        lines_at_negative_price=(pl.col("unit_price") < 0).sum(),
    )
    for counts in (told, on_lines):
        for name, count in counts.row(0, named=True).items():
            ledger.notice(name, count)
