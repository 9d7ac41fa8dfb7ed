"""Which method a shop gets, the season, and the horizon."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from kernel.sdk import Abstained, History, clean_orders, features, measures
from plugins.churn import bgnbd, choose, fit, learners, pauses
from plugins.churn.artefact import encode
from plugins.churn.bgnbd import Rhythm
from plugins.churn.learners import chance
from plugins.churn.model import MODEL, _judged
from tests.plugins.churn.shop import AS_OF, many, shop


def fitted(history: History, as_of: datetime, horizon: int) -> fit.Fitted:
    """The model; it must not abstain."""
    found = fit.fit(history, as_of, horizon)
    assert not isinstance(found, Abstained), found
    return found


@pytest.mark.parametrize(
    ("pause", "days"), [(1, 30), (19, 30), (21, 32), (60, 90), (119, 178), (121, 180), (365, 180)]
)
def test_the_horizon_is_one_and_a_half_of_the_median_pause(pause: float, days: int):
    orders = [(n, pause * m, 10.0) for n in range(3) for m in range(1, 6)]
    long = [("rare", 1, 10.0), ("rare", 2000, 10.0)]  # the mean would be led astray by it
    assert MODEL.horizon(shop(*orders, *long), AS_OF) == pytest.approx(days, abs=1)


def test_the_horizon_where_nobody_came_back():
    assert MODEL.horizon(shop(("a", 3, 10.0)), AS_OF) == pauses.UNKNOWN
    assert MODEL.horizon(shop(), AS_OF) == pauses.UNKNOWN


def test_the_horizon_knows_only_the_past():
    raw = many(60, after=60)
    past = clean_orders(raw.filter(pl.col("ordered_at") < AS_OF), AS_OF)
    assert MODEL.horizon(clean_orders(raw, AS_OF), AS_OF) == MODEL.horizon(past, AS_OF)


def test_young_shops_are_told_by_their_rhythm():
    found = fitted(clean_orders(many(100, days=80), AS_OF), AS_OF, 45)
    assert found.churn.method == "bgnbd" and found.churn.learned is None
    assert "BG/NBD learns without one" in found.why


def test_who_just_ordered_for_the_first_time_is_not_safe():
    """P(active) of one order is high, and no answer to the question: they may well not order soon."""
    rhythm = Rhythm(r=0.3, alpha=60.0, a=0.5, b=2.0)
    frame = features(shop(("once", 1, 10), *[("often", d, 10) for d in range(1, 200, 10)]), AS_OF)
    frame = frame.sort("order_days")
    active = bgnbd.active(rhythm, frame)
    quiet = bgnbd.no_order(rhythm, frame, 30)
    assert active.min() > 0.7 and quiet[0] > 0.7 and quiet[1] < 0.3


def test_no_order_is_the_formula_and_grows_with_silence():
    rhythm = Rhythm(r=0.8, alpha=40.0, a=0.6, b=1.7)
    orders = [(name, last + gap, 10.0) for name, last in (("a", 3), ("b", 60)) for gap in (0, 30)]
    frame = features(shop(*orders), AS_OF).sort("days_since_order")
    known = frame["days_since_first_order"].to_numpy()
    by_hand = 1 - bgnbd.active(rhythm, frame) * (1 - (((40 + known) / (40 + known + 45)) ** 1.8))
    found = bgnbd.no_order(rhythm, frame, 45)
    assert found == pytest.approx(by_hand) and found[0] < found[1]
    horizons = [bgnbd.no_order(rhythm, frame, days)[0] for days in (1, 30, 90, 1000)]
    assert horizons == sorted(horizons, reverse=True)


def test_bgnbd_finds_the_rhythm_a_shop_was_made_with():
    raw = many(3000, days=700, after=0, seed=2, pause=40, stay=10_000)
    rhythm = bgnbd.fit(features(clean_orders(raw, AS_OF), AS_OF))
    assert rhythm.alpha / rhythm.r == pytest.approx(40, rel=0.15)  # nobody stops, nearly


SHOP = many(900, days=380, after=60, seed=6, pause=20, stay=300)
GROWN = clean_orders(SHOP, AS_OF)


def test_a_grown_shop_gets_what_predicted_best_on_the_last_window():
    found, _ = MODEL.evaluate(GROWN, AS_OF, 45, None)
    assert set(found.facts["compared"]) == {"logistic", "forest", "boosting", "blend", "bgnbd"}
    assert "On the 45 days to 2026-06-15, learned from the days before" in found.why
    best = min(found.facts["compared"].values())
    if found.method != choose.BOTH:
        assert found.facts["compared"][found.method] <= best + 0.02
    for name in ("recency_only", "rfm_logistic"):
        assert found.metrics["auc"] > found.baselines[name]["auc"] - 0.005
    assert found.metrics["calibration_error"] < 0.08
    assert found.facts["season_shift"] == 0
    assert "takes 13 months of history" in found.facts["season"]


def test_both_are_averaged_where_bgnbd_predicts_best_among_many():
    """Steady customers who stop at random are what BG/NBD is made for."""
    raw = many(700, days=300, after=0, seed=3, pause=20, stay=150)
    history = clean_orders(raw, AS_OF)
    found = fitted(history, AS_OF, 60)
    assert found.churn.method == choose.BOTH and "averaged with the blend" in found.why
    frame = features(history, AS_OF)
    alone = [
        fit.odds(msgspec.structs.replace(found.churn, **change), frame)
        for change in ({"learned": None}, {"method": "blend"})
    ]
    assert np.allclose(fit.odds(found.churn, frame), np.mean(alone, axis=0))


def test_a_grown_shop_learns_the_same_from_other_rows_and_ids_and_without_the_future():
    """To the last byte: no label ends after `as_of`, and nothing hangs on the order of rows."""
    past = SHOP.filter(pl.col("ordered_at") < AS_OF).reverse()
    other = clean_orders(past.with_columns(pl.col("customer_id").cast(pl.String)), AS_OF)
    learned = [fitted(one, AS_OF, 45) for one in (GROWN, other)]
    assert learned[0].churn.learned is not None
    assert encode(learned[0].churn) == encode(learned[1].churn)
    assert learned[0].why == learned[1].why


def test_a_forest_has_large_leaves_and_is_shallow():
    rng = np.random.default_rng(1)
    x, gone = rng.normal(size=(6000, 8)), (rng.random(6000) < 0.5).astype(float)
    learned = learners.learn(("forest",), x, gone, np.ones(6000))
    assert learned.forest is not None and learned.forest.depth <= learners.DEPTH
    # On noise it says next to nothing, where single customers in leaves would shout.
    assert np.abs(learners.predict(learned, x)).mean() < 0.3


@pytest.mark.parametrize("part", ["forest", "boosting"])
def test_trees_kept_as_arrays_say_what_scikit_learn_says(monkeypatch: Any, part: str):
    rng = np.random.default_rng(2)
    x = np.round(rng.normal(size=(3000, 6)), 2)
    gone = (x[:, 0] + 0.5 * x[:, 1] ** 2 + rng.normal(size=3000) > 0.4).astype(float)
    kept = {}
    name = f"of_{part}"
    real = getattr(learners.trees, name)
    monkeypatch.setattr(learners.trees, name, lambda one: (kept.update(it=one), real(one))[1])
    learned = learners.learn((part,), x, gone, np.linspace(0.5, 1, 3000))
    theirs = kept["it"].predict_proba(x.astype(np.float32))[:, 1]
    assert chance(learners.predict(learned, x)) == pytest.approx(theirs, abs=1e-5)


def busy(day: Any) -> Any:
    """Ten weeks from this day of each year on are three times as busy as the others."""
    return np.where(np.mod(day, 365) < 70, 1.0, 0.3)


def test_last_years_season_sets_the_level():
    raw = many(900, days=760, after=60, seed=2, busy=busy, pause=14, stay=600)
    history = clean_orders(raw, AS_OF)
    found = fitted(history, AS_OF, 60)
    assert found.churn.shift < -0.5 and "from last year's same season" in found.facts["season"]
    judged = _judged(history, AS_OF, 60)
    gone = judged["gone"].to_numpy()
    mine = measures(gone, fit.probability(found.churn, judged))
    without = measures(gone, chance(fit.odds(found.churn, judged)))
    assert mine["calibration_error"] < 0.5 * without["calibration_error"]
    assert mine["log_loss"] < without["log_loss"] - 0.03
    assert mine["auc"] == pytest.approx(without["auc"])  # the level moves, the ranks stay


def test_a_season_that_did_not_come_back_is_left_out():
    """A year before the last window customers ordered much more; in the last window they did not."""

    def once(day: Any) -> Any:
        return np.where((day > -430) & (day < -360), 1.0, 0.3)

    raw = many(900, days=760, after=0, seed=2, busy=once, pause=14, stay=600)
    found = fitted(clean_orders(raw, AS_OF), AS_OF, 60)
    assert found.churn.shift == 0 and "left out" in found.facts["season"]
