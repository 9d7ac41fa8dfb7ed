"""From an audience to messages in the outbox, with the law holding at every step."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.pipeline import approvals, campaigns, messages, run
from kernel.pipeline.guard import held_out
from kernel.testing.seed import add_customers, add_order

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def seed_new(core: Core, count: int, **fields: object) -> list[int]:
    async with core.tenant_scope("alpha") as ctx:
        return await add_customers(ctx, count, created_at=ctx.now - timedelta(days=2), **fields)


async def propose(core: Core) -> UUID:
    [campaign_id] = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    return campaign_id


async def law(core: Core, campaign_id: UUID) -> campaigns.Law:
    async with core.tenant_scope("alpha") as ctx:
        found = (await campaigns.get(ctx, campaign_id)).law
    assert found.holds
    return found


async def approve(core: Core, campaign_id: UUID) -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.approve(ctx, campaign_id)


async def test_a_campaign_waits_for_approval_and_then_everyone_is_accounted_for(core: Core) -> None:
    await seed_new(core, 30)
    await seed_new(core, 5, email_consent="unsubscribed")
    campaign_id = await propose(core)
    before = await law(core, campaign_id)
    assert (before.audience, before.waiting, before.suppressed, before.sent) == (35, 30, 5, 0)
    async with core.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM outbox_mail") == 0

    await approve(core, campaign_id)
    assert not await run.advance(core, "alpha")

    after = await law(core, campaign_id)
    assert (after.sent, after.waiting, after.suppressed) == (30, 0, 5)
    async with core.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, campaign_id)).status == "finished"
        assert await ctx.db.fetchval("SELECT count(DISTINCT message_id) FROM outbox_mail") == 30
        assert await ctx.db.fetchval("SELECT count(*) FROM outbox_mail") == 30
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_decision") == 35


async def test_proposing_twice_a_day_changes_nothing(core: Core, clock: TurnedClock) -> None:
    await seed_new(core, 3)
    await propose(core)
    assert await run.propose_due(core, "alpha") == []
    clock.turn(days=1)
    assert await run.propose_due(core, "alpha") == []  # the same customers are not asked again


async def test_consent_withdrawn_after_approval_stops_the_message(core: Core) -> None:
    ids = await seed_new(core, 3)
    campaign_id = await propose(core)
    await approve(core, campaign_id)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE profiles_customer SET email_consent = 'unsubscribed' WHERE id = $1", ids[0]
        )
    await run.advance(core, "alpha")
    after = await law(core, campaign_id)
    assert (after.sent, after.suppressed) == (2, 1)
    async with core.tenant_scope("alpha") as ctx:
        [message] = await messages.page(ctx, campaign_id, ["suppressed"])
        assert message.customer_id == ids[0]


async def test_quiet_hours_defer_and_do_not_drop(core: Core, clock: TurnedClock) -> None:
    await seed_new(core, 4)
    campaign_id = await propose(core)
    clock.turn(hours=11)  # 23:00 in Berlin
    await approve(core, campaign_id)
    await run.advance(core, "alpha")
    night = await law(core, campaign_id)
    assert (night.deferred, night.sent) == (4, 0)
    async with core.system_scope("test") as unit:
        assert await run.tenants_with_work(unit, clock.now()) == []
    clock.turn(hours=10)
    async with core.system_scope("test") as unit:
        assert await run.tenants_with_work(unit, clock.now()) == ["alpha"]
    await run.advance(core, "alpha")
    assert (await law(core, campaign_id)).sent == 4


async def test_hold_outs_are_never_written_to(core: Core) -> None:
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE tenancy_tenant SET holdout_percent = 50")
    await seed_new(core, 60)
    campaign_id = await propose(core)
    await approve(core, campaign_id)
    await run.advance(core, "alpha")
    found = await law(core, campaign_id)
    assert 10 < found.held_out < 50
    assert found.sent == 60 - found.held_out


def test_the_holdout_is_stable_and_only_grows_with_its_share() -> None:
    """The same people for ever, in every campaign: what stood in the group at 5 % stands in it at 10 %."""
    people = range(1, 20_001)
    five = {customer for customer in people if held_out("alpha", customer, 5)}
    ten = {customer for customer in people if held_out("alpha", customer, 10)}
    assert five < ten and 900 < len(five) < 1100 and 1850 < len(ten) < 2150
    assert five == {customer for customer in people if held_out("alpha", customer, 5)}
    # These stood in it when it was first measured. Another hash would end every measurement.
    assert sorted(five)[:5] == [5, 71, 116, 164, 186]
    other = {customer for customer in people if held_out("bravo", customer, 5)}
    assert 30 < len(five & other) < 80  # another shop has another group
    assert not any(held_out("alpha", customer, 0) for customer in people)


async def test_switches_stop_the_claim_and_nothing_is_lost(core: Core) -> None:
    await seed_new(core, 3)
    campaign_id = await propose(core)
    await approve(core, campaign_id)
    for halt, resume in (
        (
            "UPDATE tenancy_switch SET halted_at = now()",
            "UPDATE tenancy_switch SET halted_at = NULL",
        ),
        (
            "UPDATE tenancy_tenant SET halted_at = now() WHERE tenant_id = 'alpha'",
            "UPDATE tenancy_tenant SET halted_at = NULL",
        ),
    ):
        async with core.system_scope("test") as unit:
            await unit.execute(halt)
        await run.advance(core, "alpha")
        assert (await law(core, campaign_id)).waiting == 3
        async with core.system_scope("test") as unit:
            await unit.execute(resume)
    await run.advance(core, "alpha")
    assert (await law(core, campaign_id)).sent == 3


async def test_a_campaign_nobody_approves_expires(core: Core, clock: TurnedClock) -> None:
    await seed_new(core, 3)
    campaign_id = await propose(core)
    clock.turn(days=30)
    await run.advance(core, "alpha")
    async with core.tenant_scope("alpha") as ctx:
        view = await campaigns.get(ctx, campaign_id)
    assert view.status == "cancelled"
    assert view.law.skipped == 3
    assert view.law.holds


async def test_winback_of_an_overdue_customer(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [customer] = await add_customers(ctx)
        for days in (300, 270, 240):
            await add_order(ctx, customer, ctx.now - timedelta(days=days))
        await ctx.db.execute(
            """INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
               VALUES ('alpha', $1, 'winback.due_at', to_jsonb($2::timestamptz), 'winback', '1', $2)""",
            customer,
            ctx.now - timedelta(days=10),
        )
    campaign_id = await propose(core)
    async with core.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, campaign_id)).campaign_type == "winback"
