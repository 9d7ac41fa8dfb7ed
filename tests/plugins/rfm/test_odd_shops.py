"""Shops that are small, uniform, wild or dirty: each gets segments that make sense, or a sentence."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kernel.sdk import Abstained, History, Trained, clean_orders
from kernel.testing.models import AS_OF, check_model, shop
from plugins.rfm.manifest import RfmSettings
from plugins.rfm.model import BEFORE, CELL, MODEL, SCORE, SEGMENT
from plugins.rfm.movement import NEW

Row = tuple[object, float, float]
"""Who, how many days ago, for how much."""


def known(rows: list[Row]) -> History:
    return clean_orders(
        pl.DataFrame(
            {
                "customer_id": [who for who, *_ in rows],
                "order_id": [f"o{number}" for number in range(len(rows))],
                "ordered_at": [AS_OF - timedelta(days=ago) for _, ago, _ in rows],
                "amount": [float(amount) for *_, amount in rows],
            }
        ),
        AS_OF,
    )


def scored(rows: list[Row]) -> dict[object, dict[str, object]]:
    """Each customer's traits."""
    history = known(rows)
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Trained), trained
    scores = MODEL.score(trained.artefact, history, AS_OF)
    assert not scores.drop(BEFORE).null_count().sum_horizontal().item()
    assert history.ids is not None
    names = history.ids.gather(scores["customer_id"]).to_list()
    assert scores[SCORE].is_between(3, 15).all()
    MODEL.evaluate(history, AS_OF - timedelta(days=30), 30, None)
    return dict(zip(names, scores.to_dicts(), strict=True))


def test_it_keeps_the_contract_of_models():
    check_model(MODEL, RfmSettings())


def test_three_customers():
    found = scored([(1, 2, 90), (1, 20, 90), (2, 40, 30), (3, 300, 10)])
    assert {one[SEGMENT] for one in found.values()} == {"Loyal", "At Risk"}
    assert found[1][SEGMENT] == "Loyal" and found[3][SEGMENT] == "At Risk"


@pytest.mark.parametrize("customers", [1, 2])
def test_fewer_are_one_group(customers: int):
    found = scored([(who, 10 + who, 20) for who in range(customers)])
    assert {one[SEGMENT] for one in found.values()} == {"Everyone"}


def test_all_the_same_are_one_group():
    found = scored([(who, 10, 20) for who in range(200)])
    assert {one[SEGMENT] for one in found.values()} == {"Everyone"}
    assert {one[CELL] for one in found.values()} == {"3-3-3"}


def test_the_same_spend_is_told_apart_by_the_rest():
    rows = [(who, 3 + who + 30 * n, 50) for who in range(60) for n in range(1 + who % 4)]
    segments = {who: one[SEGMENT] for who, one in scored(rows).items()}
    assert len(set(segments.values())) >= 3
    assert segments[3] == "Champions"


def test_who_bought_once_is_told_apart_by_when_and_how_much():
    rows: list[Row] = [(who, 1 + 5 * (who % 40), 10 + 20 * (who % 9)) for who in range(120)]
    found = scored(rows)
    assert len({one[SEGMENT] for one in found.values()}) >= 3
    champions = [rows[who][1] for who, one in found.items() if one[SEGMENT] == "Champions"]  # type: ignore[call-overload]
    lost = [rows[who][1] for who, one in found.items() if one[SEGMENT] in ("Lost", "At Risk")]  # type: ignore[call-overload]
    assert sum(champions) / len(champions) < sum(lost) / len(lost)


def test_a_wholesaler_is_a_champion_and_not_a_segment():
    rows = [(who, 2 + who % 30 + 40 * n, 25) for who in range(100) for n in range(1 + who % 5)]
    rows += [("big", 1 + 3 * n, 90_000) for n in range(60)]
    rows = [(str(who), ago, amount) for who, ago, amount in rows]
    found = scored(rows)
    assert found["big"][SEGMENT] == "Champions"
    best = [one for one in found.values() if one[SEGMENT] == "Champions"]
    assert len(best) >= 0.03 * len(found)


def test_returns_zeros_and_nonsense():
    rows = [(who, 2 + who % 50 + 30 * n, 25 + who) for who in range(80) for n in range(1 + who % 3)]
    plain = scored(rows)
    dirty = [
        *rows,
        *((1000 + n, 5, amount) for n, amount in enumerate((math.nan, math.inf, -math.inf, 1e12))),
        (2000, 5, 0.0),
        (2001, 5, -40.0),
        (2002, 9, 30.0),
        (2002, 5, -50.0),
        *((who, -3, 500) for who in range(0, 80, 7)),
        (3000, -1, 10.0),
    ]
    found = scored(dirty)
    assert not {1000, 1001, 1002, 1003, 2001, 3000} & set(found), "they never ordered before"
    assert 2000 in found and 2002 in found, (
        "an order for nothing, and one that was sent back, are orders"
    )
    assert {one[SEGMENT] for one in found.values()} == {one[SEGMENT] for one in plain.values()}
    trained = MODEL.train(known(rows), AS_OF, None)
    assert isinstance(trained, Trained)
    history = known(dirty)
    assert history.ids is not None
    scores = MODEL.score(trained.artefact, history, AS_OF)
    names = history.ids.gather(scores["customer_id"]).to_list()
    again = dict(zip(names, scores[SEGMENT], strict=True))
    assert all(again[who] == plain[who][SEGMENT] for who in plain), "others' dirt changes nobody"


def test_absurd_dates_and_null_ids_are_left_out():
    frame = pl.DataFrame(
        {
            "customer_id": ["a", None, "b", "c", "d"],
            "order_id": [f"o{n}" for n in range(5)],
            "ordered_at": [
                AS_OF - timedelta(days=3),
                AS_OF - timedelta(days=3),
                datetime(1066, 10, 14, tzinfo=UTC),
                datetime(2999, 1, 1, tzinfo=UTC),
                AS_OF - timedelta(days=30),
            ],
            "amount": [5.0, 5.0, 5.0, 5.0, 9.0],
        }
    )
    history = clean_orders(frame, AS_OF)
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Trained) and trained.n == 2


def test_only_the_future_is_nobody_yet():
    found = MODEL.train(known([(who, -5, 10) for who in range(60)]), AS_OF, None)
    assert isinstance(found, Abstained) and "there is none" in found.missing[0]


def test_who_came_within_the_month_was_new_and_who_stayed_says_nothing():
    rows = [(who, 2 + who % 90 + 30 * n, 25 + who) for who in range(80) for n in range(1 + who % 3)]
    rows.append((99, 3, 40))
    found = scored(rows)
    assert found[99][BEFORE] == NEW
    assert any(one[BEFORE] is None for one in found.values())
    assert all(one[BEFORE] != one[SEGMENT] for one in found.values())


def test_a_shop_of_last_week_has_only_new_customers():
    found = scored([(who, 1 + who % 6, 20 + who) for who in range(60)])
    assert {one[BEFORE] for one in found.values()} == {NEW}


def test_the_command_says_the_same_as_the_framework():
    """Names, ranks and points of `evaluate` are those of an artefact trained at the same moment."""
    history = clean_orders(shop(150), AS_OF)
    then = AS_OF - timedelta(days=30)
    _, table = MODEL.evaluate(history, then, 30, None)
    trained = MODEL.train(history, then, None)
    assert isinstance(trained, Trained)
    scores = MODEL.score(trained.artefact, history, then).sort("customer_id")
    assert table["segment"].to_list() == scores[SEGMENT].to_list()
    assert (table["r"] + table["f"] + table["m"]).to_list() == scores[SCORE].to_list()
