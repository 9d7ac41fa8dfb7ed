"""Asking the world before deciding: nobody is decided twice or lost, whatever happens in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kernel.contracts.decisions import Pending
from kernel.pipeline import approvals, campaigns, run, why
from kernel.testing.seed import add_customers
from tests.kernel.pipeline.thinkers import ORACLE, WARDEN, advice

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.tenancy.core import Core


async def propose(core: Core, count: int = 6) -> list[UUID]:
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, count, created_at=ctx.now - timedelta(days=2))
    return await run.propose_due(core, "alpha")


async def sql(core: Core, statement: str, *args: Any) -> Any:
    async with core.system_scope("test") as unit:
        return await unit.fetchval(statement, *args)


async def work(core: Core) -> bool:
    async with core.system_scope("test") as unit:
        return await run.tenants_with_work(unit, core.clock.now()) == ["alpha"]


async def again(core: Core) -> None:
    """Time passes until pending answers may be asked for again."""
    await sql(core, "UPDATE pipeline_campaign SET consult_at = now() WHERE consult_at IS NOT NULL")


async def once_each(core: Core, expected: int) -> None:
    total = await sql(core, "SELECT count(*) FROM pipeline_decision")
    pairs = await sql(
        core, "SELECT count(DISTINCT (customer_id, campaign_id)) FROM pipeline_decision"
    )
    assert total == pairs == expected
    async with core.tenant_scope("alpha") as ctx:
        assert all(view.law.holds for view in await campaigns.page(ctx))


async def records(core: Core) -> list[Any]:
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT id FROM pipeline_decision ORDER BY id")
        return list((await why.stories(ctx, [row["id"] for row in rows])).values())


async def test_an_answer_is_stored_decided_on_told_and_replayed(thinking: Core) -> None:
    await propose(thinking, 3)
    await run.advance(thinking, "alpha")
    await once_each(thinking, 6)
    assert await sql(thinking, "SELECT count(*) FROM pipeline_advice") == 6
    told = await records(thinking)
    for story in told:
        record = story.record
        assert (record.plugin, record.action.tone, record.version) == ("oracle", "friendly", 2)
        assert [one.id for one in story.advice] == list(record.advice)
        assert any("asked toy-1 (100 tokens, 0.000040 US" in one for one in story.sentences)
        assert any("75% sure" in one for one in story.sentences)
        async with thinking.tenant_scope("alpha") as ctx:
            assert (await why.replay(ctx, record.id)).same
    asked = len(ORACLE.asked)
    async with thinking.tenant_scope("bravo") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_advice") == 0
    assert len(ORACLE.asked) == asked == 2  # a replay asks nobody


async def test_advice_cannot_be_changed_or_removed(thinking: Core) -> None:
    await propose(thinking, 1)
    await run.advance(thinking, "alpha")
    for statement in ("UPDATE pipeline_advice SET answer = 'x'", "DELETE FROM pipeline_advice"):
        with pytest.raises(Exception, match="permission denied"):
            async with thinking.tenant_scope("alpha") as ctx:
                await ctx.db.execute(statement)


async def test_who_is_pending_waits_and_nobody_else_does(thinking: Core) -> None:
    first, second = await propose(thinking, 4)
    slow = set(await customers(thinking))
    slow = set(sorted(slow)[:2])
    ORACLE.answer = lambda c: (
        Pending(reason="thinking", again_in=60)
        if c.customer_id in slow and c.occasion.startswith("first")
        else advice(c, "friendly")
    )
    assert not await run.advance(thinking, "alpha")
    async with thinking.tenant_scope("alpha") as ctx:
        high, low = await campaigns.get(ctx, first), await campaigns.get(ctx, second)
    assert (high.status, high.law.waiting, low.status) == ("deciding", 4, "waiting")
    await once_each(thinking, 6)
    assert not await work(thinking)
    asked = len(ORACLE.asked)
    assert not await run.advance(thinking, "alpha")
    assert len(ORACLE.asked) == asked  # it is not asked before its time
    await again(thinking)
    assert await work(thinking)
    await run.advance(thinking, "alpha")
    assert len(ORACLE.asked[-1]) == 2  # only those who were pending
    ORACLE.answer = lambda c: advice(c, "no")
    await again(thinking)
    await run.advance(thinking, "alpha")
    await once_each(thinking, 8)
    async with thinking.tenant_scope("alpha") as ctx:
        view = await campaigns.get(ctx, first)
    assert (view.status, view.law.skipped, view.law.waiting) == ("waiting", 2, 2)


async def test_what_is_pending_too_long_is_decided_by_rules(thinking: Core) -> None:
    await propose(thinking, 3)
    ORACLE.answer = lambda c: Pending(reason="The batch is not done.", again_in=60)
    await run.advance(thinking, "alpha")
    await once_each(thinking, 0)
    await sql(thinking, "UPDATE pipeline_campaign SET created_at = now() - interval '26 hours'")
    await again(thinking)
    await run.advance(thinking, "alpha")
    await once_each(thinking, 6)
    for story in await records(thinking):
        assert story.record.plugin == "rules"
        assert story.record.decision.fallback == (
            "oracle: no answer within 26 hours. The batch is not done."
        )
    # One row for all of a page: in the cost of the day, each customer counts once.
    assert await sql(thinking, "SELECT sum(shared) FROM pipeline_advice") == 6
    assert await sql(thinking, "SELECT count(*) FROM pipeline_advice") == 2


async def test_a_plugin_that_cannot_be_asked_is_named_and_rules_decide(thinking: Core) -> None:
    await propose(thinking, 2)

    async def broken(ctx: Context) -> None:
        raise ConnectionRefusedError

    ORACLE.before = broken
    await run.advance(thinking, "alpha")
    await once_each(thinking, 4)
    for story in await records(thinking):
        assert story.record.plugin == "rules" and story.record.action.send
        assert story.record.decision.fallback == "oracle: could not be asked"
        async with thinking.tenant_scope("alpha") as ctx:
            assert (await why.replay(ctx, story.record.id)).same


async def test_a_crash_after_asking_leads_to_asking_again(thinking: Core) -> None:
    await propose(thinking, 5)

    async def killed(ctx: Context) -> None:
        raise asyncio.CancelledError

    ORACLE.before = killed
    with pytest.raises(asyncio.CancelledError):
        await run.advance(thinking, "alpha")
    await once_each(thinking, 0)
    ORACLE.before = None

    def dies(*_: Any) -> Any:
        raise asyncio.CancelledError

    WARDEN.adjust = dies  # in the transaction that stores the advice and the decisions
    with pytest.raises(asyncio.CancelledError):
        await run.advance(thinking, "alpha")
    await once_each(thinking, 0)
    assert await sql(thinking, "SELECT count(*) FROM pipeline_advice") == 0
    WARDEN.adjust = None
    await run.advance(thinking, "alpha")
    await once_each(thinking, 10)
    assert await sql(thinking, "SELECT count(*) FROM pipeline_advice") == 10
    assert [len(page) for page in ORACLE.asked] == [5, 5, 5, 5]


async def test_a_walk_of_many_turns_reaches_the_last_page(thinking: Core) -> None:
    await propose(thinking, 2300)
    await sql(
        thinking, "UPDATE pipeline_campaign SET status = 'cancelled' WHERE key LIKE 'second%'"
    )
    ORACLE.answer = lambda c: (
        Pending(again_in=60) if c.customer_id % 2 else advice(c, "friendly", shared=2300)
    )
    turns = 1
    while await run.advance(thinking, "alpha", seconds=0):
        turns += 1
    assert turns == 4
    assert [len(page) for page in ORACLE.asked] == [1000, 1000, 300]
    await once_each(thinking, 1150)
    ORACLE.answer = lambda c: advice(c, "friendly")
    await again(thinking)
    while await run.advance(thinking, "alpha", seconds=0):
        pass
    assert [len(page) for page in ORACLE.asked[3:]] == [1000, 150]
    await once_each(thinking, 2300)


async def test_who_is_taken_out_meanwhile_is_not_decided(thinking: Core) -> None:
    [first, second] = await propose(thinking, 3)
    out = (await customers(thinking))[0]

    async def exclude(ctx: Context) -> None:
        ORACLE.before = None
        async with ctx.transaction() as inner:
            await approvals.exclude(inner, first, [out])
            await approvals.cancel(inner, second)

    ORACLE.before = exclude
    await run.advance(thinking, "alpha")
    await once_each(thinking, 2)
    async with thinking.tenant_scope("alpha") as ctx:
        assert await why.why(ctx, out) == []
        law = (await campaigns.get(ctx, first)).law
        assert (law.skipped, law.waiting) == (1, 2)


async def test_a_plugin_switched_off_meanwhile_is_not_asked(thinking: Core) -> None:
    await propose(thinking, 3)
    ORACLE.answer = lambda c: Pending(again_in=60)
    await run.advance(thinking, "alpha")
    await sql(thinking, "UPDATE tenancy_plugin SET enabled = false WHERE plugin = 'oracle'")
    asked = len(ORACLE.asked)
    await again(thinking)
    for _ in range(2):
        await run.advance(thinking, "alpha")
        await again(thinking)
    await once_each(thinking, 6)
    assert len(ORACLE.asked) == asked


async def test_campaigns_of_a_day_go_by_priority_and_know_of_one_another(thinking: Core) -> None:
    await propose(thinking, 2)
    await run.advance(thinking, "alpha")
    by_type = {"first": [], "second": []}  # type: ignore[var-annotated]
    for story in await records(thinking):
        by_type[story.record.campaign_type].append(story.record)
    for record in by_type["first"]:
        assert (record.features["other_types"], record.features["planned_type"]) == ("second", "")
    for record in by_type["second"]:
        assert (record.features["other_types"], record.features["planned_type"]) == ("", "first")
    assert max(r.id for r in by_type["first"]) < min(r.id for r in by_type["second"])


async def test_answers_that_could_not_be_stored_are_cleaned(thinking: Core) -> None:
    await propose(thinking, 1)
    ORACLE.answer = lambda c: advice(c, "friendly\0", shared=-1, fallback="a\0b")
    await run.advance(thinking, "alpha")
    await once_each(thinking, 2)
    assert (
        await sql(thinking, "SELECT min(answer || fallback) FROM pipeline_advice") == "friendlyab"
    )


async def customers(core: Core) -> list[int]:
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT id FROM profiles_customer ORDER BY id")
    return [row["id"] for row in rows]
