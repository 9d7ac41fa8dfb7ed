"""Names and borders survive another training: other samples, shuffled rows, other ids, the next week."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from kernel.sdk import Trained, clean_orders, features
from kernel.testing.models import AS_OF, shop
from plugins.rfm import judge, segments
from plugins.rfm.model import MODEL, SEGMENT
from plugins.rfm.segments import Segments

RAW = shop(600, seed=4)
FRAME = features(clean_orders(RAW, AS_OF), AS_OF)
FIVE = ["Champions", "Loyal", "Promising", "At Risk", "Lost"]


def same(one: Segments, other: Segments, frame: pl.DataFrame = FRAME) -> float:
    """The share of customers with the same name in both."""
    points = segments.raw(frame)
    mine, theirs = segments.assign(one, points), segments.assign(other, points)
    names = [one.names[place] for place in mine], [other.names[place] for place in theirs]
    return sum(a == b for a, b in zip(*names, strict=True)) / len(mine)


def test_another_sample_of_the_same_shop_finds_the_same_names():
    whole = segments.fit(FRAME)
    assert whole.names == FIVE
    for seed in range(6):
        half = segments.fit(FRAME.sample(fraction=0.5, seed=seed))
        assert half.names == FIVE and same(whole, half) >= 0.75
        drawn = segments.fit(FRAME.sample(fraction=1, with_replacement=True, seed=seed))
        assert drawn.names == FIVE and same(whole, drawn) >= 0.75


def test_what_still_fits_is_kept_to_the_last_digit():
    trained = MODEL.train(clean_orders(RAW, AS_OF), AS_OF, None)
    assert isinstance(trained, Trained)
    later = AS_OF + timedelta(days=7)
    again = MODEL.train_again(trained.artefact, clean_orders(RAW, later), later, None)
    assert isinstance(again, Trained)
    assert again.artefact == trained.artefact and "are kept" in again.why


def test_a_shop_that_changed_gets_new_borders_under_the_same_names():
    history = clean_orders(RAW, AS_OF)
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Trained)
    dear = RAW.with_columns(unit_price=pl.col("unit_price") * 40)
    grown = clean_orders(dear, AS_OF)
    again = MODEL.train_again(trained.artefact, grown, AS_OF, None)
    assert isinstance(again, Trained) and again.artefact != trained.artefact
    names = [MODEL.score(one.artefact, known, AS_OF).sort("customer_id")[SEGMENT]
             for one, known in ((trained, history), (again, grown))]  # fmt: skip
    assert (names[0] == names[1]).mean() >= 0.85, "prices rose, the customers are the same"


def test_segments_that_emptied_are_found_anew_and_said_so():
    trained = MODEL.train(clean_orders(RAW, AS_OF), AS_OF, None)
    assert isinstance(trained, Trained)
    later = AS_OF + timedelta(days=400)  # nobody has ordered since: all are far beyond the borders
    quiet = clean_orders(RAW.filter(pl.col("ordered_at") < AS_OF), later)
    again = MODEL.train_again(trained.artefact, quiet, later, None)
    assert isinstance(again, Trained)
    assert again.facts["alarms"][0].startswith("Too few customers were left in Champions (0.0%)")
    assert min(row["share"] for row in again.facts["segments"]) >= 0.03


def test_another_number_of_segments_is_another_segmentation():
    five = segments.fit(FRAME)
    three = segments.fit(FRAME, 3, five)
    assert three.names == ["Champions", "Promising", "At Risk"]


def test_alarms_in_words():
    names = FIVE[:3]
    assert judge.small(names, judge.np.array([0.029, 0.5, 0.471]))[0].startswith(
        "Only 2.9% of customers"
    )
    assert not judge.small(["Everyone"], judge.np.array([1.0]))
    place = judge.np.repeat([0, 1, 2], 40)
    spent = judge.np.repeat([10.0, 20.0, 5.0], 40)
    (said,) = judge.outspent(names, *judge.spent_by(place, spent, 3), "EUR")
    assert (
        said == "Champions no longer spend most: 10.00 EUR a head in the last window, Loyal 20.00."
    )
    one_order = judge.np.where(
        judge.np.arange(120) == 50, 5000.0, judge.np.repeat([10.0, 8.0, 5.0], 40)
    )
    assert not judge.outspent(names, *judge.spent_by(place, one_order, 3)), "one order is no change"
    assert not judge.outspent(names, *judge.spent_by(place, 0 * spent, 3)), (
        "nor is it when nobody buys"
    )
