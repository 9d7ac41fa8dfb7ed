"""Small frames, and the database told in words that do not depend on ids."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def order(number: int, **fields: Any) -> dict[str, Any]:
    """An order of 10.00 by customer `c1`, `number` days after 1 March 2026."""
    return {
        "external_id": f"o{number}",
        "customer": "c1",
        "ordered_at": DAY + timedelta(days=number),
        "amount": Decimal("10.00"),
        "currency": "EUR",
        **fields,
    }


def line(number: int, **fields: Any) -> dict[str, Any]:
    """A line of order `number`: one oak bowl at 10.00."""
    return {
        "order": f"o{number}",
        "sku": "BOWL",
        "title": "Oak bowl",
        "quantity": 1,
        "unit_price": Decimal("10.0000"),
        **fields,
    }


def frame(rows: Iterable[dict[str, Any]], columns: Any) -> pl.DataFrame:
    """The rows with the columns they name, in the types of `columns`."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    schema = {n: columns[n][0] for n in (names or columns)}
    return pl.DataFrame([{n: row.get(n) for n in schema} for row in rows], schema=schema)


async def told(ctx: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Customers, orders and lines by the source's ids."""
    who = "coalesce(nullif(c.external_id, ''), c.email)"
    queries = {
        "customers": f"""SELECT {who}, c.email, first_name, country, orders_count, total_spent,
            first_order_at, last_order_at, created_at FROM profiles_customer c ORDER BY 1""",
        "aliases": f"""SELECT a.external_id, {who} FROM profiles_customer_alias a
            JOIN profiles_customer c ON c.id = a.customer_id ORDER BY 1""",
        "orders": f"""SELECT o.external_id, {who}, ordered_at, amount, currency, kind, status,
            is_test FROM profiles_order o LEFT JOIN profiles_customer c ON c.id = o.customer_id
            ORDER BY 1""",
        "lines": """SELECT o.external_id, line_no, sku, title, quantity, unit_price, l.is_product
            FROM profiles_order_line l JOIN profiles_order o ON o.id = l.order_id ORDER BY 1, 2""",
    }
    return {name: [tuple(row) for row in await ctx.db.fetch(sql)] for name, sql in queries.items()}
