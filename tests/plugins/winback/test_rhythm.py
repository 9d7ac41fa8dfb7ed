"""Who is due when, against an independent computation; and only changes are written."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from kernel.contracts.base import canonical
from kernel.contracts.events import ImportFinished, OrderPlaced
from kernel.pipeline import audience
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers, add_order
from plugins.winback.campaign import WINBACK
from plugins.winback.plugin import tenant_enabled
from plugins.winback.rhythm import DUE, USUAL, imported, ordered, recompute

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.clock import TurnedClock


async def traits(ctx: TenantScope, name: str) -> dict[int, Any]:
    rows = await ctx.db.fetch(
        "SELECT customer_id, value #>> '{}' AS value FROM profiles_trait WHERE name = $1", name
    )
    return {row["customer_id"]: row["value"] for row in rows}


async def due(ctx: TenantScope) -> dict[int, datetime]:
    return {k: datetime.fromisoformat(v) for k, v in (await traits(ctx, DUE)).items()}


async def bought(ctx: TenantScope, *days_ago: float, **fields: Any) -> int:
    [customer] = await add_customers(ctx, **fields)
    for days in days_ago:
        await add_order(ctx, customer, ctx.now - timedelta(days=days))
    return customer


async def test_due_is_the_last_order_and_twice_the_usual_pause(alpha: TenantScope) -> None:
    customer = await bought(alpha, 200, 160, 110, 60)  # pauses of 40, 50, 50
    await recompute(alpha)
    assert await traits(alpha, USUAL) == {customer: "50.0"}
    assert await due(alpha) == {customer: alpha.now - timedelta(days=60) + timedelta(days=100)}
    row = await alpha.db.fetchrow("SELECT plugin, version, at FROM profiles_trait LIMIT 1")
    assert (row["plugin"], row["at"]) == ("winback", alpha.now)


async def test_who_bought_once_gets_the_shops_pause(alpha: TenantScope) -> None:
    await bought(alpha, 100, 60)
    await bought(alpha, 100, 50)
    once = await bought(alpha, 10)
    await recompute(alpha)
    assert (await traits(alpha, USUAL))[once] in ("45.0", "45")
    assert (await due(alpha))[once] == alpha.now + timedelta(days=80)


async def test_where_nobody_came_back_the_ceiling_counts(alpha: TenantScope) -> None:
    once = await bought(alpha, 10)
    await recompute(alpha)
    assert await due(alpha) == {once: alpha.now + timedelta(days=355)}


async def test_floor_and_ceiling(alpha: TenantScope) -> None:
    quick = await bought(alpha, 20, 18, 16)
    slow = await bought(alpha, 700, 300)
    await recompute(alpha)
    found = await due(alpha)
    assert found[quick] == alpha.now + timedelta(days=14)
    assert found[slow] == alpha.now + timedelta(days=65)


async def test_what_is_no_purchase_does_not_count(alpha: TenantScope) -> None:
    customer = await bought(alpha, 100, 60)
    for change in ("kind = 'return'", "status = 'cancelled'", "is_test = true"):
        order = await add_order(alpha, customer, alpha.now - timedelta(days=1))
        await alpha.db.execute(f"UPDATE profiles_order SET {change} WHERE id = $1", order)
    await add_order(alpha, customer, alpha.now + timedelta(days=5))  # the clock was turned back
    await recompute(alpha)
    assert await due(alpha) == {customer: alpha.now + timedelta(days=20)}


async def test_an_order_split_in_two_makes_no_pause(alpha: TenantScope) -> None:
    customer = await bought(alpha, 90, 90.01, 89.99, 50, 50.02)
    await recompute(alpha)
    assert await traits(alpha, USUAL) == {customer: "40.0"}


async def test_who_is_long_gone_or_erased_has_no_due_date(alpha: TenantScope) -> None:
    customer, other = await bought(alpha, 400, 350), await bought(alpha, 100, 60)
    await recompute(alpha)
    assert set(await due(alpha)) == {customer, other}
    await alpha.db.execute("UPDATE tenancy_tenant SET clock_at = $1", alpha.now)
    await alpha.db.execute("UPDATE profiles_customer SET erased_at = now() WHERE id = $1", other)
    await alpha.db.execute(
        "UPDATE profiles_order SET ordered_at = ordered_at - interval '400 days' "
        "WHERE customer_id = $1",
        customer,
    )
    await recompute(alpha)
    assert await traits(alpha, DUE) == {} and await traits(alpha, USUAL) == {}


async def test_only_what_changed_is_written(alpha: TenantScope) -> None:
    one, other = await bought(alpha, 100, 60), await bought(alpha, 90, 50)
    await recompute(alpha)

    async def versions() -> dict[tuple[int, str], str]:
        rows = await alpha.db.fetch(
            "SELECT customer_id, name, xmin::text || ctid::text || xmax::text AS v "
            "FROM profiles_trait"
        )
        return {(row["customer_id"], row["name"]): row["v"] for row in rows}

    before = await versions()
    await recompute(alpha)
    assert await versions() == before
    await add_order(alpha, other, alpha.now - timedelta(days=10))
    await recompute(alpha)
    after = await versions()
    assert {key for key in after if after[key] != before[key]} == {(other, DUE)}
    assert one != other


async def test_the_same_as_by_hand(alpha: TenantScope) -> None:
    rng = random.Random(7)
    history: dict[int, list[datetime]] = {}
    for _ in range(40):
        days = sorted({rng.randrange(1, 900) for _ in range(rng.randrange(1, 7))}, reverse=True)
        history[await bought(alpha, *days)] = [alpha.now - timedelta(days=d) for d in days]
    pauses = {
        customer: [(b - a).days for a, b in pairwise(times)] for customer, times in history.items()
    }
    shop = round(median(gap for gaps in pauses.values() for gap in gaps))
    expected = {
        customer: times[-1]
        + timedelta(days=min(max(2 * (median(pauses[customer] or [shop])), 30), 365))
        for customer, times in history.items()
        if alpha.now - times[-1] < timedelta(days=730)
    }
    await recompute(alpha)
    assert await due(alpha) == expected
    wanted = {customer for customer, at in expected.items() if at <= alpha.now}
    sql, args = audience.members(WINBACK.audience, "winback", "alpha", alpha.now)
    assert {row["id"] for row in await alpha.db.fetch(sql, *args)} == wanted
    assert wanted and len(wanted) < len(expected)


async def test_a_merchant_moves_the_factor(core: Core) -> None:
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE plugin = 'winback'",
            canonical({"factor": 1.5, "floor_days": 400, "ceiling_days": 300}).decode(),
        )
    async with core.tenant_scope("alpha") as ctx:
        customer = await bought(ctx, 100, 60)
        await recompute(ctx)
        # The floor is above the ceiling: nobody is written to sooner than the floor says.
        assert await due(ctx) == {customer: ctx.now + timedelta(days=340)}


def placed(ctx: TenantScope, customer: int | None, days_ago: float = 0) -> OrderPlaced:
    return OrderPlaced(
        occurred_at=ctx.now - timedelta(days=days_ago),
        order_id=1,
        customer_id=customer,
        amount=Decimal(5),
        currency="EUR",
    )


async def test_who_orders_is_taken_out_of_winback_only(alpha: TenantScope) -> None:
    buyer, other = await bought(alpha, 200, 180), await bought(alpha, 200, 180)
    await recompute(alpha)
    for kind in ("winback", "welcome"):
        campaign = await add_campaign(alpha, kind)
        await add_messages(alpha, campaign, [buyer, other], state="planned", attempted_at=None)
    attempted = await add_campaign(alpha, "winback")
    await add_messages(alpha, attempted, [buyer])
    await ordered(alpha, [placed(alpha, buyer), placed(alpha, None)])
    rows = await alpha.db.fetch(
        """SELECT m.customer_id, c.campaign_type, m.state, m.reason FROM pipeline_message m
           JOIN pipeline_campaign c ON c.id = m.campaign_id WHERE m.state <> 'planned'"""
    )
    assert sorted((r["customer_id"], r["campaign_type"], r["state"]) for r in rows) == [
        (buyer, "winback", "attempting"),
        (buyer, "winback", "cancelled"),
    ]
    assert set(await due(alpha)) == {other}
    assert set(await traits(alpha, USUAL)) == {buyer, other}


async def test_an_order_told_late_does_not_undo_tonights_work(
    core: Core, clock: TurnedClock
) -> None:
    async with core.tenant_scope("alpha") as ctx:
        customer = await bought(ctx, 200, 180)
    clock.turn(days=1)
    async with core.tenant_scope("alpha") as ctx:
        await recompute(ctx)
        await ordered(ctx, [placed(ctx, customer, days_ago=0.5)])
        assert set(await due(ctx)) == {customer}


async def test_imports_have_the_rhythm_computed_once(alpha: TenantScope) -> None:
    event = ImportFinished(occurred_at=alpha.now, kind="orders", written=3)
    await imported(alpha, [event, event])
    await imported(alpha, [event])
    await tenant_enabled(alpha)
    rows = await alpha.db.fetch("SELECT job FROM jobs_task WHERE state = 'due'")
    assert [row["job"] for row in rows] == ["winback.rhythm"]


async def test_bravo_is_not_computed_with_alpha(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await bought(ctx, 200, 180)
        await recompute(ctx)
    async with core.tenant_scope("bravo") as bravo:
        await recompute(bravo)
        assert await traits(bravo, DUE) == {}
    async with core.tenant_scope("alpha") as ctx:
        assert len(await traits(ctx, DUE)) == 1
