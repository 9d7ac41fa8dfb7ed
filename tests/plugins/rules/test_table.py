"""What rules/2 adds: segments, other campaigns of the day, waiting, offers with a reason, exploration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.base import canonical
from kernel.contracts.decisions import Action, Decision
from plugins.rules.rules import decide_batch
from plugins.rules.table import CONFIDENCE, POLICY
from tests.plugins.rules.test_rules import (
    CONVERSATIONAL,
    FIFTEEN,
    FRIENDLY,
    NOW,
    PROFESSIONAL,
    REST,
    TEN,
    candidate,
    frame,
)

ALL = (REST, FRIENDLY, PROFESSIONAL, CONVERSATIONAL, *FIFTEEN, *TEN)
SEGMENT, CHURN, USUAL = (
    "trait:rfm.segment",
    "trait:churn.probability",
    "trait:winback.usual_gap_days",
)


def one(features: dict[str, Any], kind: str = "winback", **settings: Any) -> Decision:
    [decision] = decide_batch(frame(ALL, kind, **settings), [candidate(**features)])
    return decision


def rule(decision: Decision) -> str:
    return decision.policy.removeprefix(f"{POLICY}:")


@pytest.mark.parametrize(
    ("features", "expected", "tone"),
    [
        ({SEGMENT: "Champions"}, "best", "friendly"),
        ({SEGMENT: "Loyal"}, "best", "friendly"),
        ({SEGMENT: "Promising"}, "promising", "conversational"),
        ({SEGMENT: "At Risk"}, "at_risk", "friendly"),
        ({SEGMENT: "Lost"}, "lost", "professional"),
        ({SEGMENT: "Everyone"}, "usual", "professional"),
        ({SEGMENT: "Lost", "orders_count": 9}, "lost", "professional"),
        ({SEGMENT: "Lost", "days_since_mail": 10.0}, "recent", "conversational"),
        ({"orders_count": 3}, "loyal", "friendly"),
        ({"days_since_created": 9.0}, "new", "friendly"),
        ({}, "usual", "professional"),
    ],
)
def test_the_tone_follows_the_segment(features: dict[str, Any], expected: str, tone: str) -> None:
    decision = one(features)
    assert (rule(decision), decision.chosen.tone) == (expected, tone)
    assert decision.confidence == CONFIDENCE[expected] and not decision.chosen.offer


def test_another_campaign_that_writes_today_is_enough() -> None:
    decision = one({"planned_type": "welcome", "days_since_mail": 1.0})
    assert decision.chosen == REST and rule(decision) == "planned"
    assert decision.reasons == ("The campaign welcome already writes to them today.",)
    assert one({"planned_type": ""}).chosen.send and one({"planned_type": "winback"}).chosen.send


@pytest.mark.parametrize(
    ("kind", "others", "left_to"),
    [
        ("winback", "recommend,welcome", "welcome"),
        ("winback", "recommend,upsell", None),
        ("recommend", "reengage, upsell", "upsell"),
        ("reengage", "recommend,winback", "winback"),
        ("unheard_of", "reengage", "reengage"),
        ("unheard_of", "unknown", None),
        ("winback", "", None),
    ],
)
def test_customers_are_left_to_what_goes_before(
    kind: str, others: str, left_to: str | None
) -> None:
    decision = one({"other_types": others}, kind)
    if left_to is None:
        assert decision.chosen.send
    else:
        assert decision.chosen == Action(send=False, campaign_type=left_to)
        assert rule(decision) == "left" and left_to in decision.reasons[0]
        assert sum(option.probability for option in decision.options) == 1.0


def test_a_merchant_changes_the_order() -> None:
    assert one({"other_types": "welcome"}, preference=("winback", "welcome")).chosen.send
    assert one({"other_types": "welcome"}, preference=()).chosen.send


def test_waits_until_the_rest_is_over() -> None:
    decision = one({"days_since_mail": 2.0}, wait_days=5)
    assert decision.chosen.send and decision.chosen.send_at == NOW + timedelta(days=1)
    assert decision.reasons[0] == "Had a mail 2 days ago: waits until 2026-06-16 10:00 UTC."
    assert rule(decision) == "wait" and decision.confidence <= CONFIDENCE["wait"]
    assert [o.action for o in decision.options if o.probability] == [decision.chosen]
    assert len(decision.options) == len(ALL)
    late = one({"days_since_mail": 2.0}, rest_days=9, wait_days=5)
    assert late.chosen == REST and rule(late) == "rest"
    assert one({"days_since_mail": 2.0}, wait_days=0).chosen == REST


def test_waits_no_longer_than_the_campaign_lasts() -> None:
    until = msgspec.structs.replace(frame(ALL, wait_days=5), expires_at=NOW + timedelta(days=1))
    [decision] = decide_batch(until, [candidate(days_since_mail=2.0)])
    assert decision.chosen == REST


@pytest.mark.parametrize(
    ("features", "offer", "tone"),
    [
        ({CHURN: 0.79}, "", "professional"),
        ({CHURN: 0.8}, "percent/10", "professional"),
        ({"days_since_order": 93.0, USUAL: 31.0}, "percent/10", "professional"),
        ({"days_since_order": 93.0, "mean_gap_days": 30.0}, "percent/10", "professional"),
        ({CHURN: 0.9, "days_since_order": 93.0, USUAL: 31.0}, "percent/15", "professional"),
        ({CHURN: 0.9, SEGMENT: "Loyal"}, "", "friendly"),
        ({CHURN: 0.9, SEGMENT: "At Risk"}, "percent/10", "friendly"),
        ({"days_since_order": 160.0, USUAL: 31.0}, "percent/10", "urgent"),
        ({"days_since_order": 160.0, USUAL: 31.0, SEGMENT: "Champions"}, "", "friendly"),
        ({"days_since_order": None, "mean_gap_days": None}, "", "professional"),
    ],
)
def test_offers_need_a_reason(features: dict[str, Any], offer: str, tone: str) -> None:
    decision = one(features)
    assert (decision.chosen.offer, decision.chosen.tone) == (offer, tone)
    assert any(reason.startswith("Offer ") for reason in decision.reasons) == bool(offer)


def test_offers_only_where_the_type_and_the_merchant_allow_them() -> None:
    sure = {CHURN: 0.95, "days_since_order": 200.0, USUAL: 20.0}
    assert one(sure, "welcome").chosen.offer == ""
    assert one(sure, offer_types=()).chosen.offer == ""
    assert one(sure, offer_probability=0, offer_overdue=0).chosen.offer == ""
    assert one(sure, offer_overdue=0).chosen.offer == "percent/10"
    assert one(sure, urgent_overdue=0).chosen.tone == "professional"
    [bare] = decide_batch(frame(), [candidate(**sure)])
    assert bare.chosen == PROFESSIONAL, "nothing guards offers, so none is possible"
    with_offer = one({CHURN: 0.8})
    assert with_offer.confidence == round(CONFIDENCE["usual"] * 0.85, 4)


def test_silence_is_a_reason_to_ask_whether_mail_is_wanted() -> None:
    silent = {"orders_count": 0, "total_spent": 0.0, "days_since_created": 500.0}
    ignored = {"mails_30d": 9, "days_since_mail": 20.0}
    assert rule(one(silent)) == "silent" and rule(one(ignored)) == "ignored"
    assert one(silent, "reengage").chosen.send and one(ignored, "reengage").chosen.send


def test_tones_of_the_first_version_are_understood() -> None:
    decision = one({}, usual_tone="warm")
    assert decision.chosen == FRIENDLY and "friendly tone" in decision.reasons[1]
    assert one({}, usual_tone="short").chosen == CONVERSATIONAL


def test_a_small_share_tries_another_tone_with_its_probability() -> None:
    context = frame(ALL, explore_share=0.1)
    batch = [candidate(n, **({CHURN: 0.9} if n % 2 else {})) for n in range(1, 4001)]
    decided = decide_batch(context, batch)
    tried = [d for d in decided if d.chosen.tone != "professional"]
    assert 300 < len(tried) < 500
    for decision, asked in zip(decided, batch, strict=True):
        weights = {o.action: o.probability for o in decision.options}
        assert sum(weights.values()) == pytest.approx(1)
        assert decision.chosen.tone != "urgent"
        assert decision.chosen.offer == ("percent/10" if asked.customer_id % 2 else "")
        expected = 0.9 if decision.chosen.tone == "professional" else 0.05
        assert weights[decision.chosen] == pytest.approx(expected)
    assert canonical(decide_batch(context, batch)) == canonical(decided)
    alone = [decide_batch(context, [asked])[0] for asked in batch[:100]]
    assert canonical(alone) == canonical(decided[:100])


def test_nothing_is_tried_where_nobody_is_written_to_or_it_is_urgent() -> None:
    context = frame(ALL, explore_share=0.2)
    urgent = {"days_since_order": 160.0, USUAL: 31.0}
    for features in ({"planned_type": "welcome"}, urgent):
        decided = decide_batch(context, [candidate(n, **features) for n in range(1, 200)])
        assert len({canonical(d.chosen) for d in decided}) == 1
        assert all(max(o.probability for o in d.options) == 1 for d in decided)


def test_who_waits_may_be_tried_too_at_the_same_time() -> None:
    context = frame(ALL, explore_share=0.2, wait_days=5)
    batch = [candidate(n, days_since_mail=2.0) for n in range(1, 200)]
    decided = decide_batch(context, batch)
    assert {d.chosen.send_at for d in decided} == {NOW + timedelta(days=1)}
    assert {d.chosen.tone for d in decided} == {"friendly", "professional", "conversational"}


values = st.one_of(st.none(), st.floats(0, 1000), st.integers(0, 50), st.text(max_size=9))
NAMES = [SEGMENT, "planned_type", "other_types"]


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, values)),
    st.sampled_from(["winback", "reengage", "x"]),
)
def test_whatever_is_known_a_whole_decision_among_what_is_possible(
    features: dict[str, Any], kind: str
) -> None:
    decision = one(features, kind, explore_share=0.1, wait_days=5)
    assert rule(decision) in CONFIDENCE and decision.reasons
    assert sum(o.probability for o in decision.options) == pytest.approx(1)
    if decision.chosen.send:
        assert any(
            (o.action.tone, o.action.offer) == (decision.chosen.tone, decision.chosen.offer)
            for o in decision.options
        )
    assert not (decision.chosen.tone == "urgent" and not decision.chosen.offer)
