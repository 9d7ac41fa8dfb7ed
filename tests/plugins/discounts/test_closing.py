"""How codes end, and what each end does to the budgets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from kernel.sdk import MessagesAccepted, OrderPlaced, new_id
from kernel.tenancy.core import Core
from kernel.tenancy.scope import TenantScope
from kernel.testing.clock import TurnedClock
from plugins.discounts import closing, slots
from plugins.discounts.book import ALPHABET, LENGTH, new_code
from plugins.discounts.plugin import erase_customer, export_customer
from tests.plugins.discounts import asked
from tests.plugins.discounts.asked import ask, budgets, rows


def placed(ctx: TenantScope, *codes: str, amount: str = "90.00", **fields: Any) -> OrderPlaced:
    given: dict[str, Any] = {"order_id": 1, "customer_id": 1, "currency": "EUR", **fields}
    return OrderPlaced(occurred_at=ctx.now, amount=Decimal(amount), discount_codes=codes, **given)


@pytest.mark.parametrize(
    ("offer", "amount", "currency", "cost"),
    [
        ("percent/10", "90.00", "EUR", "10.00"),
        ("percent/15", "99.99", "EUR", "17.65"),
        ("percent/10", "90.00", "SEK", "7.00"),
        ("percent/100", "0.00", "EUR", "7.00"),
        ("percent/10", "-5.00", "EUR", "0.00"),
        ("amount/5", "20.00", "EUR", "5.00"),
    ],
)
def test_what_an_order_cost(offer: str, amount: str, currency: str, cost: str) -> None:
    order = OrderPlaced(
        occurred_at=datetime(2026, 6, 1, tzinfo=UTC), order_id=1, customer_id=1,
        amount=Decimal(amount), currency=currency,
    )  # fmt: skip
    assert closing.cost_of(offer, Decimal("7.00"), order, "EUR") == Decimal(cost)


async def test_a_code_is_settled_once_whoever_tells_how_often(alpha: TenantScope) -> None:
    await asked.settings(alpha)
    await ask(alpha, "percent/10", 1)
    await ask(alpha, "amount/5", 2)
    [one, other] = [row["code"] for row in await rows(alpha)]
    assert await budgets(alpha) == {"day": (15.0, 0.0), "month": (15.0, 0.0)}
    event = placed(alpha, one, "UNKNOWN", other)
    for _ in range(2):
        await closing.ordered(alpha, [event, placed(alpha), event])
        assert await budgets(alpha) == {"day": (0.0, 15.0), "month": (0.0, 15.0)}
    await closing.ordered(alpha, [placed(alpha, one, amount="900.00")])
    assert await budgets(alpha) == {"day": (0.0, 15.0), "month": (0.0, 15.0)}
    assert {row["state"] for row in await rows(alpha)} == {"used"}
    await closing.release(alpha, {})
    assert await budgets(alpha) == {"day": (0.0, 15.0), "month": (0.0, 15.0)}


async def test_a_code_that_expired_before_its_order_was_told_costs_all_the_same(
    core: Core, clock: TurnedClock
) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, valid_days=2)
        await ask(ctx, "percent/10", 1)
        [row] = await rows(ctx)
        early = placed(ctx, row["code"])
    clock.turn(days=4)
    async with core.tenant_scope("alpha") as ctx:
        await closing.release(ctx, {})
        assert [r["state"] for r in await rows(ctx)] == ["expired"]
        assert await budgets(ctx) == {"day": (0.0, 0.0), "month": (0.0, 0.0)}
        await closing.release(ctx, {})
        await closing.ordered(ctx, [early])
        [row] = await rows(ctx)
        assert (row["state"], row["settled"], row["reason"]) == ("used", 10, "")
        assert await budgets(ctx) == {"day": (0.0, 10.0), "month": (0.0, 10.0)}


async def test_a_hand_over_marks_codes_as_sent(alpha: TenantScope) -> None:
    await asked.settings(alpha)
    await ask(alpha, "percent/10", 1)
    await ask(alpha, "percent/10", 2)
    [first, _] = await rows(alpha)
    event = MessagesAccepted(
        occurred_at=alpha.now, campaign_id=new_id(), campaign_type="winback",
        message_ids=(first["message_id"],), customer_ids=(1,),
    )  # fmt: skip
    await closing.accepted(alpha, [event, event])
    assert [row["state"] for row in await rows(alpha)] == ["sent", "reserved"]


async def test_the_budget_of_the_day_on_which_it_was_granted_is_freed(
    core: Core, clock: TurnedClock
) -> None:
    for who in (1, 2):
        async with core.tenant_scope("alpha") as ctx:
            await asked.settings(ctx, valid_days=20)
            await ask(ctx, "percent/10", who)
        clock.turn(days=16)  # June 15, July 1
    async with core.tenant_scope("alpha") as ctx:
        await closing.release(ctx, {})
        found = await ctx.db.fetch(
            "SELECT kind, period::text, reserved::int FROM discounts_budget ORDER BY 1, 2"
        )
        assert [tuple(row) for row in found] == [
            ("day", "2026-06-15", 0), ("day", "2026-07-01", 10),
            ("month", "2026-06-01", 0), ("month", "2026-07-01", 10),
        ]  # fmt: skip


async def test_erased_customers_leave_counts_and_no_tie(alpha: TenantScope) -> None:
    await asked.settings(alpha)
    await ask(alpha, "percent/10", 1)
    await ask(alpha, "percent/10", 2)
    [exported] = (await export_customer(alpha, 1)).rows["discounts_code"]
    assert exported["offer"] == "percent/10" and exported["state"] == "reserved"
    assert (await erase_customer(alpha, 1)).rows == 1
    assert (await erase_customer(alpha, 1)).rows == 0
    assert (await export_customer(alpha, 1)).rows == {"discounts_code": []}
    assert [row["customer_id"] for row in await rows(alpha)] == [None, 2]
    assert (await budgets(alpha))["day"] == (20.0, 0.0)
    await closing.ordered(alpha, [placed(alpha, exported["code"])])
    assert (await budgets(alpha))["day"] == (10.0, 10.0), "a code that is out is settled still"


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("de-CH", "1. März 2026"),
        ("fr", "1 mars 2026"),
        ("en-GB", "1 March 2026"),
        ("", "1 March 2026"),
        ("sv", "1 March 2026"),
    ],
)
def test_the_end_is_told_in_the_customers_language(locale: str, words: str) -> None:
    assert slots.date_in_words(date(2026, 3, 1), locale) == words


def test_codes_are_unique_and_cannot_be_misread() -> None:
    codes = {new_code("OAK") for _ in range(20_000)}
    assert len(codes) == 20_000
    assert not set("01OIAEU") & set(ALPHABET) and len(ALPHABET) ** LENGTH > 2**60
    signs = "".join(code.removeprefix("OAK-") for code in codes)
    assert set(signs) == set(ALPHABET)
    share = [signs.count(sign) / len(signs) for sign in ALPHABET]
    assert max(share) < 1.05 / len(ALPHABET) and min(share) > 0.95 / len(ALPHABET)
