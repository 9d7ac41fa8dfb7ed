"""The conservation law over random histories: whatever happens, everyone is somewhere, once."""

from __future__ import annotations

import contextlib
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.contracts.delivery import Outcome
from kernel.contracts.errors import Conflict
from kernel.pipeline import approvals, campaigns, outcomes, run
from kernel.testing import database
from kernel.testing.clock import START
from kernel.testing.seed import add_customers, add_tenant
from tests.kernel.pipeline.provider import BEHAVIOURS

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider

STEPS = st.one_of(
    st.tuples(st.just("behave"), st.sampled_from(BEHAVIOURS)),
    st.tuples(st.just("knows"), st.booleans()),
    st.tuples(st.just("turn"), st.sampled_from([0.1, 5, 26, 200])),
    st.tuples(st.just("unsubscribe"), st.integers(0, 11)),
    st.tuples(st.just("exclude"), st.integers(0, 11)),
    st.tuples(st.just("ordered"), st.integers(0, 11)),
    st.tuples(st.just("bounce"), st.integers(0, 11)),
    st.tuples(
        st.sampled_from(
            ["approve", "pause", "resume", "cancel", "reject", "advance", "advance", "die", "look"]
        ),
        st.none(),
    ),
)


class World:
    """One campaign of twelve customers, and everything that can befall it."""

    def __init__(self, shop: Core, provider: Provider, clock: TurnedClock) -> None:
        self.shop, self.provider, self.clock = shop, provider, clock

    async def begin(self) -> None:
        self.clock.at = START
        await database.empty(self.shop.pool)
        await add_tenant(self.shop, "alpha", ["provider", "rules", "welcome"])
        self.provider.__init__()  # type: ignore[misc]
        async with self.shop.tenant_scope("alpha") as ctx:
            self.customers = await add_customers(ctx, 10, created_at=ctx.now - timedelta(days=2))
            self.customers += await add_customers(
                ctx, 2, created_at=ctx.now - timedelta(days=2), email=None
            )
        [self.campaign] = await run.propose_due(self.shop, "alpha")

    async def do(self, step: str, value: Any) -> None:
        async with self.shop.tenant_scope("alpha") as ctx:
            campaign: UUID = self.campaign
            if step == "behave":
                self.provider.behaviour = value
            elif step == "knows":
                self.provider.knows = value
            elif step == "turn":
                self.clock.turn(hours=value)
            elif step == "approve":
                await approvals.approve(ctx, campaign)
            elif step == "pause":
                await approvals.pause(ctx, campaign)
            elif step == "resume":
                await approvals.resume(ctx, campaign)
            elif step == "cancel":
                await approvals.cancel(ctx, campaign)
            elif step == "reject":
                await approvals.reject(ctx, campaign, "no")
            elif step == "exclude":
                await approvals.exclude(ctx, campaign, [self.customers[value]])
            elif step == "ordered":
                await outcomes.cancel_planned(ctx, [self.customers[value]], "ordered")
            elif step == "unsubscribe":
                await ctx.db.execute(
                    "UPDATE profiles_customer SET email_consent = 'unsubscribed' WHERE id = $1",
                    self.customers[value],
                )
            elif step == "bounce" and self.provider.accepted:
                message = self.provider.accepted[value % len(self.provider.accepted)]
                at = self.clock.now()
                bounce = Outcome(message_id=message, customer_id=1, kind="bounced", at=at)
                await outcomes.record(ctx, [bounce])
            elif step == "look":
                await ctx.db.execute(
                    "UPDATE pipeline_message SET lease_until = now() WHERE lease_until IS NOT NULL"
                )
            elif step == "die":  # a worker committed its attempts and was killed
                await ctx.db.execute(
                    """UPDATE pipeline_message m SET state = 'attempting', lease_until = now()
                       FROM pipeline_campaign c WHERE c.id = m.campaign_id
                         AND c.status = 'sending' AND m.state = 'planned' AND m.customer_id % 3 = 0"""
                )
        if step == "advance":
            await run.advance(self.shop, "alpha")

    async def check(self) -> None:
        async with self.shop.tenant_scope("alpha") as ctx:
            view = await campaigns.get(ctx, self.campaign)
            rows = await ctx.db.fetchval("SELECT count(*) FROM pipeline_message")
        law = view.law
        assert law.holds, law
        assert law.audience == rows == 12
        assert all(times == 1 for times in Counter(self.provider.accepted).values())
        open_ones = law.waiting + law.deferred + law.unknown
        if view.status == "finished":
            assert open_ones == 0
        # What the provider took is counted as sent, or is not known yet: never as anything else.
        assert len(self.provider.accepted) <= law.sent + law.unknown + law.waiting


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(STEPS, min_size=4, max_size=24))
async def test_everyone_is_somewhere_once(
    shop: Core, provider: Provider, clock: TurnedClock, history: list[tuple[str, Any]]
) -> None:
    world = World(shop, provider, clock)
    await world.begin()
    await world.do("advance", None)
    await world.check()
    await world.do("approve", None)
    for step, value in history:
        with contextlib.suppress(Conflict):  # not in a state for it: refused, nothing changed
            await world.do(step, value)
        await world.check()
