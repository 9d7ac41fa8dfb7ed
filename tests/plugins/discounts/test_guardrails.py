"""Each guardrail: what is asked, what is allowed, and what the record says of it."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec
import pytest

from kernel.tenancy.core import Core
from kernel.tenancy.scope import TenantScope
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_customers, add_order
from tests.plugins.discounts.asked import (
    adjust,
    ask,
    budgets,
    candidate,
    changes,
    frame,
    guarded,
    rows,
    send,
    settings,
)


async def test_what_is_allowed_gets_a_grant_and_a_code(alpha: TenantScope) -> None:
    await settings(alpha, prefix="ALDER", valid_days=14)
    answer = await ask(alpha, "percent/10", 7)
    assert answer.action.offer == "percent/10" and answer.changes == ()
    grant = answer.grant
    assert grant is not None
    assert (grant.plugin, grant.offer, grant.reserved) == ("discounts", "percent/10", 10.0)
    assert grant.expires_at is not None
    assert grant.expires_at.isoformat() == "2026-06-29T22:00:00+00:00", "midnight in Berlin"
    [row] = await rows(alpha)
    assert re.fullmatch(r"ALDER-[2-9BCDFGHJKLMNPQRSTVWXZ]{13}", row["code"])
    assert (row["state"], row["customer_id"], row["reserved"]) == ("reserved", 7, 10)
    assert await budgets(alpha) == {"day": (10.0, 0.0), "month": (10.0, 0.0)}
    told = await alpha.db.fetchval(
        "SELECT payload FROM events_event WHERE type = 'discounts.granted'"
    )
    told = msgspec.json.decode(told)
    assert told["codes"] == [row["code"]] and float(told["reserved"]) == 10.0


async def test_what_asks_for_nothing_is_left_alone(alpha: TenantScope) -> None:
    await settings(alpha)
    given = frame(alpha)
    asked = [
        guarded(send()),
        guarded(msgspec.structs.replace(send("percent/10"), send=False)),
        guarded(send("percent/10"), held_out=True),
    ]
    answer = await adjust(alpha, given, [candidate(n) for n in range(3)], asked)
    assert answer == asked and await rows(alpha) == []
    assert await adjust(alpha, given, [], []) == []


@pytest.mark.parametrize(
    ("asked", "most", "allowed"),
    [
        ("percent/20", {"max_percent": 15.0}, "percent/15"),
        ("percent/20", {"max_percent": 14.99}, "percent/10"),
        ("percent/20", {"max_percent": 4.0}, ""),
        ("percent/20", {"max_percent": 0.0}, ""),
        ("amount/12", {"max_amount": 9.0}, "amount/8.5"),
        ("amount/12", {"max_amount": 1.0}, ""),
        ("percent/100", {"max_percent": 15.0}, "percent/15"),
    ],
)
async def test_too_much_is_a_breach_and_becomes_the_largest_allowed(
    alpha: TenantScope, asked: str, most: dict[str, float], allowed: str
) -> None:
    await settings(alpha, **most)
    answer = await ask(alpha, asked)
    [change] = answer.changes
    assert (change.plugin, change.guardrail) == ("discounts", next(iter(most)))
    assert (change.asked.offer, change.allowed.offer, change.breach) == (asked, allowed, True)
    assert answer.action == change.allowed and (answer.grant is not None) == bool(allowed)
    if asked == "percent/20" and allowed == "percent/15":
        assert change.reason == "20 % was asked; at most 15 % is allowed. 15 % is made."
    if not allowed:
        assert change.reason.endswith("No offer is made.")


async def test_what_the_campaign_does_not_list_is_not_offered(alpha: TenantScope) -> None:
    await settings(alpha)
    assert changes(await ask(alpha, "percent/13", 1)) == [("listed", "percent/13", "percent/10")]
    assert changes(await ask(alpha, "amount/3", 2)) == [("listed", "amount/3", "")]


@pytest.mark.parametrize(
    "nonsense", ["everything", "percent/-5", "percent/900", "amount/nan", "x/1"]
)
async def test_what_is_no_offer_is_a_breach(alpha: TenantScope, nonsense: str) -> None:
    await settings(alpha)
    answer = await ask(alpha, nonsense)
    assert changes(answer) == [("no_offer", nonsense, "")] and answer.changes[0].breach


async def product(ctx: TenantScope, sku: str, price: float, cost: float | None) -> None:
    await ctx.db.execute(
        "INSERT INTO profiles_product (tenant_id, sku, title, price, cost) "
        "VALUES ($1, $2, $2, $3::float8::numeric, $4::float8::numeric)",
        ctx.tenant.id, sku, price, cost,
    )  # fmt: skip


async def test_the_margin_floor_of_what_they_bought(alpha: TenantScope) -> None:
    await settings(alpha, margin_floor=20.0)
    [known, other] = await add_customers(alpha, 2)
    await add_order(alpha, known, alpha.now - timedelta(days=30))
    await product(alpha, "SKU-1", 100, 70)  # 1 - 0.7 / 0.8 = 12.5 %
    answer = await ask(alpha, "percent/20", known)
    assert changes(answer) == [("margin_floor", "percent/20", "percent/10")]
    assert "less than 20 % of the price after cost" in answer.changes[0].reason
    assert "at most 12.50 % fits. 10 % is made." in answer.changes[0].reason
    assert not answer.changes[0].breach
    assert changes(await ask(alpha, "percent/20", other)) == [], "nothing known, nothing assumed"


async def test_the_margin_floor_of_an_amount_and_of_an_assumption(alpha: TenantScope) -> None:
    await settings(alpha, margin_floor=20.0, assumed_margin=28.0)  # 1 - 0.72 / 0.8 = 10 %
    assert changes(await ask(alpha, "percent/15", 1)) == [
        ("margin_floor", "percent/15", "percent/10")
    ]
    assert changes(await ask(alpha, "amount/12", 2)) == [
        ("margin_floor", "amount/12", "amount/8.5")
    ]
    assert changes(await ask(alpha, "amount/5", 3, average_order_value=10.0)) == [
        ("margin_floor", "amount/5", "")
    ]
    await settings(alpha, margin_floor=95.0, assumed_margin=1.0)
    assert changes(await ask(alpha, "percent/5", 4)) == [("margin_floor", "percent/5", "")]


async def test_segments_and_orders(alpha: TenantScope) -> None:
    await settings(alpha, never_segments=("Champions",), min_orders=1, max_orders=5)
    champion = {"trait__rfm_dot_segment": "champions"}
    assert changes(await ask(alpha, "percent/5", 1, **champion)) == [
        ("never_segments", "percent/5", "")
    ]
    assert changes(await ask(alpha, "percent/5", 2, orders_count=0)) == [
        ("min_orders", "percent/5", "")
    ]
    assert changes(await ask(alpha, "percent/5", 3, orders_count=6)) == [
        ("max_orders", "percent/5", "")
    ]
    assert changes(await ask(alpha, "percent/5", 4, orders_count=None)) == [
        ("min_orders", "percent/5", "")
    ]
    assert (await ask(alpha, "percent/5", 5)).grant is not None


async def test_one_open_code_a_cool_down_and_a_ceiling(core: Core, clock: TurnedClock) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await settings(ctx, cooldown_days=30.0, ceiling_offers=2, ceiling_days=300.0, valid_days=10)
        assert (await ask(ctx, "percent/10", 1)).grant
        second = await ask(ctx, "percent/10", 1)
        assert changes(second) == [("open_code", "percent/10", "")] and second.grant is None
        assert second.changes[0].reason == "They have a code that is valid until 2026-06-25."
        await ctx.db.execute("UPDATE discounts_code SET state = 'sent', sent_at = granted_at")
    clock.turn(days=20)
    async with core.tenant_scope("alpha") as ctx:
        early = await ask(ctx, "percent/10", 1)
        assert changes(early) == [("cooldown", "percent/10", "")]
        assert early.changes[0].reason == (
            "Their last offer was 20 days ago; 30 days lie between two."
        )
        assert [row["state"] for row in await rows(ctx)] == ["expired"]
        assert await budgets(ctx) == {"day": (0.0, 0.0), "month": (0.0, 0.0)}
        assert (await ask(ctx, "percent/10", 2)).grant
    clock.turn(days=15)
    async with core.tenant_scope("alpha") as ctx:
        assert (await ask(ctx, "percent/10", 1)).grant
        await ctx.db.execute("UPDATE discounts_code SET state = 'used', used_at = granted_at")
    clock.turn(days=40)
    async with core.tenant_scope("alpha") as ctx:
        assert changes(await ask(ctx, "percent/10", 1)) == [("ceiling", "percent/10", "")]
    clock.turn(days=230)
    async with core.tenant_scope("alpha") as ctx:
        assert (await ask(ctx, "percent/10", 1)).grant, "the first offer is out of the window"


async def test_an_offer_that_reached_nobody_does_not_count(alpha: TenantScope) -> None:
    await settings(alpha, cooldown_days=30.0)
    await ask(alpha, "percent/10", 1)
    await alpha.db.execute("UPDATE discounts_code SET state = 'withdrawn'")
    assert (await ask(alpha, "percent/10", 1)).grant


async def test_two_messages_to_one_customer_in_a_batch(alpha: TenantScope) -> None:
    await settings(alpha)
    asked = [guarded(send("percent/10"))] * 2
    first, second = await adjust(alpha, frame(alpha), [candidate(1), candidate(1)], asked)
    assert first.grant and changes(second) == [("open_code", "percent/10", "")]


async def test_a_message_decided_again_keeps_its_code(core: Core, clock: TurnedClock) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await settings(ctx, cooldown_days=30.0)
        given, who = frame(ctx), candidate(1)
        [first] = await adjust(ctx, given, [who], [guarded(send("percent/10"))])
        [again] = await adjust(ctx, given, [who], [guarded(send("percent/10"))])
        assert again == first and len(await rows(ctx)) == 1
        assert (await budgets(ctx))["day"] == (10.0, 0.0)
        [larger] = await adjust(ctx, given, [who], [guarded(send("percent/15"))])
        assert changes(larger) == [("same_code", "percent/15", "percent/10")]
        assert larger.grant == first.grant
        [less] = await adjust(ctx, given, [who], [guarded(send("percent/5"))])
        assert changes(less) == [("same_code", "percent/5", "")] and less.grant is None
        assert len(await rows(ctx)) == 1
    clock.turn(days=30)
    async with core.tenant_scope("alpha") as ctx:
        [late] = await adjust(ctx, given, [who], [guarded(send("percent/10"))])
        assert changes(late) == [("same_code", "percent/10", "")] and late.grant is None


async def test_a_message_planned_for_later_has_a_code_as_long(alpha: TenantScope) -> None:
    await settings(alpha, valid_days=3)
    later = send("percent/10", send_at=alpha.now + timedelta(days=5))
    [answer] = await adjust(alpha, frame(alpha), [candidate(1)], [guarded(later)])
    assert answer.grant and answer.grant.expires_at is not None
    assert answer.grant.expires_at.isoformat() == "2026-06-23T22:00:00+00:00"
    assert answer.action.send_at == later.send_at


async def test_bravo_has_no_part_in_alphas_offers(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await settings(ctx)
        await ask(ctx, "percent/10", 1)
    async with core.tenant_scope("bravo") as ctx:
        assert "discounts" not in ctx.enabled
        assert await rows(ctx) == [] and await budgets(ctx) == {}
        asked = [guarded(send("percent/10"))]
        answer = await core.board.chain(
            "adjust_decisions", ctx.enabled, "decisions", asked,
            ctx=ctx, given=frame(ctx), candidates=[candidate(1)],
        )  # fmt: skip
        assert list(answer) == asked, "nobody grants, so the kernel drops the offer"
