"""A merchant's scale of confidence: what must hold for every history there can be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.pipeline.confidence import BINS, ENOUGH, WORTH, Judged, calibrate, scale

raws = st.floats(0, 1)
judged = st.builds(
    Judged,
    campaign_type=st.sampled_from(["a", "b"]),
    raw=raws,
    worth=st.sampled_from([0.0, 0.5, 1.0]),
)
enough = st.lists(judged, min_size=ENOUGH, max_size=80)


def one(raw: float, worth: float) -> Judged:
    return Judged(campaign_type="a", raw=raw, worth=worth)


@given(enough, raws, raws)
def test_it_is_a_share_and_more_confidence_never_means_less(
    history: list[Judged], low: float, high: float
) -> None:
    found = calibrate(history)
    low, high = sorted((low, high))
    values = (found.of(low), found.of(high))
    assert values[0] is not None and values[1] is not None
    assert 0 < values[0] <= values[1] <= 1


@given(enough, raws, raws)
def test_an_approval_never_lowers_it_and_a_rejection_never_raises_it(
    history: list[Judged], said: float, asked: float
) -> None:
    before = calibrate(history).of(asked) or 0
    assert (calibrate([*history, one(said, 1.0)]).of(asked) or 0) >= before - 1e-9
    assert (calibrate([*history, one(said, 0.0)]).of(asked) or 1) <= before + 1e-9


@given(enough, st.randoms())
def test_the_order_of_a_history_means_nothing(history: list[Judged], dice: random.Random) -> None:
    other = list(history)
    dice.shuffle(other)
    for here, there in zip(calibrate(history).bins, calibrate(other).bins, strict=True):
        assert here.calibrated == pytest.approx(there.calibrated)
        assert here.campaigns == there.campaigns


@given(st.lists(judged, max_size=ENOUGH - 1), raws)
def test_below_ten_there_is_no_value_at_all(history: list[Judged], raw: float) -> None:
    assert calibrate(history).of(raw) is None


@given(enough)
def test_the_table_accounts_for_every_campaign(history: list[Judged]) -> None:
    bins = calibrate(history).bins
    assert len(bins) == BINS and sum(row.campaigns for row in bins) == len(history)
    for row in bins:
        inside = [j for j in history if row.low - 1e-9 <= j.raw < row.high + 1e-9]
        assert row.campaigns <= len(inside)
        assert not row.campaigns or row.low - 1e-9 <= row.said <= row.high + 1e-9


def test_an_overconfident_decider_is_believed_less() -> None:
    history = [one(0.9, worth) for worth in (1.0, 0.0) * 20]
    assert (calibrate(history).of(0.9) or 0) == pytest.approx(0.5, abs=0.05)


def test_a_modest_decider_is_believed_more() -> None:
    assert (calibrate([one(0.55, 1.0)] * 40).of(0.55) or 0) > 0.95


def test_what_was_never_seen_is_not_trusted_because_the_rest_was_good() -> None:
    assert (calibrate([one(0.95, 1.0)] * 40).of(0.05) or 1) < 0.6


def test_a_type_has_its_own_scale_where_it_has_enough_history() -> None:
    history = [Judged(campaign_type="a", raw=0.9, worth=1.0)] * 20
    history += [Judged(campaign_type="b", raw=0.9, worth=0.0)] * 9
    assert scale(history, "b").judged == 29
    history += [Judged(campaign_type="b", raw=0.9, worth=0.0)]
    assert scale(history, "b").judged == 10
    assert (scale(history, "b").of(0.9) or 1) < 0.4 < 0.9 < (scale(history, "a").of(0.9) or 0)


def test_edited_is_worth_a_half() -> None:
    assert WORTH == {"approved": 1.0, "edited": 0.5, "rejected": 0.0}
