"""The conformance check passes the toy, and finds what others break."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest

from kernel.contracts.models import History
from kernel.testing.models import check_model
from tests.kernel.models.toy import Shelf, Toy, ToySettings


def test_the_toy_keeps_the_contract() -> None:
    check_model(Toy(), ToySettings())


class Peeks(Toy):
    """Looks at tomorrow."""

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        return super().score(artefact, history, as_of + timedelta(days=20))


class Counts(Toy):
    """Takes an id for a number."""

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        again = (pl.col("customer_id") / 1000).alias("toy.again")
        return super().score(artefact, history, as_of).with_columns(again)


class Fragile(Toy):
    """Has never seen a small shop."""

    def train(self, history: History, as_of: datetime, settings: Any) -> Any:
        if history.orders["customer_id"].n_unique() < 4:
            raise ZeroDivisionError
        return super().train(history, as_of, settings)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Peeks(), "at or after as_of changes a score"),
        (Counts(), "numbers of customers and orders changes a score"),
        (Fragile(), "on a shop with no orders: ZeroDivisionError"),
        (Shelf(), "it abstains on the shop"),
    ],
)
def test_what_it_finds(model: Toy, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        check_model(model)
