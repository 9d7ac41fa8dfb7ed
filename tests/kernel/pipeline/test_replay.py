"""What guardrails of plugins did is replayed with the rest, and the past can be decided otherwise."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from kernel.contracts.decisions import Action, Change, Grant
from kernel.contracts.errors import InvalidConfig, InvalidInput
from kernel.pipeline import run, why
from kernel.pipeline.diff import diff, parse_settings
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from tests.kernel.pipeline.thinkers import ORACLE, WARDEN, advice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.decisions import DecideContext, Guarded
    from kernel.tenancy.core import Core

NOTHING = Action(send=False)


async def propose(core: Core, count: int) -> list[int]:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, count, created_at=ctx.now - timedelta(days=2))
    await run.propose_due(core, "alpha")
    return ids


def told(one: Guarded, allowed: Action, name: str = "cool_down", **fields: Any) -> Guarded:
    change = Change(
        plugin="warden", guardrail=name, asked=one.action, allowed=allowed, reason="Because."
    )
    return replace(one, action=allowed, changes=(*one.changes, change), **fields)


def grant(offer: str, at: Any = None, plugin: str = "warden") -> Grant:
    return Grant(plugin=plugin, offer=offer, reserved=3.5, expires_at=at)


def every_way(given: DecideContext, decisions: Sequence[Guarded]) -> list[Guarded]:
    """Each customer's decision is treated in another way."""
    end = given.now + timedelta(days=3)
    ways = [
        lambda one: one,
        lambda one: replace(one, grant=grant("percent/20", end)),
        lambda one: replace(one, grant=grant("percent/20", plugin="somebody")),
        lambda one: told(one, replace(one.action, offer="percent/10"), grant=grant("percent/10")),
        lambda one: told(one, replace(one.action, offer=""), "budget"),
        lambda one: told(one, NOTHING, "margin"),
        lambda one: replace(one, action=NOTHING),
        lambda one: told(one, replace(one.action, send_at=end), grant=grant("percent/20")),
        lambda one: told(one, replace(one.action, offer="percent/90"), grant=grant("percent/90")),
        lambda one: told(told(one, replace(one.action, offer="")), NOTHING),
        lambda one: replace(told(one, NOTHING), changes=(), grant=grant("amount/5")),
        lambda one: told(one, replace(one.action, send_at=given.now + timedelta(days=30))),
    ]
    return [ways[n % len(ways)](one) for n, one in enumerate(decisions)]


@pytest.mark.parametrize("answer", ["friendly percent/20", "urgent percent/20", "plain", "no"])
async def test_replay_puts_the_guardrails_where_they_were(thinking: Core, answer: str) -> None:
    await propose(thinking, 12)
    ORACLE.answer = lambda c: advice(c, answer)
    WARDEN.adjust = every_way
    async with thinking.system_scope("test") as unit:
        await unit.execute("UPDATE tenancy_tenant SET holdout_percent = 20")
    await run.advance(thinking, "alpha")
    WARDEN.adjust = None  # a replay asks no guardrail either
    changed = 0
    async with thinking.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT id FROM pipeline_decision")
        assert len(rows) == 24
        for row in rows:
            again = await why.replay(ctx, row["id"])
            assert again.computed == again.stored
            changed += b'"guardrail"' in again.stored
        planned = await ctx.db.fetchval(
            "SELECT count(*) FROM pipeline_message m JOIN pipeline_decision d "
            "ON d.id = m.decision_id WHERE m.state = 'planned' AND d.send"
        )
        sends = await ctx.db.fetchval("SELECT count(*) FROM pipeline_decision WHERE send")
    assert planned == sends
    assert changed == 0 if answer == "no" else changed > 8


async def test_the_story_tells_what_was_asked_and_allowed(thinking: Core) -> None:
    [customer] = await propose(thinking, 1)
    ORACLE.answer = lambda c: advice(c, "friendly percent/20")
    WARDEN.adjust = lambda given, all_: [
        told(one, replace(one.action, offer="percent/10"), grant=grant("percent/10", given.now))
        for one in all_
    ]
    await run.advance(thinking, "alpha")
    async with thinking.tenant_scope("alpha") as ctx:
        [_, story] = await why.why(ctx, customer)
        message = story.record.message_id
        [alone] = await why.why(ctx, customer, message_id=message)
    assert alone.record == story.record
    text = "\n".join(story.sentences)
    for part in (
        "Known: no order since the customer became known 2 days ago; no mail yet",
        "second could write today too",
        "friendly (alone or with 10 % off, 20 % off)",
        "urgent (only with 10 % off, 20 % off)",
        "oracle/1 (oracle 1.0.0) chose to send, friendly tone, with 20 % off, 75% sure.",
        "The oracle said friendly percent/20.",
        "Guardrail cool_down (warden): asked to send, friendly tone, with 20 % off; allowed ",
        "allowed to send, friendly tone, with 10 % off. Because.",
        "warden granted 10 % off until 2026-06-15 10:00 UTC and set 3.50 aside for it.",
        "No law and no cap stood against it",
        "Now: planned.",
    ):
        assert part in text, text


async def mailed(core: Core, ids: list[int], days: float) -> None:
    """These customers had a mail so many days ago."""
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx, "first")
        await ctx.db.execute(
            "UPDATE pipeline_campaign SET status = 'finished' WHERE id = $1", campaign.id
        )
        at = ctx.now - timedelta(days=days)
        await add_messages(ctx, campaign, ids, state="delivered", attempted_at=at)
        await ctx.db.execute("UPDATE pipeline_message SET created_at = $1", at)


async def test_the_past_decided_with_other_rules(thinking: Core) -> None:
    async with thinking.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 10, created_at=ctx.now - timedelta(days=12))
    await mailed(thinking, ids[:4], 7.5)
    ORACLE.answer = lambda c: None
    await run.propose_due(thinking, "alpha")
    await run.advance(thinking, "alpha")
    scope = await thinking.detached("alpha")
    since = scope.now - timedelta(days=30)
    same = await diff(scope, since, {})
    assert (same.decisions, same.same, same.shifts, same.cannot) == (20, 20, (), {})
    seen: list[int] = []
    found = await diff(
        scope, since, parse_settings(["rules.rest_days=9", "rules.wait_days=0"]), seen.append
    )
    assert (found.decisions, found.same, seen) == (20, 16, [20])
    [shift] = found.shifts
    assert shift.after == "not sent" and shift.decisions == 4
    assert len(found.examples) == 4
    assert "the rule is at least 9 days" in found.examples[0].why_after
    assert (await diff(scope, scope.now + timedelta(days=1), {})).decisions == 0
    nobody = await diff(await thinking.detached("bravo"), since, {})
    assert nobody.decisions == 0
    with pytest.raises(InvalidConfig):
        await diff(scope, since, {"rules": {"rest_days": "many"}})
    with pytest.raises(InvalidInput):
        await diff(scope, since, {"ruler": {"rest_days": 1}})


@pytest.mark.parametrize("text", ["rules", "rules.=", "=3", "rest_days=3", ".x=1"])
def test_what_is_no_setting(text: str) -> None:
    if text == "rules.=":
        text = "rules."
    with pytest.raises(InvalidInput, match="is no setting"):
        parse_settings([text])


def test_settings_are_read_as_json_or_text() -> None:
    assert parse_settings(["rules.rest_days=7", "rules.usual_tone=plain", "a.b=true"]) == {
        "rules": {"rest_days": 7, "usual_tone": "plain"},
        "a": {"b": True},
    }
