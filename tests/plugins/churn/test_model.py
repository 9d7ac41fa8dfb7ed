"""The model `churn` on made-up shops."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from kernel.sdk import Abstained, InvalidInput, Trained, clean_orders
from kernel.testing.models import AS_OF, shop
from plugins.churn.model import MODEL, PROBABILITY, REASONS

HISTORY = clean_orders(shop(150), AS_OF)


def test_it_beats_recency_and_knows_its_level():
    found, table = MODEL.evaluate(HISTORY, AS_OF - timedelta(days=30), 30, None)
    assert table.columns == ["customer_id", "probability"] and table.height == found.n
    assert table["probability"].is_between(0, 1).all()
    assert found.method == "bgnbd" and "300 customers" in found.why
    assert found.metrics["log_loss"] < found.baselines["recency_only"]["log_loss"]
    assert found.base_rate is not None and 0 < found.base_rate < 1
    assert sum(one.n for one in found.curve) == found.n


def test_what_was_trained_scores_everyone():
    trained = MODEL.train(HISTORY, AS_OF, None)
    assert isinstance(trained, Trained)
    assert trained.horizon_days == MODEL.horizon(HISTORY, AS_OF) == 30
    scores = MODEL.score(trained.artefact, HISTORY, AS_OF)
    assert scores.height == trained.n and set(scores.columns) == {"customer_id", *MODEL.traits}
    assert scores[PROBABILITY].is_between(0, 1).all()
    assert scores[REASONS].list.len().is_between(1, 3).all()


def test_three_customers_are_too_few():
    found = MODEL.train(clean_orders(shop(3).head(4), AS_OF), AS_OF, None)
    assert isinstance(found, Abstained) and "It needs 20 customers" in found.missing[0]


@pytest.mark.parametrize("foreign", [b"", b"\x00", b"\x81\xa1a\x01"])
def test_foreign_artefacts_are_refused(foreign: bytes):
    with pytest.raises(InvalidInput, match="churn model"):
        MODEL.score(foreign, HISTORY, AS_OF)


def test_scores_may_be_asked_of_a_few():
    trained = MODEL.train(HISTORY, AS_OF, None)
    assert isinstance(trained, Trained)
    whole = MODEL.score(trained.artefact, HISTORY, AS_OF)
    orders = HISTORY.orders.filter(pl.col("customer_id") < 5)
    some = MODEL.score(
        trained.artefact, type(HISTORY)(**{**HISTORY.__dict__, "orders": orders}), AS_OF
    )
    assert some.sort("customer_id").equals(
        whole.filter(pl.col("customer_id") < 5).sort("customer_id")
    )


def test_a_small_shop_that_all_come_back_to_is_believed():
    start = AS_OF - timedelta(days=300)
    days = [(n, start + timedelta(days=7 * week + n % 7)) for n in range(60) for week in range(42)]
    raw = pl.DataFrame(days, ["customer_id", "ordered_at"], orient="row")
    history = clean_orders(raw.with_columns(amount=10), AS_OF)
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Trained) and trained.method == "bgnbd"
    assert float(trained.facts["level"].split()[0]) < 0
    assert MODEL.score(trained.artefact, history, AS_OF)[PROBABILITY].max() <= 0.01
