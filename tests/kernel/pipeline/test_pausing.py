"""Pause, resume, halt, retry, and an unknown that nobody hears of: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.pipeline import approvals, dispatch, ledger, run
from kernel.pipeline.statistics import sender_statistics
from kernel.tenancy import audit
from kernel.tenancy.switches import resume_tenant
from kernel.testing.clock import START
from kernel.testing.seed import add_customers
from tests.kernel.pipeline.sending import approved, due, sent, tell, view, work
from tests.kernel.pipeline.test_dispatch import look_again

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider


async def act(core: Core, name: str, campaign_id: UUID) -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await getattr(approvals, name)(ctx, campaign_id)


async def rows(
    core: Core, columns: str = "state, reason, attempts, due_at"
) -> list[tuple[object, ...]]:
    async with core.system_scope("test") as unit:
        found = await unit.fetch(f"SELECT {columns} FROM pipeline_message ORDER BY customer_id")
    return [tuple(row) for row in found]


async def test_pausing_in_the_middle_loses_and_doubles_nobody(
    shop: Core, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "BATCH", 7)
    campaign_id = await approved(shop, 150)
    workers = [asyncio.create_task(run.advance(shop, "alpha")) for _ in range(3)]
    for _ in range(4):
        while not provider.accepted and not all(one.done() for one in workers):
            await asyncio.sleep(0.001)
        await act(shop, "pause", campaign_id)
        await asyncio.gather(*workers)
        out = len(provider.accepted)
        found = await view(shop, campaign_id)
        assert (found.law.sent, found.law.waiting) == (out, 150 - out)
        await run.advance(shop, "alpha")
        assert len(provider.accepted) == out  # nothing goes out of a paused campaign
        await act(shop, "resume", campaign_id)
        workers = [asyncio.create_task(run.advance(shop, "alpha", 0.0)) for _ in range(3)]
    await asyncio.gather(*workers)
    await work(shop)
    assert await sent(shop, campaign_id) == 150
    assert len(provider.accepted) == len(set(provider.accepted)) == 150


async def test_a_pause_in_the_middle_of_a_batch_lets_the_batch_end(
    shop: Core, provider: Provider
) -> None:
    campaign_id = await approved(shop, 20)
    provider.hold = asyncio.Event()
    working = asyncio.create_task(run.advance(shop, "alpha"))
    while not provider.at_once:
        await asyncio.sleep(0.001)
    await act(shop, "pause", campaign_id)  # does not wait for the provider
    provider.hold.set()
    await working
    found = await view(shop, campaign_id)
    assert (found.status, found.law.sent, found.law.unknown) == ("paused", 20, 0)


async def test_the_next_batches_are_made_while_one_is_under_way(
    shop: Core, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "BATCH", 5)
    campaign_id = await approved(shop, 60)
    provider.hold = asyncio.Event()
    working = asyncio.create_task(run.advance(shop, "alpha"))
    while provider.at_once < dispatch.AT_ONCE:
        await asyncio.sleep(0.001)
    states = [state for (state,) in await rows(shop, "state")]
    assert states.count("attempting") == 5 * dispatch.AT_ONCE  # no more leases than batches
    provider.hold.set()
    await working
    await work(shop)
    assert provider.most_at_once == dispatch.AT_ONCE
    assert await sent(shop, campaign_id) == len(set(provider.accepted)) == 60


async def test_a_worker_broken_off_leaves_attempts_that_become_unknown(
    shop: Core, provider: Provider
) -> None:
    campaign_id = await approved(shop, 20)
    provider.hold, provider.knows = asyncio.Event(), False
    working = asyncio.create_task(run.advance(shop, "alpha"))
    while not provider.at_once:
        await asyncio.sleep(0.001)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert provider.at_once == 0 and provider.accepted == []
    provider.hold = None
    await look_again(shop)
    await work(shop)
    assert (await view(shop, campaign_id)).law.unknown == 20


async def test_a_channel_that_is_refused_stops_the_tenant(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    campaign_id = await approved(shop, 5)
    provider.halt = "SendGrid does not accept the key."
    await work(shop)
    assert (await view(shop, campaign_id)).law.failed == 5
    async with shop.tenant_scope("alpha") as ctx:
        assert (ctx.tenant.halted_at, ctx.tenant.halted_reason) == (START, provider.halt)
        [entry] = (await audit.page(ctx)).rows[:1]
        assert (entry["actor"], entry["action"]) == ("channel", "tenant.halted")
    async with shop.tenant_scope("bravo") as ctx:
        assert ctx.tenant.halted_at is None
    provider.halt = ""
    clock.turn(days=1)
    campaign_id = await approved(shop, 5)
    await work(shop)
    assert await sent(shop, campaign_id) == 0 and await due(shop, clock) == []
    async with shop.tenant_scope("alpha") as ctx:
        await resume_tenant(ctx)
    await work(shop)
    assert await sent(shop, campaign_id) == 5


async def test_the_provider_says_when_to_ask_again(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await approved(shop, 2)
    provider.behaviour, provider.retry_at = "retry", START + timedelta(hours=2)
    await work(shop)
    assert await rows(shop) == [("planned", "slow down", 1, START + timedelta(hours=2))] * 2
    provider.behaviour = "accept"
    clock.turn(minutes=119)
    assert await due(shop, clock) == []
    clock.turn(minutes=1)
    await work(shop)
    assert len(provider.accepted) == 2


async def test_attempts_wait_longer_each_time_and_end(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    campaign_id = await approved(shop, 1)
    provider.behaviour = "retry"
    waits = []
    while True:
        await work(shop)
        [(state, reason, attempts, due_at)] = await rows(shop)
        if state != "planned":
            break
        waits.append(round((due_at - clock.now()).total_seconds() / 60))  # type: ignore[operator]
        clock.at = due_at  # type: ignore[assignment]
    assert waits == [5, 10, 20, 40, 80, 160] + [240] * 13
    assert (state, reason, attempts) == (
        "rejected",
        f"Not taken in {ledger.ATTEMPTS} attempts: slow down",
        20,
    )
    assert (await view(shop, campaign_id)).law.failed == 1


async def test_without_a_sign_for_days_it_counts_as_not_sent_until_one_comes(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    campaign_id = await approved(shop, 4)
    provider.behaviour, provider.knows = "lose", False
    await work(shop)
    clock.turn(hours=71, minutes=59)
    await look_again(shop)
    await work(shop)
    assert (await view(shop, campaign_id)).law.unknown == 4
    clock.turn(minutes=1)
    await look_again(shop)
    await work(shop)
    found = await view(shop, campaign_id)
    assert (found.law.failed, found.status) == (4, "finished")
    reason = "No sign of it for 72 hours: taken as not sent."
    assert [row[:2] for row in await rows(shop)] == [("rejected", reason)] * 4
    ids = [key for (key,) in await rows(shop, "id")]
    await tell(shop, ids[:1], "delivered")
    await tell(shop, ids[1:2], "bounced", hard=1)
    await tell(shop, ids[2:3], "complained")
    assert [row[:2] for row in await rows(shop)] == [
        ("delivered", ""), ("bounced", ""), ("accepted", ""), ("rejected", reason),
    ]  # fmt: skip
    assert (await view(shop, campaign_id)).law.sent == 3
    assert len(provider.accepted) == 4  # and nothing was sent again


async def test_what_was_to_be_tried_again_and_was_taken_after_all_is_not(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    campaign_id = await approved(shop, 2)
    provider.behaviour = "retry"
    await work(shop)
    [(first,), _] = await rows(shop, "id")
    await tell(shop, [first], "delivered")  # type: ignore[list-item]
    provider.behaviour = "accept"
    clock.turn(hours=1)
    await work(shop)
    assert first not in provider.accepted and len(provider.accepted) == 1
    assert await sent(shop, campaign_id) == 2


async def test_the_sender_statistics_count_by_mailbox_and_day(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    created = START - timedelta(days=2)
    async with shop.tenant_scope("alpha") as ctx:
        for email in ("a@gmail.com", "b@gmail.com", "c@yahoo.de"):
            await add_customers(ctx, 1, email=email, created_at=created)
    await approved(shop, 1, email="d@shop.example")
    await work(shop)
    found = dict(await rows(shop, "mailbox, id"))
    async with shop.system_scope("test") as unit:
        gmail = await unit.fetch("SELECT id FROM pipeline_message WHERE mailbox = 'gmail'")
    ids: list[UUID] = [row["id"] for row in gmail]
    await tell(shop, ids, "delivered")
    await tell(shop, ids[:1], "complained")
    await tell(shop, [found["yahoo"]], "bounced", hard=1)  # type: ignore[list-item]
    await tell(shop, [found["yahoo"]], "complained")  # type: ignore[list-item]
    await tell(shop, [found["other"]], "bounced", hard=0)  # type: ignore[list-item]
    async with shop.tenant_scope("alpha") as ctx:
        days = await sender_statistics(ctx, START - timedelta(days=1))
        assert await sender_statistics(ctx, START + timedelta(hours=1)) == []
    assert [
        (one.mailbox, one.day, one.accepted, one.delivered, one.bounces, one.complaints)
        for one in days
    ] == [
        ("gmail", START.date(), 2, 2, 0, 1),
        ("other", START.date(), 1, 0, 0, 0),
        ("yahoo", START.date(), 1, 0, 1, 1),
    ]
    async with shop.tenant_scope("bravo") as ctx:
        assert await sender_statistics(ctx, START - timedelta(days=1)) == []
