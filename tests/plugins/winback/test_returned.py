"""Who orders soon after a winback mail came back; and switched off means nothing goes out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from kernel.contracts.events import OrderPlaced
from kernel.pipeline import approvals, campaigns, run
from kernel.tenancy.switches import set_plugin
from kernel.testing.seed import add_customers, add_order
from plugins.winback.plugin import tenant_disabled
from plugins.winback.rhythm import ordered, recompute

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def campaign(core: Core) -> tuple[UUID, list[int]]:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 2)
        for customer in ids:
            for days in (300, 280, 260):
                await add_order(ctx, customer, ctx.now - timedelta(days=days))
        await recompute(ctx)
    [campaign_id] = await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    return campaign_id, ids


async def test_an_order_after_the_mail_is_its_outcome_once(core: Core, clock: TurnedClock) -> None:
    campaign_id, ids = await campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign_id)
    await run.advance(core, "alpha")
    clock.turn(days=3)
    async with core.tenant_scope("alpha") as ctx:
        order = OrderPlaced(
            occurred_at=ctx.now, order_id=7, customer_id=ids[0], amount=Decimal(30), currency="EUR"
        )
        late = OrderPlaced(
            occurred_at=ctx.now + timedelta(days=60),
            order_id=8,
            customer_id=ids[1],
            amount=Decimal(30),
            currency="EUR",
        )
        await ordered(ctx, [order])  # tracking is on: it credits clicks, and nobody clicked
        assert not await ctx.db.fetch("SELECT FROM pipeline_outcome")
        await ctx.db.execute("DELETE FROM events_event WHERE type = 'winback.returned'")
        await set_plugin(ctx, "tracking", False)
    async with core.tenant_scope("alpha") as ctx:
        await ordered(ctx, [order, late])
        await ordered(ctx, [order])
        rows = await ctx.db.fetch("SELECT customer_id, kind FROM pipeline_outcome")
        assert [tuple(row) for row in rows] == [(ids[0], "ordered")]
        event = await ctx.db.fetchrow(
            "SELECT customer_id, payload::text FROM events_event WHERE type = 'winback.returned'"
        )
        assert event["customer_id"] == ids[0]
        assert '"days_after_mail": 3.0' in event["payload"]


async def test_switched_off_its_campaigns_end(core: Core) -> None:
    campaign_id, _ = await campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        await tenant_disabled(ctx)
        view = await campaigns.get(ctx, campaign_id)
        assert (view.status, view.law.skipped, view.law.waiting) == ("cancelled", 2, 0)
        assert view.law.holds
        [act, *_] = await approvals.history(ctx, campaign_id)
        assert (act.action, act.reason) == ("cancel", "Winback was switched off.")
