"""The table of rules, row by row; same input, same bytes; and fast enough for whole shops."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.base import canonical
from kernel.contracts.campaigns import Campaign
from kernel.contracts.decisions import Action, Candidate, DecideContext
from kernel.testing.seed import a_tenant
from plugins.rules.manifest import RulesSettings
from plugins.rules.plugin import decide
from plugins.rules.rules import decide_batch

if TYPE_CHECKING:
    from kernel.contracts.decisions import Decision

NOW = datetime(2026, 6, 15, 10, tzinfo=UTC)
FRIENDLY, PROFESSIONAL, CONVERSATIONAL = (
    Action(send=True, campaign_type="winback", tone=tone)
    for tone in ("friendly", "professional", "conversational")
)
TEN, FIFTEEN = (
    tuple(
        msgspec.structs.replace(action, offer=offer)
        for action in (
            FRIENDLY,
            PROFESSIONAL,
            CONVERSATIONAL,
            Action(send=True, campaign_type="winback", tone="urgent"),
        )
    )
    for offer in ("percent/10", "percent/15")
)
REST = Action(send=False)
KNOWN: dict[str, Any] = {
    "orders_count": 2,
    "total_spent": 80.0,
    "average_order_value": 40.0,
    "days_since_order": 84.2,
    "days_since_first_order": 115.3,
    "days_since_created": 115.3,
    "mean_gap_days": 31.1,
    "days_since_mail": None,
    "returns_count": 0,
    "mails_30d": 0,
    "clicks_90d": 0,
    "is_subscriber": True,
    "country": "DE",
}


def frame(
    actions: tuple[Action, ...] = (REST, FRIENDLY, PROFESSIONAL, CONVERSATIONAL),
    kind: str = "winback",
    **settings: Any,
) -> DecideContext:
    campaign = Campaign(
        id=UUID(int=7),
        key=f"{kind}:2026-06-15",
        campaign_type=kind,
        plugin=kind,
        title="Winback",
        status="deciding",
        proposed_at=NOW,
    )
    return DecideContext(
        tenant=a_tenant(),
        campaign=campaign,
        now=NOW,
        actions=actions,
        settings={"rules": RulesSettings(**{"explore_share": 0.0, "wait_days": 0.0, **settings})},
    )


def candidate(number: int = 1, **features: Any) -> Candidate:
    return Candidate(
        message_id=UUID(int=number),
        customer_id=number,
        step=1,
        occasion="winback:2026-06-15/1",
        features={**KNOWN, **features},
    )


def one(features: dict[str, Any], *actions: Action, **settings: Any) -> Decision:
    context = frame(actions, **settings) if actions else frame(**settings)
    [decision] = decide_batch(context, [candidate(**features)])
    return decision


@pytest.mark.parametrize(
    ("features", "action", "reason"),
    [
        ({}, PROFESSIONAL, "Last order 84 days ago, usually every 31 days."),
        ({"orders_count": 3}, FRIENDLY, "Last order 84 days ago, usually every 31 days."),
        ({"total_spent": 500.0}, FRIENDLY, "Last order 84 days ago, usually every 31 days."),
        (
            {"orders_count": 1, "mean_gap_days": None, "days_since_order": 1.9},
            PROFESSIONAL,
            "1 order, 1 day ago.",
        ),
        (
            {"orders_count": 0, "total_spent": 0.0, "mean_gap_days": None}
            | {"days_since_order": None, "days_since_created": 2.0},
            FRIENDLY,
            "Known since 2 days, no order yet.",
        ),
        (
            {"days_since_mail": 10.0},
            CONVERSATIONAL,
            "Last order 84 days ago, usually every 31 days.",
        ),
        (
            {"days_since_mail": 2.9},
            REST,
            "Had a mail 2 days ago; the rule is at least 3 days.",
        ),
        (
            {"days_since_mail": 20.0, "mails_30d": 4},
            REST,
            "Had 4 mails in 30 days and did not click in 90: give it a rest.",
        ),
        ({"days_since_mail": 20.0, "mails_30d": 4, "clicks_90d": 1}, PROFESSIONAL, "Last order"),
        (
            {"orders_count": 0, "total_spent": 0.0, "days_since_order": None}
            | {"mean_gap_days": None, "days_since_created": 200.0},
            REST,
            "Known for 200 days, no order and no click: too few signals.",
        ),
        ({"orders_count": 5, "returns_count": 4}, REST, "5 orders and 4 returns: give it a rest."),
        ({"orders_count": 6, "returns_count": 4}, FRIENDLY, "Last order"),
        (
            {"orders_count": 1, "returns_count": 1, "mean_gap_days": None},
            PROFESSIONAL,
            "1 order, 84",
        ),
    ],
)
def test_the_table(features: dict[str, Any], action: Action, reason: str) -> None:
    decision = one(features)
    assert decision.chosen == action
    assert decision.reasons[0].startswith(reason)
    assert decision.policy.startswith("rules/2:")


def test_options_are_all_actions_and_the_chosen_one_is_certain() -> None:
    decision = one({})
    assert [option.action for option in decision.options] == [
        REST,
        FRIENDLY,
        PROFESSIONAL,
        CONVERSATIONAL,
    ]
    assert [option.probability for option in decision.options] == [0.0, 0.0, 1.0, 0.0]


def test_every_threshold_can_be_moved() -> None:
    off = {"rest_days": 0, "ignored_mails": 0, "silent_days": 0, "short_days": 0}
    noisy = {"days_since_mail": 0.5, "mails_30d": 9, "orders_count": 3}
    assert one(noisy).chosen == REST
    assert one(noisy, **off).chosen == FRIENDLY
    assert one(noisy, **off, loyal_orders=0, loyal_spent=0).chosen == PROFESSIONAL
    assert one({}, usual_tone="conversational").chosen == CONVERSATIONAL
    assert one({"returns_count": 2}).chosen == REST
    assert one({"returns_count": 2}, returned_share=1.5).chosen == PROFESSIONAL
    assert one({"returns_count": 9}, returned_share=0).chosen == PROFESSIONAL


def test_a_tone_that_the_campaign_lacks_is_replaced_and_said_so() -> None:
    decision = one({"days_since_mail": 10.0}, REST, FRIENDLY, PROFESSIONAL)
    assert decision.chosen == FRIENDLY
    assert "as there is no conversational one" in decision.reasons[1]


def test_no_offer_is_given_away() -> None:
    offer = Action(send=True, campaign_type="winback", tone="professional", offer="ten")
    assert one({}, REST, offer, PROFESSIONAL).chosen == PROFESSIONAL


@pytest.mark.parametrize("actions", [(), (REST,), (PROFESSIONAL,)])
def test_odd_sets_of_actions_still_give_a_whole_decision(actions: tuple[Action, ...]) -> None:
    for features in ({}, {"days_since_mail": 1.0}):
        [decision] = decide_batch(frame(actions), [candidate(**features)])
        assert sum(option.probability for option in decision.options) == 1.0
        assert decision.chosen in [option.action for option in decision.options]
        assert {*actions} <= {option.action for option in decision.options}


scalars = st.one_of(
    st.none(), st.floats(0, 5000, allow_nan=False), st.integers(0, 10_000), st.booleans()
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(KNOWN, scalars)))
def test_never_fails_and_says_why_whatever_is_known(features: dict[str, Any]) -> None:
    bare = msgspec.structs.replace(candidate(), features=features)
    [decision] = decide_batch(frame(), [bare])
    assert decision.reasons and all(reason.endswith(".") for reason in decision.reasons)
    assert "None" not in "".join(decision.reasons)


async def test_the_hook_gives_the_same_bytes_again() -> None:
    context = frame()
    batch = [candidate(i, days_since_mail=float(i)) for i in range(1, 40)]
    first, again = await decide(context, batch), await decide(context, batch)
    assert len(first) == len(batch)
    assert canonical(first) == canonical(again)


def test_without_settings_the_defaults_decide() -> None:
    bare = msgspec.structs.replace(frame(), settings={})
    assert decide_batch(bare, [candidate()]) == decide_batch(
        msgspec.structs.replace(frame(), settings={"rules": RulesSettings()}), [candidate()]
    )


def test_a_batch_makes_the_options_of_each_choice_once() -> None:
    """Which is most of what deciding 50,000 takes; the time itself is measured in bench/pipeline.py."""
    context = frame()
    batch = [
        candidate(
            i,
            orders_count=i % 7,
            total_spent=float(i % 900),
            days_since_mail=float(i % 40) if i % 3 else None,
            mails_30d=i % 5,
        )
        for i in range(1000)
    ]
    decided = decide_batch(context, batch)
    assert len(decided) == 1000
    choices = {one.chosen for one in decided}
    assert len(choices) > 1
    assert len({id(one.options) for one in decided}) == len(choices)
