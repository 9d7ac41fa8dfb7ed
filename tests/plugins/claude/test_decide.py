"""From advice to a decision: pure, possible, replayed to the same bytes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.base import canonical
from kernel.contracts.decisions import Action, Advice, Candidate, Decision
from kernel.pipeline import why
from plugins.claude.answers import Policy, Wrong, read, tightened
from plugins.claude.consulting import Envelope
from plugins.claude.decide import decide_batch
from plugins.claude.manifest import ClaudeSettings
from tests.plugins.claude.shop import campaign, choose, decide
from tests.plugins.rules.test_rules import NOW, REST, frame

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.claude import FakeClaude

FRIENDLY, URGENT, CALM = (
    Action(send=True, campaign_type="winback", tone=tone, offer=offer)
    for tone, offer in (("friendly", ""), ("urgent", "percent/10"), ("friendly", "percent/10"))
)
ACTIONS = (REST, FRIENDLY, CALM, URGENT)
POLICY: dict[str, Any] = {
    "reason": "Their usual pause is over.",
    "action": "send",
    "leave_to": "none",
    "tone": "friendly",
    "offer": "none",
    "wait_days": 0,
    "confidence": 80,
    "probabilities": {"send": 70, "wait": 20, "skip": 10},
}


def given_frame(**settings: Any) -> Any:
    made = frame(ACTIONS)
    return msgspec.structs.replace(
        made, settings={"claude": ClaudeSettings(**{"explore_percent": 0.0, **settings})}
    )


def candidate(n: int = 1, said: str | None = None, **advice: Any) -> Candidate:
    text = said if said is not None else msgspec.json.encode(POLICY).decode()
    envelope = Envelope(kind="bucket", policy="claude/decide_bucket/1", said=text)
    told = {
        "plugin": "claude",
        "id": UUID(int=5),
        "answer": canonical(envelope).decode(),
        "model": "claude-haiku-5-5",
        "tokens": 100,
        "cost_micros": 50,
        "shared": 4,
        **advice,
    }
    return Candidate(
        message_id=UUID(int=n),
        customer_id=n,
        step=1,
        occasion=f"winback:1/{n}",
        features={},
        advice=(Advice(**told),),
    )


def decided(said: dict[str, Any], **settings: Any) -> Decision | None:
    text = msgspec.json.encode({**POLICY, **said}).decode()
    [made] = decide_batch(given_frame(**settings), [candidate(said=text)])
    return made


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ({}, FRIENDLY),
        ({"offer": "percent/10", "tone": "urgent"}, URGENT),
        ({"action": "skip"}, REST),
        ({"action": "wait", "wait_days": 2}, ("friendly", 2)),
        ({"action": "wait", "wait_days": 0}, ("friendly", 1)),
        ({"action": "leave", "leave_to": "upsell"}, Action(send=False, campaign_type="upsell")),
        ({"tone": "urgent"}, None),
        ({"offer": "percent/95"}, None),
        ({"tone": "Friendly"}, None),
        ({"action": "SEND"}, None),
    ],
)
def test_what_an_answer_means(said: dict[str, Any], chosen: Any) -> None:
    made = decided(said)
    if chosen is None:
        assert made is None
        return
    assert made is not None
    if isinstance(chosen, tuple):
        tone, days = chosen
        chosen = msgspec.structs.replace(FRIENDLY, tone=tone, send_at=NOW + timedelta(days=days))
    assert made.chosen == chosen
    assert sum(option.probability for option in made.options) == 1
    assert made.confidence == 0.8
    assert (made.tokens, made.cost_micros) == (25, 12.5)
    assert made.policy == "claude/decide_bucket/1"
    assert made.reasons[0] == "Their usual pause is over."


def test_nobody_waits_longer_than_the_campaign_lives() -> None:
    late = msgspec.structs.replace(given_frame(), expires_at=NOW + timedelta(days=3))
    text = msgspec.json.encode({**POLICY, "action": "wait", "wait_days": 5}).decode()
    [made] = decide_batch(late, [candidate(said=text)])
    assert made is not None
    assert made.chosen.send_at == NOW + timedelta(days=2)


def test_exploring_keeps_its_propensities_and_gives_nothing_more_away() -> None:
    people = [candidate(n) for n in range(1, 2001)]
    text = msgspec.json.encode({**POLICY, "offer": "percent/10"}).decode()
    people = [candidate(n, said=text) for n in range(1, 2001)]
    made = decide_batch(given_frame(explore_percent=10.0), people)
    tried = [one for one in made if one is not None and one.chosen != CALM]
    assert 120 < len(tried) < 280
    for one in made:
        assert one is not None
        assert abs(sum(option.probability for option in one.options) - 1) < 1e-9
        assert one.chosen in (CALM, FRIENDLY, URGENT)
    assert made == decide_batch(given_frame(explore_percent=10.0), people)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_stored_answer_is_a_decision_or_none(text: str) -> None:
    for one in (candidate(said=text), candidate(answer=text)):
        [made] = decide_batch(given_frame(), [one])
        assert made is None or isinstance(made, Decision)


def test_without_an_answer_others_decide() -> None:
    nobody = msgspec.structs.replace(candidate(), advice=())
    failed = candidate(answer="", fallback="Claude answered 500 (api_error)")
    assert decide_batch(given_frame(), [nobody, failed]) == [None, None]


def test_the_schema_is_one_the_api_takes() -> None:
    schema = tightened(Policy, {"offer": ["none", "percent/10"]})
    assert schema["required"] == list(schema["properties"]) == list(POLICY)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["probabilities"]["additionalProperties"] is False
    assert schema["properties"]["offer"] == {"type": "string", "enum": ["none", "percent/10"]}
    text = msgspec.json.encode(schema).decode()
    for keyword in ("minimum", "maximum", "Length", "$ref", "$defs", "title", "default"):
        assert f'"{keyword}' not in text


@pytest.mark.parametrize(
    "change",
    [
        {"confidence": 101},
        {"confidence": "80"},
        {"reason": ""},
        {"reason": "x" * 601},
        {"extra": 1},
        {"probabilities": {"send": 1, "wait": 1}},
        {"action": "leave"},
    ],
)
def test_bounds_that_the_schema_cannot_hold_are_checked_here(change: dict[str, Any]) -> None:
    schema = tightened(Policy, {})
    read("bucket", msgspec.json.encode(POLICY).decode(), schema, [("friendly", "none")])
    text = msgspec.json.encode({**POLICY, **change}).decode()
    with pytest.raises(Wrong):
        read("bucket", text, schema, [("friendly", "none")])


@pytest.mark.parametrize("mode", ["per_customer", "bucketed"])
async def test_it_is_replayed_to_the_same_bytes(core: Core, fake: FakeClaude, mode: str) -> None:
    await choose(core, mode=mode, explore_percent=20.0)
    fake.answer(None)
    records = await decide(core, await campaign(core, 30))
    assert "claude" in {record.plugin for record in records}
    asked = len(fake.requests)
    async with core.tenant_scope("alpha") as ctx:
        for record in records:
            found = await why.replay(ctx, record.id)
            assert found.same, found
    assert len(fake.requests) == asked


async def test_a_bucket_is_asked_about_once_and_its_first_customers_pay(
    core: Core, fake: FakeClaude
) -> None:
    await choose(core, mode="bucketed")
    records = await decide(core, await campaign(core, 30))
    assert len(records) == 30
    assert fake.record.count() < 10
    assert fake.record.asked_twice() == []
    for record in records:
        assert record.decision.policy == "claude/decide_bucket/1"
        assert record.decision.model == "claude-haiku-5-5"
        assert len(record.decision.prompt_hash) == 64
        assert record.decision.cost_micros > 0
        assert "Decided for all customers of a kind" in record.decision.reasons[1]


@pytest.mark.parametrize("why_not", ["rules", "no key"])
async def test_nothing_is_asked(
    core: Core, fake: FakeClaude, why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why_not == "no key":
        monkeypatch.delenv("ANTHROPIC_API_KEY")
    await choose(core, mode="rules" if why_not == "rules" else "bucketed")
    records = await decide(core, await campaign(core))
    assert {record.plugin for record in records} == {"rules"}
    assert {record.decision.fallback for record in records} == {""}
    assert fake.requests == []
