"""Whoever is killed, wherever: nothing is asked twice that was answered, and nobody is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from kernel.pipeline import run
from plugins.claude import asking, batches, results
from tests.plugins.claude.shop import campaign, choose, decide, spend

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.claude import FakeClaude

CUSTOMERS = 12


class Killed(BaseException):
    """The process ends here."""


async def lease_runs_out(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE claude_question SET lease_until = now() - interval '1 s'")


async def test_in_the_midst_of_direct_questions(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", at_once=3, timeout=5.0)
    proposed = await campaign(core, CUSTOMERS)
    fake.latency = 0.2
    work = asyncio.create_task(run.advance(core, "alpha"))
    while sum(one.outcome == "answered" for one in fake.asked) < 5:
        await asyncio.sleep(0.01)
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    fake.latency = 0.0
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT state, count(*) AS n FROM claude_question GROUP BY 1")
    states = {row["state"]: row["n"] for row in rows}
    assert states.get("answered") and states.get("asked") and states.get("waiting")
    seen, before = fake.record.count(), await spend(core)
    assert before["reserved_micros"] > 0
    await lease_runs_out(core)
    records = await decide(core, proposed)
    assert len(records) == CUSTOMERS
    assert {record.plugin for record in records} == {"claude"}
    # What was under way is asked once more, also if it never reached the server; what is stored is not.
    assert fake.record.count() == seen + CUSTOMERS - states["answered"]
    after = await spend(core)
    assert after["reserved_micros"] == 0
    # What was lost counts as well, at the most it could have cost.
    assert after["calls"] == CUSTOMERS + states["asked"]
    assert after["spent_micros"] > before["reserved_micros"]


async def test_what_is_lost_twice_is_decided_by_rules(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", timeout=5.0)
    proposed = await campaign(core, 1)
    for _ in range(2):
        fake.latency = 30.0
        work = asyncio.create_task(run.advance(core, "alpha"))
        seen = fake.record.count()
        while fake.record.count() == seen:
            await asyncio.sleep(0.01)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        await lease_runs_out(core)
    [record] = await decide(core, proposed)
    assert record.plugin == "rules"
    assert record.decision.fallback == "claude: the answer was lost twice"
    assert fake.record.count() == 2
    assert (await spend(core))["reserved_micros"] == 0


async def until_made(core: Core) -> None:
    """The batch is committed and nothing of it was sent."""
    await run.advance(core, "alpha")
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE claude_question SET created_at = now() - interval '1 minute'")
    scope = await core.detached("alpha")
    made = await batches.make(scope, scope.settings(batches.ClaudeSettings))
    assert made is not None


async def old(core: Core) -> None:
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE claude_batch SET created_at = now() - interval '5 minutes'")


async def test_before_the_batch_was_sent(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="per_customer", direct_below=0)
    proposed = await campaign(core, CUSTOMERS)
    await until_made(core)
    await batches.run(await core.detached("alpha"), {})
    assert fake.record.count("batch_create") == 0  # it may be under way: not made again in haste
    await old(core)
    records = await decide(core, proposed)
    assert {record.plugin for record in records} == {"claude"}
    assert len(records) == CUSTOMERS
    assert fake.record.count("batch_create") == 1


@pytest.mark.parametrize("ended", [False, True])
async def test_after_the_batch_was_sent(
    core: Core, fake: FakeClaude, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """The answer to `create` never came: the batch is found again by what it holds."""
    await choose(core, mode="per_customer", direct_below=0)
    proposed = await campaign(core, CUSTOMERS)
    stranger = await another_batch(fake, CUSTOMERS)
    if not ended:
        fake.batches.polls = 1000
    fake.fail("drop_after", on="batch_create")
    await run.advance(core, "alpha")
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE claude_question SET created_at = now() - interval '1 minute'")
    await batches.run(await core.detached("alpha"), {})
    assert fake.record.count("batch_create") == 2
    await old(core)
    await batches.run(await core.detached("alpha"), {})
    async with core.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM claude_batch WHERE state = 'never'") == 0
    fake.batches.polls = 0
    for name in fake.batches.known:
        await fake.batches.polled(name)
    records = await decide(core, proposed)
    assert {record.plugin for record in records} == {"claude"}
    assert fake.record.count("batch_create") == 2
    assert len({one.custom_id for one in fake.asked}) == len(fake.asked) == 2 * CUSTOMERS
    async with core.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval("SELECT remote_id FROM claude_batch") != stranger


async def another_batch(fake: FakeClaude, size: int) -> str:
    """A batch of the same size that somebody else sent with the same key."""
    import anthropic

    async with anthropic.AsyncAnthropic(api_key=fake.api_key, base_url=fake.base_url) as api:
        params: Any = {
            "model": "claude-haiku-5-5",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": "hello"}],
        }
        sent = await api.messages.batches.create(
            requests=[{"custom_id": f"other-{n}", "params": params} for n in range(size)]
        )
        await fake.batches.polled(sent.id)
        return sent.id


async def test_while_results_are_stored(
    core: Core, fake: FakeClaude, monkeypatch: pytest.MonkeyPatch
) -> None:
    await choose(core, mode="per_customer", direct_below=0)
    monkeypatch.setattr(results, "CHUNK", 4)
    proposed = await campaign(core, CUSTOMERS)
    await run.advance(core, "alpha")
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE claude_question SET created_at = now() - interval '1 minute'")
    scope = await core.detached("alpha")
    await batches.run(scope, {})
    real, chunks = asking.store, 0

    async def dies(*args: Any) -> None:
        nonlocal chunks
        chunks += 1
        await real(*args)
        if chunks == 2:
            raise Killed

    monkeypatch.setattr(asking, "store", dies)
    with pytest.raises(Killed):
        await batches.run(scope, {})
    async with core.tenant_scope("alpha") as ctx:
        stored = "SELECT count(*) FROM claude_question WHERE state = 'answered'"
        assert await ctx.db.fetchval(stored) == 4  # the second chunk was rolled back whole
    monkeypatch.setattr(asking, "store", real)
    records = await decide(core, proposed)
    assert len(records) == CUSTOMERS
    assert {record.plugin for record in records} == {"claude"}
    assert fake.record.count("batch_create") == 1
    assert len(fake.asked) == CUSTOMERS
    book = await spend(core)
    assert book["calls"] == CUSTOMERS
    assert book["reserved_micros"] == 0
    total = sum(record.decision.cost_micros for record in records)
    assert total == book["spent_micros"]
