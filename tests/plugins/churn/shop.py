"""Made-up shops: customers who order at random at a rate of their own, and stop for good some day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import History, clean_orders

AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)
COLUMNS = ("customer_id", "order_id", "ordered_at", "amount")


def rows(*orders: tuple[Any, float, float]) -> pl.DataFrame:
    """Orders as a file has them: (customer, days before AS_OF, amount)."""
    found = [
        (who, f"o{number}", AS_OF - timedelta(days=ago), amount)
        for number, (who, ago, amount) in enumerate(orders)
    ]
    return pl.DataFrame(found, COLUMNS, orient="row")


def shop(*orders: tuple[Any, float, float]) -> History:
    """The history of these orders."""
    return clean_orders(rows(*orders), AS_OF)


def many(
    customers: int = 120,
    days: int = 365,
    after: int = 60,
    seed: int = 1,
    busy: Callable[[Any], Any] | None = None,
    pause: float = 30.0,
    stay: float = 250.0,
) -> pl.DataFrame:
    """Orders of a whole shop from `days` before AS_OF until `after` days after it.

    Args:
        customers: how many.
        days: how long ago the shop began.
        after: how many days of the future are in it.
        seed: of all that is drawn.
        busy: how busy the shop is at the days since AS_OF (an array), from 0 to 1.
        pause: a middling customer's days between two orders.
        stay: days until half of the customers stopped for good, and some more.
    """
    rng = np.random.default_rng(seed)
    first = rng.uniform(-days, 0.1 * after, customers)
    gone = np.minimum(first + rng.exponential(stay, customers), after)
    rate = rng.gamma(1.5, 1 / (1.5 * pause), customers)
    counts = rng.poisson(rate * np.maximum(gone - first, 0))
    who = np.repeat(np.arange(customers), counts)
    day = first[who] + rng.random(len(who)) * (gone - first)[who]
    if busy is not None:
        kept = rng.random(len(who)) < busy(day)
        who, day = who[kept], day[kept]
    who, day = np.concatenate([np.arange(customers), who]), np.concatenate([first, day])
    amount = np.round(rng.lognormal(3.5, 0.6, len(who)), 2)
    kept = day < after
    at = [AS_OF + timedelta(seconds=int(one * 86_400)) for one in day[kept]]
    return pl.DataFrame(
        {
            "customer_id": who[kept],
            "order_id": np.arange(len(who))[kept],
            "ordered_at": at,
            "amount": amount[kept],
        }
    )
