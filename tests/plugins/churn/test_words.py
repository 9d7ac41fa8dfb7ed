"""What a merchant reads: reasons, money and dates of single customers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from kernel.sdk import features
from plugins.churn import words, worth
from plugins.churn.bgnbd import Rhythm
from plugins.churn.worth import Worth
from tests.plugins.churn.shop import AS_OF, shop

RHYTHM = Rhythm(r=0.8, alpha=40.0, a=0.6, b=1.7)


def told(*orders: tuple[float, float], timezone: str = "UTC") -> list[str]:
    """The reasons of one customer who ordered so many days ago, for so much."""
    frame = features(shop(*[("a", ago, amount) for ago, amount in orders]), AS_OF)
    (found,) = words.reasons(frame, AS_OF, timezone, usual=12.4).to_list()
    return [words.today(one, AS_OF, timezone) for one in found]


def test_the_customer_against_their_own_past():
    assert told(*[(84 + 31 * n, 20) for n in range(4)]) == [
        "Last order 84 days ago, usually every 31 days."
    ]


def test_one_order_is_measured_by_the_shop():
    assert told((9, 20)) == [
        "One order so far, 9 days ago; who comes back usually does within 12 days."
    ]


def test_two_orders_are_no_rhythm():
    assert told((1, 20), (41, 20)) == ["Last order yesterday, 40 days after the first."]


def test_slower_faster_smaller_and_sent_back():
    slower = told(*[(ago, 20) for ago in (100, 200, 230, 260, 290)])
    assert "1 order in the last 180 days, 4 in the 180 before." in slower
    faster = told(*[(ago, 20) for ago in (3, 30, 60, 200)])
    assert "3 orders in the last 180 days, 1 in the 180 before." in faster
    # Who came half a year ago had no time to order before: that is no news.
    assert len(told(*[(ago, 20) for ago in (3, 30, 60, 90)])) == 1
    assert "The last order came to 5, usually it is 29." in told(
        (1, 5), (30, 40), (60, 40), (90, 30)
    )
    assert "Sent back 50 % of what they bought." in told((60, 40), (30, 40), (5, -40))


def test_three_sentences_at_most():
    all_at_once = [(ago, 40.0) for ago in (200, 230, 260, 290)] + [(100, 4.0), (50, -90.0)]
    assert len(told(*all_at_once)) == 3


def test_sentences_stay_while_nothing_happens():
    frame = features(shop(("a", 40, 20), ("a", 80, 20)), AS_OF)
    later = features(shop(("a", 40, 20), ("a", 80, 20)), AS_OF + timedelta(days=20))
    one = words.reasons(frame, AS_OF, "UTC", 12.0)
    assert one.equals(words.reasons(later, AS_OF + timedelta(days=20), "UTC", 12.0))


@pytest.mark.parametrize(
    ("amount", "said"),
    [(0, 0), (46.83, 47), (1_234, 1_200), (0.034, 0.03), (9.96, 10), (98_765, 99_000)],
)
def test_money_has_two_digits(amount: float, said: float):
    assert worth.rounded(np.array([amount]))[0] == pytest.approx(said)


def expected(*orders: tuple[str, float, float], gone: float = 0.3) -> Any:
    """The expected value of each customer, by name."""
    frame = features(shop(*orders), AS_OF).sort("days_since_order")
    chances = np.full(frame.height, gone)
    return worth.value(Worth(value=40.0), RHYTHM, frame, chances, 60)


def test_value_grows_with_what_they_spend_and_falls_with_the_risk():
    small, large = expected(("small", 3, 10), ("large", 4, 900))
    assert 0 < small < large < 900
    (sure,), (unsure,) = expected(("a", 3, 50), gone=0.1), expected(("a", 3, 50), gone=0.9)
    assert sure > 5 * unsure > 0
    assert expected(("a", 3, 50), gone=1.0) == pytest.approx([0])


def test_what_was_said_is_set_to_what_came_a_part_of_the_way():
    said, was = np.full(100, 10.0), np.full(100, 14.4)
    assert worth.settled(Worth(value=0.0), said, was).scale == pytest.approx(1.2)
    assert worth.settled(Worth(value=1.0), said, said * 100).scale <= 2**0.5
    assert worth.settled(Worth(value=0.0), said * 0, was).scale == 1


def test_the_next_order_lies_within_the_horizon_or_is_not_told():
    orders = [("a", 3 + 7 * n, 10.0) for n in range(9)] + [("b", 4, 10.0)]
    frame = features(shop(*orders), AS_OF).sort("days_since_order")
    now = AS_OF.timestamp() * 1e6
    soon, late = worth.next_order(RHYTHM, frame, np.array([0.1, 0.5]), now, 45)
    assert AS_OF < soon < late <= AS_OF + timedelta(days=45 / 2 + 7)
    unlikely = worth.next_order(RHYTHM, frame, np.array([0.8, 0.81]), now, 45)
    assert unlikely[0] is not None and unlikely[1] is None
