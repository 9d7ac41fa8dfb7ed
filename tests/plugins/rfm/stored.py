"""A shop in the database, learned and scored: ninety customers of all kinds, and some to know by name."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from kernel.models import run
from kernel.sdk import find_customer, merge_customers, merge_orders

if TYPE_CHECKING:
    from kernel.sdk import Context
    from kernel.tenancy.core import Core

Bought = list[tuple[str, float, int]]
"""Who, how many days ago, for how much."""

ADA, BOB, EVE, IDA = "ada", "bob", "eve", "ida"


def bought() -> Bought:
    """Ada is the best customer; Bob came back after long; Eve has just come; Ida has stopped."""
    rows: Bought = []
    for n in range(90):
        every = (9, 20, 45, 90, 400)[n % 5]
        ago = 3.0 + n % 7 + (n % 11) * every / 12
        while ago < 500:
            rows.append((f"c{n}", ago, 15 + (n * 7 + int(ago)) % 40))
            ago += every
    rows += [(ADA, 2 + 8 * n, 90) for n in range(40)]
    rows += [(BOB, 4, 60), *((BOB, 160 + 12 * n, 60) for n in range(14))]
    rows += [(EVE, 3, 20), (EVE, 9, 25)]
    rows += [(IDA, 70 + 10 * n, 45) for n in range(12)]
    return rows


def frames(ctx: Context, rows: Bought, prefix: str = "o") -> tuple[pl.DataFrame, pl.DataFrame]:
    """The orders as an import brings them, and their lines."""
    orders = pl.DataFrame(
        {
            "external_id": [f"{prefix}{number}" for number in range(len(rows))],
            "customer": [who for who, _, _ in rows],
            "email": [f"{who}@example.com" for who, _, _ in rows],
            "ordered_at": [ctx.now - timedelta(days=ago) for _, ago, _ in rows],
            "amount": [Decimal(amount) for *_, amount in rows],
            "currency": ["EUR"] * len(rows),
        }
    )
    lines = orders.select(
        order="external_id",
        sku=pl.lit("tea"),
        quantity=pl.lit(1),
        unit_price=pl.col("amount").cast(pl.Decimal(14, 4)),
    )
    return orders, lines


async def shop(core: Core, rows: Bought | None = None, tenant: str = "alpha") -> dict[str, int]:
    """Filled, trained and scored; ids by name."""
    rows = bought() if rows is None else rows
    names = sorted({who for who, _, _ in rows})
    async with core.tenant_scope(tenant) as ctx:
        await merge_customers(
            ctx,
            pl.DataFrame(
                {
                    "external_id": names,
                    "email": [f"{name}@example.com" for name in names],
                    "first_name": [name.title() for name in names],
                    "last_name": ["<b>Tester</b>" for _ in names],
                }
            ),
        )
        await merge_orders(ctx, *frames(ctx, rows))
        ids = {name: await find_customer(ctx, name) for name in names}
    ctx = await core.detached(tenant)
    await run.train(ctx, ["rfm"])
    await run.score(ctx, ["rfm"])
    return ids
