"""One customer's nonsense is not another's: the next decider answers, and the decision says why."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import pytest

from kernel.contracts.decisions import Action, Candidate, DecideContext
from kernel.pipeline import decide, frames
from kernel.testing.clock import START
from tests.kernel.pipeline.thinkers import advice, decision, kind
from tests.kernel.pipeline.world import given_frame

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard

ENABLED = frozenset({"rules", "oracle"})


def candidate(answer: str, **fields: Any) -> Candidate:
    one = Candidate(
        message_id=uuid4(), customer_id=1, step=1, occasion="first:2026-06-15/1", features={}
    )
    return msgspec.structs.replace(one, advice=(advice(one, answer, **fields),))


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("type", "str, not Decision or None"),
        ("nan", "probability"),
        ("sum", "the probabilities sum to 0.5"),
        ("sure", "confidence"),
    ],
)
async def test_nonsense_for_one_spoils_nobody_else(
    thinking_board: Plugboard, monkeypatch: pytest.MonkeyPatch, answer: str, why: str
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(thinking_board, "report", told.append)
    given = given_frame()
    batch = [candidate("friendly"), candidate(answer), candidate("no"), candidate("friendly")]
    made = await decide.decisions(thinking_board, ENABLED, given, batch)
    assert [one.plugin for one in made] == ["oracle", "rules", "oracle", "oracle"]
    fallback = made[1].decision.fallback
    assert fallback.startswith("oracle answered nonsense: ") and why in fallback
    assert made[1].decision.chosen.send and made[1].decision.cost_micros == 40  # it was paid
    assert [one.decision.fallback for one in made[::2]] == ["", ""]
    assert [(one.plugin, one.what) for one in told] == [("oracle", "decide")]
    assert await decide.decisions(thinking_board, ENABLED, given, batch) == made


async def test_the_reason_why_there_is_no_advice_is_kept(thinking_board: Plugboard) -> None:
    batch = [candidate("", fallback="the budget is used up", shared=4)]
    [made] = await decide.decisions(thinking_board, ENABLED, given_frame(), batch)
    assert (made.plugin, made.decision.fallback) == ("rules", "oracle: the budget is used up")
    assert (made.decision.tokens, made.decision.cost_micros) == (25, 10)


async def test_nobody_left_to_decide_is_told_with_all_reasons(thinking_board: Plugboard) -> None:
    [made] = await decide.decisions(
        thinking_board, frozenset({"oracle"}), given_frame(), [candidate("type")]
    )
    assert made.plugin == "kernel" and not made.decision.chosen.send
    assert made.decision.fallback.startswith("no decider answered; oracle answered nonsense: str")


@pytest.mark.parametrize(
    "field",
    [
        {"chosen": Action(send=True, tone="friendly", send_at=datetime(2026, 6, 16))},  # noqa: DTZ001
        {"confidence": 2.0},
        {"confidence": float("nan")},
        {"cost_micros": float("inf")},
        {"tokens": -1},
        {"reasons": ("a\0b",)},
        {"reasons": (object(),)},
        {"options": "many"},
        {"options": ()},
    ],
)
def test_what_is_no_decision(field: dict[str, Any]) -> None:
    good = decision("friendly", given_frame())
    seen: dict[int, str] = {}
    assert decide.nonsense(good, seen) == ""
    assert decide.nonsense(msgspec.structs.replace(good, **field), seen)
    assert decide.nonsense(good, seen) == ""


def test_offers_are_possible_only_where_somebody_guards_them() -> None:
    def spoken(actions: tuple[Action, ...]) -> list[str]:
        return [f"{a.tone} {a.offer}".strip() if a.send else "not" for a in actions]

    assert spoken(frames.possible(kind("first", 1), guarded=False)) == ["not", "friendly", "plain"]
    assert spoken(frames.possible(kind("first", 1), guarded=True)) == [
        "not",
        "friendly", "friendly percent/10", "friendly percent/20",
        "plain", "plain percent/10", "plain percent/20",
        "urgent percent/10", "urgent percent/20",
    ]  # fmt: skip


def test_the_frame_is_of_its_time() -> None:
    given: DecideContext = given_frame()
    assert given.now == START and START.tzinfo == UTC
