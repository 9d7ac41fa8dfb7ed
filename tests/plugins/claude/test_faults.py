"""Whatever goes wrong with Claude: the rules decide, the reason stands in the record, nobody is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.claude.shop import campaign, choose, decide, spend

if TYPE_CHECKING:
    from kernel.contracts.decisions import DecisionRecord
    from kernel.tenancy.core import Core
    from kernel.testing.claude import FakeClaude

ALWAYS: dict[str, Any] = {"times": 1000}
UNUSABLE = "Claude's answer could not be used, twice: "
FAULTS: dict[str, tuple[str | int, dict[str, Any], str]] = {
    "refused": ("refused", {}, "Claude could not be reached (ConnectError)"),
    "time-out": ("stall", ALWAYS, "Claude did not answer within 0.5 seconds"),
    "cut off": ("drop", ALWAYS, "Claude could not be reached"),
    "cut off midway": ("drop_midway", ALWAYS, "Claude"),
    "401": (401, ALWAYS, "Claude answered 401 (authentication_error)"),
    "403": (403, ALWAYS, "Claude answered 403 (permission_error)"),
    "429": (429, ALWAYS, "Claude answered 429 (rate_limit_error)"),
    "429 later": (429, {**ALWAYS, "retry_after": 30.0}, "Claude answered 429 (rate_limit_error)"),
    "500": (500, ALWAYS, "Claude answered 500 (api_error)"),
    "529": (529, ALWAYS, "Claude answered 529 (overloaded_error)"),
    "a proxy's page": ("html", ALWAYS, "Claude answered 502"),
    "truncated": ("truncated", ALWAYS, f"{UNUSABLE}the answer was cut off: it was too long"),
    "schema": ("schema", ALWAYS, f"{UNUSABLE}the answer broke the schema: "),
    "enum case": (
        "enum_case",
        ALWAYS,
        f"{UNUSABLE}the answer broke the schema: none of the choices",
    ),
    "no JSON": ("garbage", ALWAYS, f"{UNUSABLE}the answer was no complete JSON"),
    "refusal": ("refusal", ALWAYS, "Claude refused to answer"),
    "refusal in words": ("refusal_text", ALWAYS, "Claude refused to answer"),
    "empty": ("empty", ALWAYS, f"{UNUSABLE}the answer was empty"),
    "blank": ("blank", ALWAYS, f"{UNUSABLE}the answer was empty"),
    "paused": ("paused", ALWAYS, f"{UNUSABLE}the answer stopped for `pause_turn`"),
}


@pytest.mark.parametrize("mode", ["per_customer", "bucketed"])
@pytest.mark.parametrize("name", FAULTS)
async def test_the_rules_decide(core: Core, fake: FakeClaude, name: str, mode: str) -> None:
    kind, how, reason = FAULTS[name]
    # What is not waiting for an answer gets one in time, however busy the machine.
    await choose(core, mode=mode, open_after=100, timeout=0.5 if kind == "stall" else 10.0)
    fake.fail(kind, **how)
    await fallen_back(core, await campaign(core), reason)


async def fallen_back(core: Core, campaign_id: Any, reason: str) -> list[DecisionRecord]:
    records = await decide(core, campaign_id)
    assert len(records) == 3
    assert {record.plugin for record in records} == {"rules"}
    for record in records:
        assert record.decision.fallback.startswith(f"claude: {reason}"), record.decision.fallback
    assert (await spend(core)).get("reserved_micros", 0) == 0
    return records


async def test_a_name_that_is_not_found(
    core: Core, fake: FakeClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://nowhere.invalid")
    await choose(core, mode="per_customer", open_after=100, timeout=5.0)
    reason = "Claude could not be reached (ConnectError)"
    records = await fallen_back(core, await campaign(core), reason)
    assert {record.decision.fallback for record in records} == {f"claude: {reason}"}
    assert fake.record.count() == 0


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"offer": "percent/95"}, "offer"),
        ({"action": "leave", "leave_to": "megasale"}, "action"),
        ({"tone": "Friendly"}, "tone"),
        ({"tone": "shouting"}, "tone"),
        ({"wait_days": 3650}, "wait_days"),
    ],
)
async def test_what_is_not_among_the_choices(
    core: Core, fake: FakeClaude, answer: dict[str, Any], field: str
) -> None:
    await choose(core, mode="per_customer")
    fake.answer(lambda asked: {**asked.filled, "action": "send", "offer": "none", **answer})
    reason = f"{UNUSABLE}the answer broke the schema: `{field}` was none of the choices"
    await fallen_back(core, await campaign(core), reason)
    assert fake.record.count() == 6  # each asked once more, and no further


@pytest.mark.parametrize("mode", ["per_customer", "bucketed"])
async def test_the_budget_is_used_up(core: Core, fake: FakeClaude, mode: str) -> None:
    await choose(core, mode=mode, daily_budget=0.0)
    reason = "the day's budget for Claude is used up"
    await fallen_back(core, await campaign(core), reason)
    assert fake.requests == []


async def test_one_repair_is_enough(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer")
    fake.fail("schema", times=1)
    records = await decide(core, await campaign(core))
    assert [record.plugin for record in records] == ["claude"] * 3
    assert fake.record.count() == 4
    again = [one for one in fake.asked if len(one.params["messages"]) == 3]
    assert len(again) == 1
    assert "could not be used" in again[0].prompt


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("expired", "the batch expired before Claude answered"),
        ("canceled", "the batch was stopped"),
        ("errored", "the batch answered an error"),
        ("overloaded", "the batch answered an error (overloaded_error)"),
    ],
)
async def test_a_batch_that_came_to_nothing(
    core: Core, fake: FakeClaude, kind: str, reason: str
) -> None:
    await choose(core, mode="per_customer", direct_below=0)
    fake.fail(kind, **ALWAYS)
    await fallen_back(core, await campaign(core), reason)
    assert fake.record.count("batch_create") == 1


async def test_a_batch_that_failed_in_part(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", direct_below=0)
    fake.fail("errored", times=1)
    records = await decide(core, await campaign(core))
    assert sorted(record.plugin for record in records) == ["claude", "claude", "rules"]
    [fallen] = [record for record in records if record.plugin == "rules"]
    assert "the batch answered an error" in fallen.decision.fallback
    assert (await spend(core))["reserved_micros"] == 0


async def test_a_batch_that_is_not_taken(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", direct_below=0, open_after=100)
    fake.fail(401, on="batch_create", **ALWAYS)
    await fallen_back(core, await campaign(core), "Claude answered 401 (authentication_error)")


async def test_after_failures_in_a_row_claude_is_left_alone(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", open_after=2, at_once=1)
    fake.fail(500, **ALWAYS)
    records = await decide(core, await campaign(core, 6))
    assert fake.record.count() == 2
    reasons = [record.decision.fallback for record in records]
    assert len(reasons) == 6
    assert sum("left alone for a while: 2 failures in a row" in reason for reason in reasons) == 4


@pytest.mark.parametrize("how", [{"retry_after": 0.01}, {}])
@pytest.mark.parametrize("kind", [429, 500, 529])
async def test_what_passes_is_sent_again(
    core: Core, fake: FakeClaude, kind: int, how: dict[str, float]
) -> None:
    await choose(core, mode="per_customer", retries=1, timeout=12.0)
    fake.fail(kind, times=1, **how)
    records = await decide(core, await campaign(core, 1))
    assert [record.plugin for record in records] == ["claude"]
    assert fake.record.count() == 2


async def test_what_may_have_been_billed_is_not_sent_again(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", retries=5)
    fake.fail("drop_after", times=1)
    [record] = await decide(core, await campaign(core, 1))
    assert record.plugin == "rules"
    assert fake.record.count() == 1
    assert record.decision.cost_micros == (await spend(core))["spent_micros"] > 0


async def test_a_longer_wait_than_there_is_time_for_is_no_answer(
    core: Core, fake: FakeClaude
) -> None:
    await choose(core, mode="per_customer", retries=5)
    fake.fail(429, times=1, retry_after=60.0)
    [record] = await decide(core, await campaign(core, 1))
    assert "Claude answered 429" in record.decision.fallback
    assert fake.record.count() == 1
