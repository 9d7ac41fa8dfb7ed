"""From a decision that asks too much to an order that used the code, through the real pipeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
import pytest_asyncio

from kernel.events.deliver import deliver
from kernel.events.relay import relay
from kernel.events.turn import Turn
from kernel.pipeline import approvals, messages, replay, run
from kernel.pipeline import why as told
from kernel.plugboard.board import build_plugboard
from kernel.sdk import LINES, ORDERS, place_orders
from kernel.testing.seed import add_customers, add_order
from plugins.discounts import closing
from tests.plugins.discounts import asked, offerer
from tests.plugins.discounts.asked import budgets, rows

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


@pytest.fixture(scope="session")
def offering(board: Plugboard) -> Plugboard:
    return build_plugboard(
        sorted(board.mandatory), extra=[("offerer", offerer)], only=list(board.plugins)
    )


@pytest_asyncio.fixture
async def shop(core: Core, offering: Plugboard) -> Core:
    """`core`, in which alpha's only campaign is the treat."""
    async with core.system_scope("test") as unit:
        await unit.execute("INSERT INTO tenancy_plugin VALUES ('alpha', 'offerer')")
        await unit.execute(
            "DELETE FROM tenancy_plugin WHERE plugin IN ('cadence', 'welcome', 'winback', 'upsell', "
            "'recommend', 'reengage')"
        )
    return replace(core, board=offering)


async def campaign(core: Core, people: int, **said: Any) -> UUID:
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, **said)
        for who in await add_customers(ctx, people):
            await add_order(ctx, who, ctx.now - timedelta(days=60), 100.0)
    [campaign_id] = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    return campaign_id


async def tell(core: Core) -> None:
    """Hand out all events there are."""
    turn = Turn(10)
    while await relay(core, "alpha", turn) or await deliver(core, "alpha", turn):
        pass


async def order(core: Core, who: int, amount: str, code: str, number: int = 1) -> None:
    async with core.tenant_scope("alpha") as ctx:
        frame = pl.DataFrame(
            [
                {
                    "external_id": f"new{number}",
                    "customer_id": who,
                    "ordered_at": ctx.now,
                    "amount": Decimal(amount),
                    "currency": "EUR",
                    "discount_codes": code,
                }
            ],
            schema_overrides={name: ORDERS[name][0] for name in ("amount", "ordered_at")},
        )
        lines = pl.DataFrame(schema={name: kind for name, (kind, _) in LINES.items()})
        await place_orders(ctx, frame, lines)
    await tell(core)


async def test_what_was_asked_what_was_allowed_and_what_it_cost(shop: Core) -> None:
    campaign_id = await campaign(
        shop, 5, max_percent=10.0, daily_budget=35.0, margin_floor=0.0, prefix="OAK"
    )
    async with shop.tenant_scope("alpha") as ctx:
        made = await rows(ctx)
        assert [row["offer"] for row in made] == ["percent/10"] * 3 + ["percent/5"]
        assert await budgets(ctx) == {"day": (35.0, 0.0), "month": (35.0, 0.0)}
        everyone = await messages.page(ctx, campaign_id)
        assert [one.state for one in everyone] == ["planned"] * 5
        [story] = (await told.stories(ctx, [everyone[0].decision_id])).values()  # type: ignore[list-item]
        record = story.record
        assert record.decision.chosen.offer == "percent/20" and record.action.offer == "percent/10"
        assert [(c.plugin, c.guardrail, c.breach) for c in record.changes] == [
            ("discounts", "max_percent", True)
        ]
        assert record.grant is not None and record.grant.reserved == 10.0
        [poor] = (await told.stories(ctx, [everyone[4].decision_id])).values()  # type: ignore[list-item]
        assert [(c.plugin, c.guardrail) for c in poor.record.changes] == [
            ("discounts", "max_percent"),
            ("discounts", "budget_day"),
            ("kernel", "urgency"),
        ]
        assert poor.record.action.tone == "friendly" and poor.record.grant is None
        for one in everyone:
            assert (await replay.replay(ctx, one.decision_id)).same  # type: ignore[arg-type]
        text = (await messages.preview(ctx, everyone[0].id)).text
        assert f"With {made[0]['code']} you pay 10 % less, until 29 June 2026." in text

    async with shop.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign_id)
    await run.advance(shop, "alpha")
    await tell(shop)
    async with shop.tenant_scope("alpha") as ctx:
        assert {row["state"] for row in await rows(ctx)} == {"sent"}

    await order(shop, made[0]["customer_id"], "180.00", made[0]["code"].lower())
    async with shop.tenant_scope("alpha") as ctx:
        [used] = [row for row in await rows(ctx) if row["state"] == "used"]
        assert (used["settled"], used["code"]) == (20, made[0]["code"])
        assert used["order_id"] is not None
        assert await budgets(ctx) == {"day": (25.0, 20.0), "month": (25.0, 20.0)}
    await order(shop, made[1]["customer_id"], "90.00", f"OTHER,{made[0]['code']}", 2)
    async with shop.tenant_scope("alpha") as ctx:
        assert await budgets(ctx) == {"day": (25.0, 20.0), "month": (25.0, 20.0)}, "counts once"
    async with shop.tenant_scope("bravo") as ctx:
        assert await rows(ctx) == []


async def test_a_campaign_that_is_rejected_gives_its_money_back_at_night(shop: Core) -> None:
    campaign_id = await campaign(shop, 3, max_percent=10.0)
    async with shop.tenant_scope("alpha") as ctx:
        assert (await budgets(ctx))["day"] == (30.0, 0.0)
        await approvals.reject(ctx, campaign_id, "Not now")
        await closing.release(ctx, {})
        assert await budgets(ctx) == {"day": (0.0, 0.0), "month": (0.0, 0.0)}
        assert {(r["state"], r["reason"]) for r in await rows(ctx)} == {
            ("withdrawn", closing.UNSENT)
        }
        events = await ctx.db.fetch(
            "SELECT payload->>'released' AS money FROM events_event WHERE type = 'discounts.withdrawn'"
        )
        assert [float(row["money"]) for row in events] == [30.0]


async def test_a_mail_whose_offer_has_ended_is_kept_back(shop: Core, clock: TurnedClock) -> None:
    campaign_id = await campaign(shop, 3, valid_days=1, daily_budget=45.0)
    async with shop.tenant_scope("alpha") as ctx:
        offers = [row["offer"] for row in await rows(ctx)]
        assert offers == ["percent/20", "percent/20", "percent/5"]
        await approvals.approve(ctx, campaign_id)
    clock.turn(days=3)
    await run.advance(shop, "alpha")
    async with shop.tenant_scope("alpha") as ctx:
        kept = await messages.page(ctx, campaign_id, ["suppressed"])
        assert len(kept) == 3
        assert kept[0].reason.startswith("discounts.ended: The offer in this mail has ended")
        assert await ctx.db.fetchval("SELECT count(*) FROM outbox_mail") == 0
    await tell(shop)
    async with shop.tenant_scope("alpha") as ctx:
        assert (await budgets(ctx))["day"] == (0.0, 0.0), "freed when the campaign finished"
