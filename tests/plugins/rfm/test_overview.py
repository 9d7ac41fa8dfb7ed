"""What the page says of counts: shares, movements and alarms, also of next to nothing."""

from __future__ import annotations

import pytest

from plugins.rfm import overview, words
from plugins.rfm.movement import NEW
from plugins.rfm.repo import Group
from plugins.rfm.segments import NAMES

TWO = ["Loyal", "At Risk"]


def group(segment: str, before: str | None, customers: int, money: float = 0.0) -> Group:
    points = {"r": 3.0 * customers, "f": 2.0 * customers, "m": 1.0 * customers}
    return Group(
        segment=segment, before=before, customers=customers, money=money,
        orders=2.0 * customers, days=10.0 * customers, **points,
    )  # fmt: skip


GROUPS = [
    group("Loyal", None, 6, 600),
    group("Loyal", "At Risk", 2, 100),
    group("At Risk", None, 8, 100),
    group("At Risk", "Loyal", 3, 150),
    group("At Risk", NEW, 1, 50),
]


def test_figures():
    loyal, risk = overview.figures(TWO, GROUPS)
    assert (loyal.customers, risk.customers) == (8, 12)
    assert loyal.share == pytest.approx(0.4) and loyal.money_share == pytest.approx(0.7)
    assert loyal.spent == pytest.approx(87.5) and loyal.days == 10 and loyal.points == (3, 2, 1)


def test_nobody_and_no_money():
    rows = overview.figures(TWO, [])
    assert [row.share for row in rows] == [0, 0] and rows[0].money_share == 0
    assert overview.alarms(TWO, rows, {}) == []
    assert overview.figures(TWO, [group("Loyal", None, 3)])[0].money_share == 0


def test_movement():
    moves = overview.last_month(TWO, GROUPS)
    assert moves.rows == ("Loyal", "At Risk", NEW) and moves.counts == ((6, 3), (2, 8), (0, 1))
    assert moves.sums() == (2, 3, 1)
    assert [(m.before, m.now, m.customers, m.up) for m in moves.listed()] == [
        ("Loyal", "At Risk", 3, False), ("At Risk", "Loyal", 2, True), (NEW, "At Risk", 1, None),
    ]  # fmt: skip
    assert moves.shares()[0] == pytest.approx([200 / 3, 100 / 3])


def test_a_row_of_nobody_has_no_shares():
    moves = overview.last_month(TWO, [group("Loyal", None, 1)])
    assert moves.shares() == [[100, 0], [None, None], [None, None]] and moves.listed() == []


def test_months_of_other_segments_are_not_shown():
    told = {"moved": [[1, 2], [3, 4]], "came": [5, 6]}
    moves = overview.month(TWO, told)
    assert moves is not None and moves.counts == ((1, 2), (3, 4), (5, 6))
    assert overview.month(["A", "B", "C"], told) is None
    assert overview.month(TWO, {"at": "2026-01-01"}) is None


def test_alarms_are_of_today_and_of_the_training():
    few = [group("Loyal", None, 1), group("At Risk", None, 99)]
    said = overview.alarms(TWO, overview.figures(TWO, few), {"other_alarms": ["Said then."]})
    assert said[0].startswith("Only 1.0% of customers are Loyal") and said[1] == "Said then."


def test_names_of_an_earlier_version_stand_last():
    names = overview.order(TWO, [group("Old", None, 1), group("Loyal", None, 1)])
    assert names == ["Loyal", "At Risk", "Old"]
    assert "earlier version" in words.meaning("Old").who


def test_every_segment_has_words():
    for names in NAMES.values():
        for name in names:
            found = words.meaning(name)
            assert "earlier version" not in found.who and found.do
    assert words.listed(["A"]) == "A" and words.listed(["A", "B", "C"]) == "A, B and C"
