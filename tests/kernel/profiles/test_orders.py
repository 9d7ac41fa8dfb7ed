"""The unit of merge is the order: new, changed, equal; and what customers' orders add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from kernel.contracts.errors import InvalidInput
from kernel.profiles.frames import LINES, ORDERS
from kernel.profiles.intake import merge_orders
from kernel.profiles.live import place_orders
from kernel.profiles.totals import recompute_all
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_customers, add_order

from .conftest import DAY, frame, line, order, told


async def merge(ctx, orders, lines=()):
    merged = await merge_orders(ctx, frame(orders, ORDERS), frame(lines, LINES))
    return merged.outcome["what"].to_list()


async def totals(ctx, external_id="c1"):
    return tuple(
        await ctx.db.fetchrow(
            "SELECT orders_count, total_spent, first_order_at, last_order_at FROM profiles_customer "
            "WHERE external_id = $1",
            external_id,
        )
    )


async def test_new_then_equal_then_changed(alpha):
    orders, lines = [order(1), order(2)], [line(1), line(2), line(2, sku="CUP")]
    assert await merge(alpha, orders, lines) == ["created", "created"]
    before = await told(alpha)
    assert await merge(alpha, orders[::-1], lines[::-1]) == ["unchanged", "unchanged"]
    assert await told(alpha) == before
    ids = await alpha.db.fetch("SELECT external_id, id FROM profiles_order ORDER BY 1")
    assert await merge(alpha, orders, [line(1), line(2, quantity=3)]) == ["unchanged", "changed"]
    assert await alpha.db.fetch("SELECT external_id, id FROM profiles_order ORDER BY 1") == ids
    assert [row[:3] + row[4:5] for row in (await told(alpha))["lines"]] == [
        ("o1", 1, "BOWL", 1),
        ("o2", 1, "BOWL", 3),
    ]


async def test_totals_leave_out_what_does_not_count(alpha):
    await merge(
        alpha,
        [
            order(1, amount=Decimal("100.00")),
            order(2, amount=Decimal("-30.00"), kind="return"),
            order(3, status="cancelled"),
            order(4, is_test=True),
            order(5, amount=Decimal("70.00"), currency="SEK"),
        ],
    )
    assert await totals(alpha) == (2, Decimal("70.00"), DAY + timedelta(1), DAY + timedelta(5))


async def test_foreign_currency_is_noticed(alpha):
    merged = await merge_orders(alpha, frame([order(1, currency="SEK")], ORDERS), frame([], LINES))
    assert merged.noticed == {"foreign_currency": 1}
    assert (await totals(alpha))[:2] == (1, Decimal("0.00"))


async def test_more_returned_than_bought_is_zero_and_not_less(alpha):
    await merge(alpha, [order(1), order(2, kind="return", amount=Decimal("-500.00"))])
    assert (await totals(alpha))[:2] == (1, Decimal("0.00"))


async def test_an_order_that_moves_to_another_customer_leaves_the_first(alpha):
    await merge(alpha, [order(1), order(2)])
    await merge(alpha, [order(2, customer="c2")])
    assert (await totals(alpha))[0] == 1
    assert (await totals(alpha, "c2"))[0] == 1
    await merge(alpha, [order(1, customer="")])
    assert await totals(alpha) == (0, Decimal("0.00"), None, None)


async def test_nobody_is_known_later_than_their_first_order(alpha):
    await merge(alpha, [order(9)])
    await merge(alpha, [order(3, status="cancelled")])
    created = await alpha.db.fetchval("SELECT created_at FROM profiles_customer")
    assert created == DAY + timedelta(days=3)


async def test_anonymous_orders_make_no_customer(alpha):
    assert await merge(alpha, [order(1, customer="")], [line(1)]) == ["created"]
    assert (await told(alpha))["customers"] == []


async def test_orders_by_email_alone_find_the_customer_whose_id_comes_later(alpha):
    await merge(alpha, [order(1, customer="", email="ada@example.com")])
    await merge(alpha, [order(2, customer="c7", email="ada@example.com")])
    await merge(alpha, [order(3, customer="", email="ada@example.com")])
    assert [row[:2] for row in (await told(alpha))["customers"]] == [("c7", "ada@example.com")]
    assert (await totals(alpha, "c7"))[0] == 3


async def test_two_ids_with_one_email_are_one_customer(alpha):
    await merge(alpha, [order(1, email="ada@example.com")])
    merged = await merge_orders(
        alpha, frame([order(2, customer="c2", email="ada@example.com")], ORDERS), frame([], LINES)
    )
    assert merged.noticed == {"same_email": 1}
    await merge(alpha, [order(3, customer="c2")])
    rows = await told(alpha)
    assert rows["aliases"] == [("c2", "c1")]
    assert (await totals(alpha))[0] == 3


async def test_orders_fill_gaps_and_override_nothing(alpha):
    await merge(alpha, [order(1, first_name="Ada", email="ada@example.com")])
    await merge(alpha, [order(2, first_name="Eve", email="eve@example.com", country="DE")])
    assert [row[:4] for row in (await told(alpha))["customers"]] == [
        ("c1", "ada@example.com", "Ada", "DE")
    ]


async def test_control_characters_do_not_reach_the_database(alpha):
    await merge(alpha, [order(1, first_name="A\x00da\x1b[31m\u202e")], [line(1, title="x\x00\ny")])
    assert await alpha.db.fetchval("SELECT first_name FROM profiles_customer") == "A da [31m"
    assert await alpha.db.fetchval("SELECT title FROM profiles_order_line") == "x y"


@pytest.mark.parametrize(
    ("orders", "lines", "says"),
    [
        ([order(1), order(1)], [], "occurs twice"),
        ([order(1)], [line(2)], "unknown order `o2`"),
        ([order(1, customer_id=12345)], [], "no customer 12345"),
        ([{"external_id": "o1"}], [], "ordered_at, amount, currency is missing"),
        ([order(1, amount=None)], [], "amount may not be empty"),
    ],
)
async def test_what_a_source_gets_wrong_is_told(core, orders, lines, says):
    with pytest.raises(InvalidInput, match=says):
        async with core.tenant_scope("alpha") as ctx:
            await merge(ctx, orders, lines)
    async with core.tenant_scope("alpha") as ctx:
        assert (await told(ctx))["orders"] == []


async def events(ctx):
    rows = await ctx.db.fetch("SELECT type, occurred_at, customer_id FROM events_event ORDER BY id")
    return [tuple(row) for row in rows]


async def test_live_orders_emit_once(alpha):
    orders = frame([order(2), order(1), order(3, is_test=True), order(4, kind="return")], ORDERS)
    ids = await place_orders(alpha, orders, frame([line(1)], LINES))
    assert ids == [
        await alpha.db.fetchval("SELECT id FROM profiles_order WHERE external_id = $1", f"o{n}")
        for n in (2, 1, 3, 4)
    ]
    who = await alpha.db.fetchval("SELECT id FROM profiles_customer")
    first = DAY + timedelta(days=1)
    assert await events(alpha) == [
        ("customer.created", first, who),
        ("order.placed", first + timedelta(days=1), who),
        ("order.placed", first, who),
    ]
    await place_orders(alpha, orders, frame([line(1)], LINES))
    await place_orders(alpha, orders, frame([line(1, quantity=2)], LINES))
    assert len(await events(alpha)) == 3


async def test_an_order_tells_its_discount_codes(alpha):
    rows = [order(1, discount_codes="SPRING, TEN-7KQ,"), order(2)]
    orders = frame(rows, ORDERS)
    await place_orders(alpha, orders, frame([line(1)], LINES))
    payloads = await alpha.db.fetch(
        "SELECT payload->'discount_codes' AS codes FROM events_event "
        "WHERE type = 'order.placed' ORDER BY id"
    )
    assert [row["codes"] for row in payloads] == ['["SPRING", "TEN-7KQ"]', "[]"]
    assert await merge(alpha, rows, [line(1)]) == ["unchanged", "unchanged"]
    rows = [order(1, discount_codes=""), order(2)]
    assert await merge(alpha, rows, [line(1)]) == ["changed", "unchanged"]


async def test_history_emits_nothing_by_itself(alpha):
    await merge(alpha, [order(1)], [line(1)])
    assert await events(alpha) == []


async def test_bravo_may_have_the_same_ids(core):
    async with core.tenant_scope("alpha") as ctx:
        await merge(ctx, [order(1)], [line(1)])
    async with core.tenant_scope("bravo") as ctx:
        assert await merge(ctx, [order(1, amount=Decimal("99.00"))]) == ["created"]
        assert len((await told(ctx))["orders"]) == 1
        await ctx.db.execute("DELETE FROM profiles_order")
        await ctx.db.execute("DELETE FROM profiles_customer")
    async with core.tenant_scope("alpha") as ctx:
        assert (await totals(ctx))[:2] == (1, Decimal("10.00"))


async def test_far_away_times_and_amounts(alpha):
    when = datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await merge(alpha, [order(1, ordered_at=when, amount=Decimal("999999999999.99"))])
    assert await totals(alpha) == (1, Decimal("999999999999.99"), when, when)


async def test_what_lies_after_the_tenants_now_is_not_known_yet(
    core: Core, clock: TurnedClock
) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [customer] = await add_customers(ctx)
        for days in (-20, 5):
            await add_order(ctx, customer, ctx.now + timedelta(days=days))
        await recompute_all(ctx)
        totals = "SELECT orders_count, last_order_at FROM profiles_customer WHERE id = $1"
        row = await ctx.db.fetchrow(totals, customer)
        assert tuple(row) == (1, ctx.now - timedelta(days=20))
        clock.turn(days=6)
        await recompute_all(ctx)
        row = await ctx.db.fetchrow(totals, customer)
        assert tuple(row) == (2, ctx.now - timedelta(days=1))
