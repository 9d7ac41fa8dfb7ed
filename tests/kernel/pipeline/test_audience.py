"""Conditions become SQL that selects exactly who meets them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.contracts.errors import InvalidInput
from kernel.contracts.profiles import Audience, Where
from kernel.pipeline import audience
from kernel.testing.seed import add_customers, add_order

if TYPE_CHECKING:
    from kernel.tenancy.scope import TenantScope


async def who(ctx: TenantScope, *where: Where) -> list[int]:
    sql, args = audience.members(Audience(where=where), "welcome", ctx.tenant.id, ctx.now)
    return [row["id"] for row in await ctx.db.fetch(f"{sql} ORDER BY c.id", *args)]


async def test_fields(alpha: TenantScope) -> None:
    old, new, none = await add_customers(alpha, 3)
    for days in (100, 50):
        await add_order(alpha, old, alpha.now - timedelta(days=days), 30)
    await add_order(alpha, new, alpha.now - timedelta(days=3), 500)
    assert await who(alpha) == [old, new, none]
    assert await who(alpha, Where(field="orders_count", op=">=", value=2)) == [old]
    assert await who(alpha, Where(field="orders_count", op="=", value=0)) == [none]
    assert await who(alpha, Where(field="total_spent", op="<", value=60.01)) == [old, none]
    assert await who(alpha, Where(field="days_since_order", op=">=", value=50)) == [old]
    assert await who(alpha, Where(field="days_since_order", op="<", value=3.5)) == [new]
    assert await who(alpha, Where(field="days_since_order", op=">", value=10, or_missing=True)) == [
        old,
        none,
    ]
    assert await who(alpha, Where(field="days_since_first_order", op=">", value=99)) == [old]
    assert await who(alpha, Where(field="days_since_created", op="<", value=1)) == []
    assert await who(alpha, Where(field="days_since_mail", op=">", value=1)) == []
    assert len(await who(alpha, Where(field="days_since_mail", value=1, or_missing=True))) == 3


async def test_traits(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 4)
    values = ["5", '"gold"', '"2026-06-14T00:00:00Z"', '"2026-06-16T00:00:00Z"']
    for customer, value, name in zip(ids, values, ["x.n", "x.s", "x.at", "x.at"], strict=True):
        await alpha.db.execute(
            """INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
               VALUES ('alpha', $1, $2, $3, 'x', '1', now())""",
            customer,
            name,
            value,
        )
    assert await who(alpha, Where(trait="x.n", op=">", value=4)) == [ids[0]]
    assert await who(alpha, Where(trait="x.n", op=">", value=5)) == []
    assert await who(alpha, Where(trait="x.s", op=">", value=4)) == []  # not a number: not met
    assert await who(alpha, Where(trait="x.s", op="=", value="gold")) == [ids[1]]
    assert await who(alpha, Where(trait="x.at", op="<=", value="now")) == [ids[2]]
    hostile = "x' OR true --"
    assert await who(alpha, Where(trait=hostile, op="=", value=hostile)) == []


@pytest.mark.parametrize(
    "where",
    [Where(), Where(field="orders_count", trait="a.b"), Where(field="orders_count", value="x")],
)
def test_a_condition_that_means_nothing_is_refused(where: Where) -> None:
    from kernel.testing.clock import START

    with pytest.raises(InvalidInput):
        audience.members(Audience(where=(where,)), "welcome", "alpha", START)


async def test_the_erased_are_nobodys_audience(alpha: TenantScope) -> None:
    await add_customers(alpha, 2, erased_at=alpha.now)
    assert await who(alpha) == []
