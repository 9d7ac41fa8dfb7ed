"""A big campaign goes out a little at a time, and stops when it goes wrong."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.tenancy import Sending
from kernel.pipeline import approvals, breaker, run, waves
from kernel.pipeline.breaker import Tally
from tests.kernel.pipeline.sending import approved, due, sending, sent, tell, view, work

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider


@given(st.integers(1, 3_000_000))
def test_the_waves_of_a_campaign_are_all_of_it(messages: int) -> None:
    one, two, rest = (waves.size(wave, messages) for wave in (1, 2, 3))
    assert one is not None and two is not None and rest is None
    assert 100 * (one - 1) < messages <= 100 * one
    assert 10 * (one + two - 1) < messages <= 10 * (one + two)
    assert one + two <= messages


async def test_one_percent_then_ten_then_all(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, ramp_from=200, wave_minutes=30)
    campaign_id = await approved(shop, 250)
    await work(shop)
    assert await sent(shop, campaign_id) == 3  # a hundredth, rounded up
    assert await due(shop, clock) == []
    clock.turn(minutes=29)
    await work(shop)
    assert await sent(shop, campaign_id) == 3
    clock.turn(minutes=1)
    assert await due(shop, clock) == ["alpha"]
    await work(shop)
    assert await sent(shop, campaign_id) == 25
    assert await due(shop, clock) == []
    clock.turn(minutes=30)
    await work(shop)
    found = await view(shop, campaign_id)
    assert (found.law.sent, found.status) == (250, "finished")
    assert len(provider.accepted) == len(set(provider.accepted)) == 250


async def test_a_small_campaign_goes_at_once(shop: Core, provider: Provider) -> None:
    await sending(shop, ramp_from=200)
    campaign_id = await approved(shop, 199)
    await work(shop)
    assert await sent(shop, campaign_id) == 199


async def test_workers_that_claim_at_once_take_no_more_than_the_wave(
    shop: Core, provider: Provider
) -> None:
    await sending(shop, ramp_from=1)
    campaign_id = await approved(shop, 300)
    await asyncio.gather(*(run.advance(shop, "alpha") for _ in range(4)))
    assert await sent(shop, campaign_id) == 3


async def test_what_was_not_taken_is_given_back_to_the_wave(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, ramp_from=1)
    campaign_id = await approved(shop, 300)
    provider.behaviour = "retry"
    await work(shop)
    provider.behaviour = "accept"
    clock.turn(minutes=6)
    await work(shop)
    assert await sent(shop, campaign_id) == 3
    clock.turn(minutes=30)
    await work(shop)
    assert await sent(shop, campaign_id) == 30


async def test_bounces_stop_it_and_a_person_lets_it_go_on_in_the_same_wave(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, ramp_from=1)
    campaign_id = await approved(shop, 1000)
    await work(shop)
    await tell(shop, provider.accepted[:2], "bounced", hard=1)
    await tell(shop, provider.accepted[2:6], "bounced", hard=0)  # a full mailbox is no bad address
    clock.turn(minutes=30)
    await work(shop)
    assert await sent(shop, campaign_id) == 100  # two do not stop anything
    await tell(shop, provider.accepted[10:13], "bounced", hard=1)
    clock.turn(minutes=30)
    await work(shop)
    found = await view(shop, campaign_id)
    assert (found.status, found.law.sent) == ("paused", 100)
    assert found.reason.startswith(
        "Stopped by itself: 5 of 100 mails (5 %) came back because the address does not exist; "
        "a campaign stops at 5 %."
    )
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        (act, *_) = await approvals.history(ctx, campaign_id)
        assert (act.actor, act.action) == ("breaker", "pause")
        await approvals.resume(ctx, campaign_id)
    await work(shop)  # what had happened before does not stop it again
    assert await sent(shop, campaign_id) == 1000


async def test_complaints_stop_it_in_the_middle_of_a_wave(shop: Core, provider: Provider) -> None:
    campaign_id = await approved(shop, 1200)
    await sending(shop)
    slices = 0
    while await run.advance(shop, "alpha", 0.0) and slices < 10:
        slices += 1
        if slices == 1:
            await tell(shop, provider.accepted[:3], "complained")
    found = await view(shop, campaign_id)
    assert found.status == "paused" and 500 <= found.law.sent < 1200
    assert "reported as spam" in found.reason


async def test_another_tenants_bounces_stop_nobody_else(shop: Core, provider: Provider) -> None:
    await sending(shop, ramp_from=1)
    campaign_id = await approved(shop, 300)
    await work(shop)
    await tell(shop, provider.accepted, "complained", tenant="bravo")
    await work(shop)
    assert (await view(shop, campaign_id)).status == "sending"
    async with shop.tenant_scope("bravo") as ctx:
        assert (await breaker.tally(ctx, campaign_id)) == Tally(accepted=0, bounces=0, complaints=0)


@pytest.mark.parametrize(
    ("accepted", "bounces", "complaints", "stops"),
    [
        (10, 0, 1, False),
        (10, 1, 0, False),
        (10, 2, 2, False),
        (10, 0, 3, True),
        (1200, 0, 3, True),
        (1201, 0, 3, False),
        (60, 3, 0, True),
        (61, 3, 0, False),
        (10_000, 500, 0, True),
        (10_000, 499, 24, False),
    ],
)
def test_the_rule_of_the_breaker(accepted: int, bounces: int, complaints: int, stops: bool) -> None:
    since = Tally(accepted=accepted, bounces=bounces, complaints=complaints)
    assert bool(breaker.sentence(Sending(), since)) is stops
