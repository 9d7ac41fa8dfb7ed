"""Small shops: rows of a file, and the history that is read from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import History, clean_orders

AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)
COLUMNS = ("customer_id", "order_id", "ordered_at", "sku", "quantity", "unit_price")


def rows(*orders: tuple[Any, float, str], quantity: int = 1) -> pl.DataFrame:
    """Lines of orders: (customer, days before AS_OF, SKUs divided by spaces)."""
    lines = [
        (who, f"o{number}", AS_OF - timedelta(days=ago), sku, quantity, 10.0)
        for number, (who, ago, skus) in enumerate(orders)
        for sku in skus.split()
    ]
    return pl.DataFrame(lines, COLUMNS, orient="row").cast({"quantity": pl.Int64})


def shop(*orders: tuple[Any, float, str]) -> History:
    """The history of these orders."""
    return clean_orders(rows(*orders), AS_OF)


def many(customers: int = 60, products: int = 30, seed: int = 1) -> pl.DataFrame:
    """Random lines, some of the future: products are bought with their neighbours, and again."""
    rng = np.random.default_rng(seed)
    lines = []
    for customer in range(customers):
        favourite = int(rng.integers(products))
        for order in range(int(rng.integers(1, 7))):
            at = AS_OF - timedelta(days=float(rng.integers(-20, 400)), minutes=customer)
            lead = favourite if rng.random() < 0.5 else int(rng.integers(products))
            for sku in {lead, (lead + 1) % products, int(rng.integers(products))}:
                lines.append((customer, 1000 * customer + order, at, 100 + sku, 1, 5.0))
    return pl.DataFrame(lines, COLUMNS, orient="row")
