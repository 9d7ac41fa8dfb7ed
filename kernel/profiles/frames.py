"""The canonical frames: what a source must bring its customers, products and orders into.

Money is Decimal, times are UTC, text is never null unless it says so. `conform` adds the optional
columns that a source does not have and takes control characters out of every text.
"""

from __future__ import annotations

import polars as pl

from kernel.contracts.errors import InvalidInput

AMOUNT = pl.Decimal(14, 2)
PRICE = pl.Decimal(14, 4)
MOMENT = pl.Datetime("us", "UTC")

Columns = dict[str, tuple[pl.DataType | type[pl.DataType], object]]
"""name -> type and default; a default of `...` makes the column required, None lets it be null."""

CUSTOMERS: Columns = {
    "external_id": (pl.String, ""),
    "email": (pl.String, None),
    "first_name": (pl.String, ""),
    "last_name": (pl.String, ""),
    "country": (pl.String, ""),
    "timezone": (pl.String, ""),
    "locale": (pl.String, ""),
    "tags": (pl.String, ""),
    "consent": (pl.String, ""),
    "consent_at": (MOMENT, None),
    "consent_source": (pl.String, ""),
    "tracking": (pl.String, ""),
    "tracking_at": (MOMENT, None),
    "created_at": (MOMENT, None),
    "source": (pl.String, ""),
}
"""One row a customer. `external_id` or `email` is needed; `tags` are divided by commas; `consent` is
a ConsentState, `tracking` is `granted` or `denied`; both empty for nothing said. Where they said it is
`consent_source` for both.
"""

PRODUCTS: Columns = {
    "sku": (pl.String, ...),
    "external_id": (pl.String, ""),
    "title": (pl.String, ""),
    "vendor": (pl.String, ""),
    "product_type": (pl.String, ""),
    "tags": (pl.String, ""),
    "price": (AMOUNT, None),
    "cost": (AMOUNT, None),
    "currency": (pl.String, ""),
    "status": (pl.String, "active"),
    "inventory": (pl.Int32, None),
    "image_url": (pl.String, ""),
    "url": (pl.String, ""),
    "is_product": (pl.Boolean, True),
    "source": (pl.String, ""),
}
"""One row a SKU. `cost` is what one costs the shop, where it is known."""

ORDERS: Columns = {
    "external_id": (pl.String, ...),
    "customer_id": (pl.Int64, None),
    "customer": (pl.String, ""),
    "email": (pl.String, None),
    "first_name": (pl.String, ""),
    "last_name": (pl.String, ""),
    "country": (pl.String, ""),
    "ordered_at": (MOMENT, ...),
    "amount": (AMOUNT, ...),
    "currency": (pl.String, ...),
    "kind": (pl.String, "order"),
    "status": (pl.String, "placed"),
    "is_test": (pl.Boolean, False),
    "discount_codes": (pl.String, ""),
    "source": (pl.String, ""),
}
"""One row an order or return. Who bought: our `customer_id`, or the source's id `customer`, or
`email`; without any of them the order is kept anonymous. The amount of a return is negative.
`discount_codes` are divided by commas.
"""

LINES: Columns = {
    "order": (pl.String, ...),
    "sku": (pl.String, ""),
    "title": (pl.String, ""),
    "quantity": (pl.Int32, ...),
    "unit_price": (PRICE, ...),
    "is_product": (pl.Boolean, True),
}
"""One row a line; `order` is the external_id of its order."""

# C0, C1 and DEL; the two "separator" marks; and what turns the direction of text, which can make a
# name look like another. PostgreSQL refuses U+0000 altogether.
CONTROL = "[\\x00-\\x1f\\x7f-\\x9f\\u{2028}\\u{2029}\\u{202a}-\\u{202e}\\u{2066}-\\u{2069}]+"


def conform(frame: pl.DataFrame, columns: Columns, what: str) -> pl.DataFrame:
    """`frame` with exactly these columns, in their order and types, clean and without gaps.

    Raises:
        InvalidInput: a required column is missing or null somewhere, or a type cannot be taken.
    """
    missing = [
        n for n, (_, default) in columns.items() if default is ... and n not in frame.columns
    ]
    if missing:
        raise InvalidInput(
            f"{what}: the column {', '.join(missing)} is missing.",
            f"The canonical columns are {', '.join(columns)}.",
        )
    chosen = []
    for name, (dtype, default) in columns.items():
        if name not in frame.columns:
            value = None if default is None else default
            chosen.append(pl.lit(value, dtype=dtype).alias(name))
            continue
        column = pl.col(name).cast(dtype)
        if default is not None and default is not ...:
            column = column.fill_null(default)
        chosen.append(column)
    try:
        frame = frame.select(chosen) if frame.height else frame.clear().select(chosen).clear()
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(f"{what}: {error}".splitlines()[0], "See docs/import.md.") from error
    holes = [n for n, (_, default) in columns.items() if default is ... and frame[n].null_count()]
    if holes:
        raise InvalidInput(f"{what}: {', '.join(holes)} may not be empty.", "See docs/import.md.")
    return frame.with_columns(
        clean_text(frame[name]) for name, (dtype, _) in columns.items() if dtype == pl.String
    )


def clean_text(text: pl.Series) -> pl.Series:
    """The texts without control characters: runs of them become one space, ends are trimmed."""
    if not text.unique().str.contains(CONTROL).any():
        return text
    return text.str.replace_all(CONTROL, " ").str.strip_chars()


def clean_tags(tags: pl.Expr) -> pl.Expr:
    """Tags in one spelling: trimmed, without empty ones and doubles, sorted, divided by commas."""
    parts = tags.str.split(",").list.eval(pl.element().str.strip_chars())
    return (
        parts.list.eval(pl.element().filter(pl.element() != ""))
        .list.unique()
        .list.sort()
        .list.join(",")
    )
