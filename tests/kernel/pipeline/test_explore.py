"""What is tried is allowed, and its probability on record is the true one."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.decisions import Action, Decision, Option
from kernel.sdk import explore
from tests.kernel.pipeline.world import given_frame

ACTIONS = given_frame().actions
SENDS = [action for action in ACTIONS if action.send]


def chosen(action: Action) -> Decision:
    return Decision(
        chosen=action,
        options=tuple(
            Option(action=one, probability=1.0 if one == action else 0.0) for one in ACTIONS
        ),
        reasons=("r",),
        policy="p/1",
    )


@given(
    action=st.sampled_from(ACTIONS),
    key=st.text(max_size=12),
    share=st.floats(0, 1),
    among=st.lists(st.sampled_from(ACTIONS)),
)
def test_propensities_sum_to_one_and_nothing_grows(
    action: Action, key: str, share: float, among: list[Action]
) -> None:
    before = chosen(action)
    after = explore(before, key, share, among)
    assert abs(sum(option.probability for option in after.options) - 1) < 1e-9
    assert len({option.action for option in after.options}) == len(after.options) == len(ACTIONS)
    propensity = {option.action: option.probability for option in after.options}
    assert propensity[after.chosen] > 0
    assert propensity[action] == pytest.approx(1 - sum(propensity.values()) + propensity[action])
    assert after.chosen == action or after.chosen in among
    assert after.chosen.send == action.send
    assert explore(before, key, share, among) == after
    if not action.offer:
        assert not after.chosen.offer
    if not action.send:
        assert after == before


@pytest.mark.parametrize("share", [0.05, 0.3, 1.0])
def test_frequencies_are_the_propensities(share: float) -> None:
    action = Action(send=True, campaign_type="first", tone="friendly", offer="percent/10")
    before, size = chosen(action), 20_000
    seen: Counter[Action] = Counter()
    for number in range(size):
        after = explore(before, f"message-{number}", share, SENDS)
        seen[after.chosen] += 1
    for option in after.options:
        p = option.probability
        bound = 5 * (p * (1 - p) / size) ** 0.5  # five standard deviations
        assert abs(seen[option.action] / size - p) <= bound, option


def test_who_draws_lots_itself_is_left_alone() -> None:
    mixed = Decision(
        chosen=SENDS[0],
        options=(
            Option(action=SENDS[0], probability=0.7),
            Option(action=SENDS[1], probability=0.3),
        ),
        reasons=(),
        policy="p/1",
    )
    assert explore(mixed, "k", 0.5, SENDS) is mixed


def test_what_is_tried_is_told() -> None:
    after = explore(chosen(SENDS[0]), "k", 1.0, SENDS)
    assert after.chosen != SENDS[0] and "to learn from it" in after.reasons[-1]
