"""Shops too small, too odd or too dirty: a sentence says what is missing, or there is a finite answer."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kernel.sdk import Abstained, History, clean_orders
from plugins.churn.model import MODEL, NEXT_ORDER, PROBABILITY, REASONS, VALUE
from tests.plugins.churn.shop import AS_OF, many, rows, shop

RAW = many(80, after=40)
NOBODY_BACK = (
    "It needs customers who came back: nobody has ordered on a second day yet, so nothing tells "
    "when they do."
)


def abstains(history: History) -> tuple[str, ...]:
    """What is missing, from training and from evaluating alike."""
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Abstained)
    found, table = MODEL.evaluate(history, AS_OF, 30, None)
    assert found.missing == trained.missing and found.n == 0 and table.is_empty()
    assert table.columns == ["customer_id", "probability"]
    return trained.missing


def scores(history: History) -> pl.DataFrame:
    """Everyone's traits, each of which is a value one can show."""
    trained = MODEL.train(history, AS_OF, None)
    assert not isinstance(trained, Abstained), trained
    found = MODEL.score(trained.artefact, history, AS_OF)
    past = history.orders.filter(pl.col("ordered_at") < AS_OF, ~pl.col("is_return"))
    assert found.height == past["customer_id"].n_unique()
    assert found[PROBABILITY].is_between(0, 1).all() and found[PROBABILITY].null_count() == 0
    assert found[VALUE].is_finite().all() and (found[VALUE] >= 0).all()
    assert found[NEXT_ORDER].drop_nulls().is_between(AS_OF, AS_OF + timedelta(days=187)).all()
    assert found[REASONS].list.len().is_between(1, 3).all()
    return found


def test_nobody():
    assert abstains(shop()) == (
        "It needs 20 customers who ordered before 2026-06-15; there are none.",
        "It needs 30 days of orders; there are 0.",
        NOBODY_BACK,
    )


def test_three_customers():
    told = abstains(shop(("a", 90, 10), ("a", 60, 10), ("b", 50, 10), ("c", 3, 10)))
    assert told == ("It needs 20 customers who ordered before 2026-06-15; there are 3.",)


def test_a_shop_that_opened_last_week():
    orders = [(n, days, 10.0) for n in range(40) for days in (1 + n % 3, 5 + n % 3)]
    assert abstains(shop(*orders)) == ("It needs 30 days of orders; there are 7.",)


def test_one_order_each():
    assert abstains(shop(*[(n, n, 10.0) for n in range(1, 90)])) == (NOBODY_BACK,)


def test_twenty_customers_are_told_by_their_rhythm():
    orders = [(n, 200 - n - pause, 20.0) for n in range(20) for pause in (0, 40 + n)]
    found = MODEL.train(shop(*orders), AS_OF, None)
    assert not isinstance(found, Abstained) and found.method == "bgnbd"
    assert found.facts["came_back"] == 20
    scores(shop(*orders))


def test_all_are_gone():
    history = clean_orders(RAW.with_columns(pl.col("ordered_at").dt.offset_by("-3y")), AS_OF)
    found = scores(history)
    assert (found[PROBABILITY] > 0.9).all() and found[NEXT_ORDER].null_count() == found.height
    judged, _ = MODEL.evaluate(history, AS_OF - timedelta(days=30), 30, None)
    assert judged.base_rate == 1 and np.isnan(judged.metrics["auc"])
    assert "No known customer ordered in the 30 days from 2026-05-16" in judged.notes[0]


def test_none_are_gone():
    orders = [(n, days + n / 40, 20.0) for n in range(60) for days in range(1, 200, 7)]
    history = shop(*orders)
    assert (scores(history)[PROBABILITY] < 0.1).all()
    judged, _ = MODEL.evaluate(history, AS_OF - timedelta(days=30), 30, None)
    assert judged.base_rate == 0 and judged.metrics["log_loss"] < 0.1 and not judged.notes


def test_a_history_that_ends_too_early_says_so():
    history = clean_orders(RAW.filter(pl.col("ordered_at") < AS_OF), AS_OF)
    judged, _ = MODEL.evaluate(history, AS_OF - timedelta(days=15), 60, None)
    assert "The history ends on" in judged.notes[0] and "before the horizon does" in judged.notes[0]


@pytest.mark.parametrize(
    "amount",
    [
        pl.lit(0.0),
        pl.when(pl.col("order_id") % 3 == 0).then(-pl.col("amount")).otherwise("amount"),
        pl.when(pl.col("order_id") % 3 == 0).then(float("nan")).otherwise("amount"),
        pl.when(pl.col("order_id") % 3 == 0).then(float("inf")).otherwise("amount"),
        pl.when(pl.col("customer_id") == 1).then(9e8).otherwise("amount"),
        pl.lit(0.01),
    ],
    ids=["zero", "negative", "nan", "infinite", "huge", "cents"],
)
def test_odd_amounts(amount: pl.Expr):
    found = scores(clean_orders(RAW.with_columns(amount=amount), AS_OF))
    assert found.height > 0 and found[PROBABILITY].is_between(0, 1).all()


def test_orders_of_the_future_and_of_absurd_days_teach_nothing():
    plain = clean_orders(RAW.filter(pl.col("ordered_at") < AS_OF), AS_OF)
    last = RAW.tail(30).with_columns(order_id=pl.col("order_id") + 100_000)
    later = last.with_columns(ordered_at=pl.lit(AS_OF + timedelta(days=400)))
    absurd = last.with_columns(
        ordered_at=pl.lit(AS_OF.replace(year=1970)), order_id=pl.col("order_id") * 2
    )
    dirty = clean_orders(pl.concat([RAW, later, absurd]), AS_OF)
    assert scores(dirty).sort("customer_id").equals(scores(plain).sort("customer_id"))


def test_duplicates_count_once():
    once = clean_orders(RAW, AS_OF)
    twice = clean_orders(pl.concat([RAW, RAW.head(200)]), AS_OF)
    assert sum(twice.noticed.values()) >= 200
    assert scores(twice).equals(scores(once))


def test_many_orders_at_the_same_moment():
    orders = [(n % 30, 10 * (n % 12) + 1, 5.0) for n in range(3000)]
    found = scores(shop(*orders))
    assert found[PROBABILITY].max() - found[PROBABILITY].min() < 0.1


def test_text_instead_of_ids():
    odd = RAW.with_columns(customer_id=pl.format("✂ {} '; --", "customer_id"))
    found, plain = scores(clean_orders(odd, AS_OF)), scores(clean_orders(RAW, AS_OF))
    assert found.height == plain.height
    assert found[PROBABILITY].sort().equals(plain[PROBABILITY].sort())


def test_customers_without_id_are_left_out():
    some = pl.when(pl.col("customer_id") % 4 == 0).then(None).otherwise("customer_id")
    history = clean_orders(RAW.with_columns(customer_id=some), AS_OF)
    assert scores(history).height < 80


def test_only_returns():
    history = clean_orders(rows(*[(n, n + 1, -10.0) for n in range(60)]), AS_OF)
    assert abstains(history)[0].endswith("there are none.")
