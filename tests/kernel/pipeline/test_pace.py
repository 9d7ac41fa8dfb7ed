"""No hour has more than the hour's number, whoever claims, and a new domain warms up."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.tenancy import Sending, Tenant
from kernel.pipeline import pace, run
from kernel.pipeline.pace import Bucket
from kernel.testing.clock import START
from kernel.testing.seed import a_tenant, add_tenant
from tests.kernel.pipeline.sending import approve, approved, decided, due, sending, sent, work

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider


def tenant(**fields: object) -> Tenant:
    return a_tenant(sending=Sending(**fields))  # type: ignore[arg-type]


@given(
    rate=st.integers(1, 100_000),
    claims=st.lists(
        st.tuples(st.floats(0, 2000, allow_nan=False), st.integers(1, 500)), max_size=60
    ),
)
def test_no_hour_has_more_than_its_number(rate: int, claims: list[tuple[float, int]]) -> None:
    now, bucket = START, Bucket(rate=rate, free_at=START)
    gone: list[tuple[datetime, int]] = []
    for seconds, wish in claims:
        now += timedelta(seconds=seconds)
        count = min(wish, bucket.room(now))
        if count:
            bucket = bucket.filled(now, count)
            gone.append((now, count))
        if not bucket.room(now):
            assert bucket.open_at() > now
            assert Bucket(rate=rate, free_at=bucket.free_at).room(bucket.open_at()) >= 1
    for start, _ in gone:
        end = start + timedelta(hours=1)
        assert sum(count for at, count in gone if start <= at < end) <= rate


@pytest.mark.parametrize("rate", [1, 2, 20, 55, 1000, 54_321])
def test_who_always_asks_gets_nearly_all_of_it(rate: int) -> None:
    now, bucket, count = START, Bucket(rate=rate, free_at=START), 0
    while now < START + timedelta(hours=10):
        if room := bucket.room(now):
            bucket, count = bucket.filled(now, room), count + room
        now = max(now + timedelta(microseconds=1), bucket.open_at())
    assert 0.97 * 10 * rate - 1 <= count <= 10 * rate


def test_a_new_domain_sends_more_each_day_until_it_is_warm() -> None:
    shop = tenant(warmup_from="2026-06-15")
    days = [pace.rate(shop, START + timedelta(days=day)) for day in range(12)]
    assert days == [20, 28, 39, 55, 77, 108, 151, 211, 295, 413, 579, 810]
    assert pace.rate(shop, START + timedelta(days=29)) > 300_000
    assert pace.rate(shop, START + timedelta(days=30)) == 0
    assert pace.rate(shop, START - timedelta(days=3)) == 20


def test_the_day_is_the_shops_and_the_lower_number_counts() -> None:
    shop = tenant(warmup_from="2026-06-15", rate_per_hour=25)
    assert pace.rate(shop, datetime(2026, 6, 15, 21, 59, tzinfo=UTC)) == 20
    assert pace.rate(shop, datetime(2026, 6, 15, 22, 1, tzinfo=UTC)) == 25  # 28 by the warm-up
    assert pace.rate(tenant(), START) == 0


async def test_what_is_over_stays_planned_and_goes_later(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, rate_per_hour=60)
    campaign_id = await approved(shop, 100)
    await work(shop)
    first = await sent(shop, campaign_id)
    assert 1 <= first <= 2
    assert await due(shop, clock) == []
    hours = 0
    while await sent(shop, campaign_id) < 100:
        before = len(provider.accepted)
        for _ in range(60):
            clock.turn(minutes=1)
            await work(shop)
        hours += 1
        assert len(provider.accepted) - before <= 60
    assert hours == 2
    assert len(set(provider.accepted)) == len(provider.accepted) == 100


async def test_workers_that_claim_at_once_keep_the_pace_together(
    shop: Core, provider: Provider
) -> None:
    await sending(shop, rate_per_hour=600)
    one = await decided(shop, 100)
    await approve(shop, one)
    await asyncio.gather(*(run.advance(shop, "alpha") for _ in range(4)))
    assert await sent(shop, one) == Bucket(rate=600, free_at=START).room(START)


async def test_the_other_tenants_pace_is_their_own(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, rate_per_hour=1)
    await add_tenant(shop, "charlie", ("provider", "welcome", "rules"))
    ours = await approved(shop, 10)
    theirs = await approved(shop, 10, "charlie")
    await work(shop)
    await work(shop, "charlie")
    assert (await sent(shop, ours), await sent(shop, theirs, "charlie")) == (1, 10)


async def test_a_clock_set_back_does_not_stop_a_tenant_for_days(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, rate_per_hour=60)
    campaign_id = await approved(shop, 10)
    async with shop.system_scope("test") as unit:
        await unit.execute(
            "INSERT INTO pipeline_pace VALUES ('alpha', 'tenant', $1, $1)",
            START + timedelta(days=90),
        )
    assert await due(shop, clock) == ["alpha"]
    await work(shop)
    clock.turn(minutes=3)
    await work(shop)
    assert await sent(shop, campaign_id) >= 1
