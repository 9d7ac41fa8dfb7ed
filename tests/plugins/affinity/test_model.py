"""The model as the framework and the commands use it, on shops of every kind."""

from datetime import timedelta

import polars as pl
import pytest

from kernel.sdk import Abstained, Judging, Model, Recommender, clean_orders
from plugins.affinity.manifest import AffinitySettings
from plugins.affinity.model import AGAIN, MODEL, NEW
from tests.plugins.affinity.shop import AS_OF, many, rows, shop

model: Model = MODEL


def test_keeps_its_contracts():
    assert isinstance(MODEL, Recommender) and isinstance(MODEL, Judging)


def test_trains_and_scores():
    history = clean_orders(many(), AS_OF)
    trained = model.train(history, AS_OF, AffinitySettings(quiet_days=3.0))
    assert not isinstance(trained, Abstained)
    assert trained.method == "ease" and trained.trained_to == AS_OF and trained.trained_from < AS_OF
    scores = model.score(trained.artefact, history, AS_OF)
    assert set(scores.columns) == {"customer_id", *model.traits}
    past = history.orders.filter(pl.col("ordered_at") < AS_OF)["customer_id"].unique().sort()
    assert scores["customer_id"].equals(past)
    assert scores[NEW].list.len().max() == 6 and scores[NEW].null_count() == 0
    one = scores.filter(pl.col(AGAIN).is_not_null())[AGAIN][0][0]
    assert set(one) == {"sku", "score", "reason"} and one["reason"].startswith("bought ")


def test_traits_stay_as_they_are_while_nothing_happens():
    raw = many().filter(pl.col("ordered_at") < AS_OF - timedelta(days=130))
    history = clean_orders(raw, AS_OF)
    trained = model.train(history, AS_OF, None)
    assert not isinstance(trained, Abstained)
    today = model.score(trained.artefact, history, AS_OF)
    tomorrow = model.score(trained.artefact, history, AS_OF + timedelta(days=1))
    assert today.equals(tomorrow)


def test_is_judged_by_what_happened_next():
    then = AS_OF - timedelta(days=120)
    found, frame = model.evaluate(clean_orders(many(300), then), then, 120, None)
    assert not found.missing and found.n >= 30 and found.metric == "hit_at_10"
    assert set(found.metrics) == set(found.baselines["popularity"])
    assert found.metrics["hit_at_10"] > found.baselines["popularity"]["hit_at_10"]
    assert found.metrics["hit_at_1"] <= found.metrics["hit_at_3"] <= found.metrics["hit_at_10"]
    assert found.metrics["again_hit_at_3"] > found.baselines["popularity"]["again_hit_at_3"]
    assert frame.columns[0] == "customer_id" and frame["slot"].unique().sort().to_list() == [
        "again",
        "new",
    ]
    trained = model.train(clean_orders(many(300), then), then, None)
    assert not isinstance(trained, Abstained)
    again = MODEL.judge(trained.artefact, clean_orders(many(300), then), then, 120)
    assert again == found.metrics


def test_says_what_is_missing():
    found, frame = model.evaluate(shop(("a", 3, "x y")), AS_OF - timedelta(days=30), 30, None)
    assert found.missing == ("An order with a product; there is none before 2026-05-16.",)
    assert frame.is_empty()
    found, _ = model.evaluate(
        shop(("a", 3, "x y"), ("a", 60, "x y")), AS_OF - timedelta(days=30), 30, None
    )
    assert found.missing[0].startswith("30 orders of two or more known products in the 30 days")
    abstained = model.train(shop(), AS_OF, None)
    assert isinstance(abstained, Abstained) and "none before 2026-06-15" in abstained.missing[0]
    baskets = pl.DataFrame({"basket_id": [1], "item": ["x"]})
    assert MODEL.recommend(shop(), AS_OF, baskets, 3, None).is_empty()
    assert MODEL.next_order(shop(), AS_OF, 3, None).is_empty()


@pytest.mark.parametrize(
    "raw",
    [
        rows(("a", 3, "x"), ("b", 2, "x"), ("c", 1, "x")),  # one product
        rows(("a", 3, "x y"), ("b", 2, "y z"), ("c", 1, "x z")),  # three customers
        rows(*[(n, n, f"p{n}") for n in range(1, 30)]),  # every product sold once
        rows(*[("a", 3, "x y")] * 40),  # one customer
        rows(*[(n, 5, "x y z") for n in range(40)]),  # all buy the same, the same day
        rows(*[(n, 30 * m, "x") for n in range(10) for m in range(1, 9)]),  # one line an order
        rows(*[(None, n, "x y") for n in range(1, 30)]),  # nobody is known
    ],
    ids=["one product", "three", "once each", "one customer", "same", "single", "unknown"],
)
def test_small_and_odd_shops(raw: pl.DataFrame):
    history = clean_orders(raw.with_columns(pl.col("customer_id").cast(pl.String)), AS_OF)
    trained = model.train(history, AS_OF, None)
    assert not isinstance(trained, Abstained)
    scores = model.score(trained.artefact, history, AS_OF)
    assert scores.height == raw["customer_id"].drop_nulls().n_unique()
    found = MODEL.next_order(history, AS_OF, 3, None)
    assert found.columns == ["customer_id", "slot", "rank", "item", "reason"]
    assert (found["reason"].str.len_chars() > 0).all()
    baskets = pl.DataFrame({"basket_id": [1, 2], "item": ["x", "?"]})
    assert MODEL.recommend(history, AS_OF, baskets, 3, None)["score"].is_finite().all()


def test_many_products_stay_sparse(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("plugins.affinity.links.DENSE", 10)
    monkeypatch.setattr("plugins.affinity.links.together.__defaults__", (10,))
    monkeypatch.setattr("plugins.affinity.model.DENSE", 10)
    history = clean_orders(many(), AS_OF)
    trained = model.train(history, AS_OF, None)
    assert not isinstance(trained, Abstained)
    assert trained.method == "ease and shrunk confidence" and "more than the 10" in trained.why
    assert model.score(trained.artefact, history, AS_OF)[NEW].list.len().max() == 6


def test_horizon_follows_the_shop():
    weekly = shop(*[("a", 7 * n, "x") for n in range(1, 9)])
    rare = shop(*[("a", 50 * n, "x") for n in range(1, 9)])
    assert model.horizon(weekly, AS_OF) == 30
    assert model.horizon(rare, AS_OF) == 75
    assert model.horizon(shop(("a", 1, "x")), AS_OF) == 30
