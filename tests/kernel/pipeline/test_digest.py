"""The daily digest, and what a campaign may bring."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.errors import NotFound
from kernel.jobs.kernel_jobs import KERNEL_JOBS, regular_jobs
from kernel.pipeline import autonomy, digest, effect
from kernel.testing.seed import add_customers, add_order
from tests.kernel.pipeline.trust import NOBODY, earn, new_campaign, sent

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def test_a_digest_a_day_where_something_is_not_manual(core: Core, clock: TurnedClock) -> None:
    await earn(core)
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        assert await digest.make(ctx) is None  # manual: nothing to tell
        await autonomy.set_level(ctx, "", "one_click")
        made = await digest.make(ctx)
        assert made is not None and made.ready == (campaign_id,)
        assert await digest.make(ctx) is None  # twice is once
        [kept] = await digest.latest(ctx)
        assert kept.digest == made and kept.day.isoformat() == "2026-06-15"
        event = await ctx.db.fetchval(
            "SELECT payload->>'ready' FROM events_event WHERE type = 'autonomy.digest'"
        )
        assert event == "1"
        await autonomy.set_level(ctx, "", "automatic")
    clock.turn(days=1)
    gone = await new_campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        made = await digest.make(ctx)
        assert made is not None and made.approved == (gone,)
        assert len(await digest.latest(ctx)) == 2
    async with core.tenant_scope("bravo") as ctx:
        assert await digest.make(ctx) is None and await digest.latest(ctx) == []


async def test_the_jobs_run_where_a_campaign_type_is_enabled(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        names = {"kernel.autonomy", "kernel.digest"}
        assert names <= regular_jobs(core.board, ctx.enabled).keys()
        assert not names & regular_jobs(core.board, frozenset({"compliance"})).keys()
        for name in names:
            await KERNEL_JOBS[name].value.run(ctx, {})


async def test_an_effect_is_unknown_until_there_is_a_holdout(core: Core) -> None:
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        found = await effect.expected(ctx, campaign_id)
        assert not found.known and found.said.startswith("Unknown yet") and found.sends == 4
        with pytest.raises(NotFound):
            await effect.expected(ctx, await ctx.db.fetchval("SELECT gen_random_uuid()"))


async def test_an_effect_is_what_the_type_did_against_the_holdout(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        people = await add_customers(ctx, 300)
    earlier = await sent(core, 300, days=20)
    await sent(core, 300, days=20, campaign_type="winback")
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """UPDATE pipeline_message SET customer_id = customer_id + $1,
                 state = CASE WHEN customer_id <= $3 THEN 'held_out' ELSE state END
               WHERE campaign_id = $2""",
            people[0] - 1 - NOBODY,
            earlier,
            NOBODY + 60,
        )
        at = ctx.now - timedelta(days=18)
        for customer in people[60:84]:  # 24 of 240 written to
            await add_order(ctx, customer, at)
        for customer in people[:3]:  # 3 of 60 held out
            await add_order(ctx, customer, at)
        for customer in people[100:150]:  # before, and long after
            await add_order(ctx, customer, ctx.now - timedelta(days=21))
            await add_order(ctx, customer, ctx.now - timedelta(days=12))
    campaign_id = await new_campaign(core, 40)
    async with core.tenant_scope("alpha") as ctx:
        found = await effect.expected(ctx, campaign_id)
    assert found.known and (found.written, found.held_out) == (240, 60)
    assert (found.rate, found.base) == (0.1, 0.05)
    assert found.orders == pytest.approx(found.sends * 0.05)
    assert found.low < found.orders < found.high


@given(st.integers(200, 9999), st.integers(50, 999), st.floats(0, 1), st.floats(0, 1))
def test_an_interval_holds_its_expectation(n: int, m: int, share: float, base: float) -> None:
    found = effect.effect(1000, (round(n * share), n), (round(m * base), m))
    assert (
        -1000.001 <= found.low <= found.orders + 1e-6
        and found.orders - 1e-6 <= found.high <= 1000.001
    )
