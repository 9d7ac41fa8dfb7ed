"""Undo: within the minute, to the message, and never against what is already under way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.contracts.errors import Conflict, NotFound
from kernel.pipeline import approvals, begin, campaigns, ledger, run, undoing
from kernel.tenancy.switches import set_clock
from tests.kernel.pipeline.trust import new_campaign, states, status

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider


async def approve(core: Core, campaign_id: UUID, undo: timedelta = undoing.WITHIN) -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.approve(ctx, campaign_id, undo=undo)


async def undo(core: Core, campaign_id: UUID) -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await undoing.undo(ctx, campaign_id)


async def reject(core: Core, campaign_id: UUID) -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.reject(ctx, campaign_id, "no")


async def work(core: Core, clock: TurnedClock) -> list[str]:
    async with core.system_scope("test") as unit:
        return await run.tenants_with_work(unit, clock.now())


async def test_nothing_goes_out_within_the_minute_and_then_it_does(
    shop: Core, clock: TurnedClock, provider: Provider
) -> None:
    campaign_id = await new_campaign(shop)
    await approve(shop, campaign_id)
    assert await work(shop, clock) == []
    await run.advance(shop, "alpha")
    clock.turn(seconds=59)
    await run.advance(shop, "alpha")
    assert provider.accepted == [] and set(await states(shop, campaign_id)) == {"planned"}
    clock.turn(seconds=1)
    assert await work(shop, clock) == ["alpha"]
    await run.advance(shop, "alpha")
    assert len(provider.accepted) == 4


async def test_the_minute_passes_where_the_tenants_clock_stands_still(
    shop: Core, clock: TurnedClock, provider: Provider
) -> None:
    campaign_id = await new_campaign(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await set_clock(ctx, clock.now())
    await approve(shop, campaign_id)
    await run.advance(shop, "alpha")
    assert provider.accepted == []
    clock.turn(seconds=30)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        (act,) = await undoing.lately(ctx)
    assert act.left == 30
    clock.turn(seconds=30)
    assert await work(shop, clock) == ["alpha"]
    await run.advance(shop, "alpha")
    assert len(provider.accepted) == 4


async def test_without_undo_it_goes_at_once(shop: Core, provider: Provider) -> None:
    campaign_id = await new_campaign(shop)
    await approve(shop, campaign_id, timedelta(0))
    await run.advance(shop, "alpha")
    assert len(provider.accepted) == 4


async def test_an_approval_is_taken_back_and_can_be_given_again(
    shop: Core, clock: TurnedClock, provider: Provider
) -> None:
    campaign_id = await new_campaign(shop)
    async with shop.tenant_scope("alpha") as ctx:
        before = await campaigns.get(ctx, campaign_id)
    await approve(shop, campaign_id)
    clock.turn(seconds=30)
    await undo(shop, campaign_id)
    await undo(shop, campaign_id)  # twice is once
    async with shop.tenant_scope("alpha") as ctx:
        assert await campaigns.get(ctx, campaign_id) == before
        acts = [act.action for act in await approvals.history(ctx, campaign_id)]
    assert acts == ["undo", "approve"]
    clock.turn(hours=1)
    await run.advance(shop, "alpha")
    assert provider.accepted == []
    await approve(shop, campaign_id)
    clock.turn(minutes=1)
    await run.advance(shop, "alpha")
    assert len(provider.accepted) == 4


async def test_once_anything_was_attempted_it_is_too_late(
    shop: Core, clock: TurnedClock, provider: Provider
) -> None:
    campaign_id = await new_campaign(shop)
    await approve(shop, campaign_id)
    clock.turn(minutes=2)
    provider.behaviour = "retry"  # certainly not taken, and yet attempted
    await run.advance(shop, "alpha")
    assert (await status(shop, campaign_id))[0] == "sending"
    with pytest.raises(Conflict, match="too late"):
        await undo(shop, campaign_id)


async def test_a_rejection_gives_back_exactly_what_it_took(shop: Core, clock: TurnedClock) -> None:
    campaign_id = await new_campaign(shop, 5)
    async with shop.tenant_scope("alpha") as ctx:
        who = await ctx.db.fetch(
            "SELECT customer_id FROM pipeline_message WHERE campaign_id = $1 ORDER BY 1",
            campaign_id,
        )
        ids = [row["customer_id"] for row in who]
        await approvals.exclude(ctx, campaign_id, ids[:1])
        later = ctx.now + timedelta(days=1)
        await ctx.db.execute(
            "UPDATE pipeline_message SET due_at = $1, reason = 'later' WHERE customer_id = $2",
            later,
            ids[1],
        )
    sql = """SELECT customer_id, state, reason, due_at, variant FROM pipeline_message
             WHERE campaign_id = $1 ORDER BY 1"""
    async with shop.tenant_scope("alpha") as ctx:
        before = [dict(row) for row in await ctx.db.fetch(sql, campaign_id)]
    await reject(shop, campaign_id)
    assert await states(shop, campaign_id) == ["cancelled"] * 5
    async with shop.tenant_scope("alpha") as ctx:  # an erasure meanwhile
        await ctx.db.execute("DELETE FROM pipeline_message WHERE customer_id = $1", ids[4])
    await undo(shop, campaign_id)
    await undo(shop, campaign_id)
    async with shop.tenant_scope("alpha") as ctx:
        after = [dict(row) for row in await ctx.db.fetch(sql, campaign_id)]
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_undo") == 0
    assert after == before[:4]
    assert await status(shop, campaign_id) == ("waiting", "")


async def test_a_campaign_rejected_while_it_was_decided_is_decided_further(shop: Core) -> None:
    campaign_id = await new_campaign(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_campaign SET status = 'deciding'")
        await ctx.db.execute(
            "UPDATE pipeline_message SET state = 'candidate' WHERE customer_id % 2 = 0"
        )
    before = await states(shop, campaign_id)
    await reject(shop, campaign_id)
    await undo(shop, campaign_id)
    assert await states(shop, campaign_id) == before
    assert (await status(shop, campaign_id))[0] == "deciding"


async def test_a_rejection_stands_after_five_minutes(shop: Core, clock: TurnedClock) -> None:
    campaign_id = await new_campaign(shop)
    await reject(shop, campaign_id)
    clock.turn(minutes=5, seconds=1)
    with pytest.raises(Conflict, match="too late"):
        await undo(shop, campaign_id)
    async with shop.tenant_scope("alpha") as ctx:
        await undoing.tidy(ctx)
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_undo") == 0


async def test_what_cannot_be_undone_is_refused(shop: Core) -> None:
    campaign_id = await new_campaign(shop)
    with pytest.raises(Conflict, match="nothing to undo"):
        await undo(shop, campaign_id)
    async with shop.tenant_scope("alpha") as ctx:
        await approvals.cancel(ctx, campaign_id)
    with pytest.raises(Conflict, match="cancelled"):
        await undo(shop, campaign_id)
    async with shop.tenant_scope("bravo") as ctx:
        with pytest.raises(NotFound):
            await undoing.undo(ctx, campaign_id)


@pytest.mark.parametrize("turn", range(6))
async def test_undo_and_send_at_the_same_moment_one_comes_first(
    shop: Core, clock: TurnedClock, provider: Provider, turn: int
) -> None:
    """Either the campaign waits and nothing of it was handed over, or it is sent and undo was refused."""
    campaign_id = await new_campaign(shop, 30)
    await approve(shop, campaign_id)
    clock.turn(minutes=1)

    async def later() -> None:
        for _ in range(turn * 4):
            await asyncio.sleep(0)
        await undo(shop, campaign_id)

    sends = [run.advance(shop, "alpha") for _ in range(3)]
    answers = await asyncio.gather(later(), *sends, return_exceptions=True)
    state, _ = await status(shop, campaign_id)
    if answers[0] is None:
        assert state == "waiting" and provider.accepted == []
        assert set(await states(shop, campaign_id)) == {"planned"}
    else:
        assert isinstance(answers[0], Conflict)
        while state == "sending":
            await run.advance(shop, "alpha")
            state, _ = await status(shop, campaign_id)
        assert state == "finished" and len(provider.accepted) == len(set(provider.accepted)) == 30
    assert not [one for one in answers[1:] if isinstance(one, BaseException)]


async def test_undo_waits_for_a_claim_under_way_and_a_claim_for_an_undo(
    shop: Core, clock: TurnedClock, provider: Provider
) -> None:
    """The order is forced: the claim stands open in its transaction while undo is asked for."""
    campaign_id = await new_campaign(shop)
    await approve(shop, campaign_id)
    clock.turn(minutes=1)
    assert not await begin.begin(await shop.detached("alpha"), campaign_id)
    async with shop.tenant_scope("alpha") as ctx:
        assert await ledger.going(ctx, campaign_id)
        rows, _ = await ledger.claim(ctx, campaign_id, "planned", 0, 10)
        assert len(rows) == 4
        asked = asyncio.create_task(undo(shop, campaign_id))
        await _blocked(shop, asked)
        ids = [row["message_id"] for row in rows]
        await ctx.db.execute(ledger.ATTEMPT, "alpha", ids, ["other"] * 4, ctx.now, 180.0)
    with pytest.raises(Conflict, match="too late"):
        await asked

    other = await new_campaign_next_day(shop, clock)
    await approve(shop, other)
    clock.turn(minutes=1)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await undoing.undo(ctx, other)
        sending = asyncio.create_task(run.advance(shop, "alpha"))
        await _blocked(shop, sending)
    await sending
    assert (await status(shop, other))[0] == "waiting"
    assert set(await states(shop, other)) == {"planned"}


async def new_campaign_next_day(core: Core, clock: TurnedClock) -> UUID:
    clock.turn(days=1)
    return await new_campaign(core)


async def _blocked(core: Core, task: asyncio.Task[object]) -> None:
    """Returns once some transaction waits for a lock of another, or the task did not have to."""
    while not task.done():
        async with core.pool.unit_of_work(role=None) as unit:
            if await unit.fetchval(
                """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                     AND wait_event_type = 'Lock')"""
            ):
                return
        await asyncio.sleep(0.01)
