"""The conformance check of a model: a plugin's test calls it, and it says what the model breaks.

def test_it_keeps_the_contract():
    check_model(MODEL, MySettings())
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from polars.testing import assert_frame_equal

from kernel.contracts.errors import InvalidInput
from kernel.contracts.models import Abstained, History, Model, Trained
from kernel.models import files
from kernel.models.history import before, history, named

AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)


def shop(customers: int = 60, seed: int = 1, days: int = 400) -> pl.DataFrame:
    """Order lines as a file has them: some buy every week, some every month, some hardly ever; until
    thirty days after AS_OF.
    """
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


def check_model(model: Model, settings: Any = None, lines: pl.DataFrame | None = None) -> None:
    """The model keeps to docs/models.md: nothing at or after `as_of`, no ids, no order of rows, no faults on
    tiny and odd shops, and no artefact that is not its own.

    Args:
        model: what the hook `models` returns.
        settings: as it is handed them; None for none.
        lines: a shop large enough for it, in the columns of `shop()`, if that one is too small.
    """
    lines = shop(150) if lines is None else lines
    whole = files.clean(lines, AS_OF)
    told = _scores(model, whole, settings)
    if told is None:
        raise AssertionError(f"{model.name}: it abstains on the shop; pass `lines` of a larger one")
    odd = sorted(set(told.columns) - {"customer_id", *model.traits})
    assert not odd, f"{model.name}: scores {odd}, which `traits` does not name"
    for what, same in (
        ("what happens at or after as_of", before(whole, AS_OF)),
        ("the order of rows", files.clean(lines.sample(fraction=1, shuffle=True, seed=3), AS_OF)),
        ("the numbers of customers and orders", _renumbered(whole)),
    ):
        try:
            again = _scores(model, same, settings)
            assert again is not None, "it abstains"
            assert_frame_equal(told, again, check_exact=True)
        except AssertionError as error:
            raise AssertionError(f"{model.name}: {what} changes a score: {error}") from None
    horizon = model.horizon(whole, AS_OF - timedelta(days=30))
    assert 1 <= horizon <= 3650, f"{model.name}: a horizon of {horizon} days"
    found, table = model.evaluate(whole, AS_OF - timedelta(days=30), 30, settings)
    assert found.missing or found.metric in found.metrics, f"{model.name}: no {found.metric}"
    assert table.columns[0] == "customer_id", f"{model.name}: the scores begin with customer_id"
    for what, few in _odd_shops():
        _survives(what, lambda few=few: _scores(model, few, settings), model.name)  # type: ignore[misc]
        _survives(what, lambda few=few: model.evaluate(few, AS_OF, 30, settings), model.name)  # type: ignore[misc]
    for foreign in (b"", b"\x00garbage", b"\x81\xa1a\x01"):
        try:
            model.score(foreign, whole, AS_OF)
        except InvalidInput:
            continue
        raise AssertionError(f"{model.name}: a foreign artefact must raise InvalidInput")


def _scores(model: Model, known: History, settings: Any) -> pl.DataFrame | None:
    trained: Trained | Abstained = model.train(known, AS_OF, settings)
    if isinstance(trained, Abstained):
        assert trained.missing, f"{model.name}: it abstains and does not say what is missing"
        return None
    assert trained.trained_to <= AS_OF, f"{model.name}: it learned from what comes after as_of"
    scores = named(known, model.score(trained.artefact, known, AS_OF))
    return scores.sort("customer_id")


def _renumbered(known: History) -> History:
    """The same shop under other numbers, in which the first is the last."""
    assert known.ids is not None
    last = known.ids.len() - 1
    other = {"customer_id": last - pl.col("customer_id"), "order_id": -pl.col("order_id")}
    orders, lines = known.orders.with_columns(**other), known.lines.with_columns(**other)
    return history(orders, lines.reverse(), known.products.reverse(), ids=known.ids.reverse())


def _survives(what: str, work: Callable[[], Any], name: str) -> None:
    try:
        work()
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{name}: on a shop with {what}: {error!r}") from error


def _odd_shops() -> Iterator[tuple[str, History]]:
    few = shop(3)
    past = pl.col("ordered_at") < AS_OF
    yield "no orders", files.clean(few.clear(), AS_OF)
    yield "three customers", files.clean(few, AS_OF)
    once = shop(90).unique("customer_id", keep="first", maintain_order=True)
    yield "one order of each", files.clean(once.filter(past), AS_OF)
    yield (
        "no customer who came back",
        files.clean(shop(90).filter(pl.col("ordered_at") < AS_OF - timedelta(days=200)), AS_OF),
    )
    back = shop(90).select(
        pl.all().exclude("ordered_at", "order_id"),
        ordered_at=AS_OF + timedelta(days=1),
        order_id=pl.lit("again"),
    )
    yield (
        "only customers who came back",
        files.clean(pl.concat([shop(90).filter(past), back.select(few.columns)]), AS_OF),
    )
    yield (
        "one product at one price",
        files.clean(shop(90).with_columns(sku=pl.lit(7), unit_price=pl.lit(9.0)), AS_OF),
    )
    giant = pl.when(pl.col("customer_id") == 0).then(1e6).otherwise("unit_price")
    yield "a wholesaler", files.clean(shop(90).with_columns(unit_price=giant), AS_OF)
    returns = pl.when(pl.col("customer_id") % 2 == 0).then(-1).otherwise("quantity")
    yield (
        "returns only, for half of them",
        files.clean(shop(90).with_columns(quantity=returns), AS_OF),
    )
