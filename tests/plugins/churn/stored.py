"""The same shops in the database, trained and scored."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from kernel.models import run
from kernel.sdk import Context, merge_orders
from kernel.tenancy.core import Core
from tests.plugins.churn.shop import AS_OF, many


async def fill(ctx: Context, raw: pl.DataFrame) -> None:
    """These orders, of customers `c0`, `c1` … with an e-mail address each."""
    raw = raw.filter(pl.col("ordered_at") < AS_OF)
    who = pl.format("c{}", "customer_id")
    orders = raw.select(
        external_id=pl.format("t{}", "order_id"),
        customer=who,
        email=pl.format("{}@example.com", who),
        ordered_at="ordered_at",
        amount=pl.col("amount").map_elements(lambda a: Decimal(str(a)), pl.Decimal(14, 2)),
        currency=pl.lit("EUR"),
    )
    lines = raw.select(
        order=pl.format("t{}", "order_id"),
        sku=pl.lit("tea"),
        quantity=pl.lit(1),
        unit_price=pl.col("amount").map_elements(lambda a: Decimal(str(a)), pl.Decimal(14, 4)),
    )
    await merge_orders(ctx, orders, lines)


async def shop(core: Core, raw: pl.DataFrame | None = None) -> None:
    """A shop in the tenant alpha: filled, trained and scored."""
    async with core.tenant_scope("alpha") as ctx:
        await fill(ctx, many() if raw is None else raw)
    ctx = await core.detached("alpha")
    await run.train(ctx, ["churn"])
    await run.score(ctx, ["churn"])


async def traits(ctx: Context, name: str) -> dict[int, str]:
    """Everyone's trait of this name as JSON, and when it was written."""
    rows = await ctx.db.fetch(
        "SELECT customer_id, value::text, at FROM profiles_trait WHERE tenant_id = $1 AND name = $2",
        ctx.tenant.id,
        name,
    )
    return {row["customer_id"]: (row["value"], row["at"]) for row in rows}  # type: ignore[misc]
