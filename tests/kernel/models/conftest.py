"""The toy's board, and a shop of random orders."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from kernel.plugboard.board import Plugboard
from kernel.runtime.embedded import ServerUrls
from kernel.testing import database
from tests.kernel.models import toy

AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def board() -> Plugboard:
    return toy.board()


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls, board: Plugboard) -> Iterator[str]:
    name = f"{database.unique_name()}_{uuid.uuid4().hex[:8]}"
    yield asyncio.run(database.clone(servers.database_url, board, name))
    with suppress(OSError):
        asyncio.run(database.drop(servers.database_url, name))


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    """The toy is whole at the end of each test."""
    yield
    for name in ("wrong", "broken", "version"):
        toy.TOY.__dict__.pop(name, None)


def shop(customers: int = 60, seed: int = 1, days: int = 400) -> pl.DataFrame:
    """Order lines as a file has them: loyal customers and others, until thirty days after AS_OF."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(customers):
        gap = (7, 25, 150)[customer % 3]
        day = rng.uniform(0, days)
        while day < days + 30:
            at = (AS_OF - timedelta(days=days - day)).replace(microsecond=0)
            for sku in rng.choice(20, rng.integers(1, 4), replace=False):
                rows.append((customer, f"o{customer}-{day:.3f}", at, int(sku), 1, 5.0 + sku))
            day += rng.exponential(gap) + 0.01
    names = ("customer_id", "order_id", "ordered_at", "sku", "quantity", "unit_price")
    return pl.DataFrame(rows, names, orient="row")
