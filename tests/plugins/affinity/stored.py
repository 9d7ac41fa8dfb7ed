"""The same shop in the database: a giftware shop of tea and soap, learned and scored."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import polars as pl

from kernel.models import run
from kernel.sdk import Context, find_customer, merge_orders, merge_products
from kernel.tenancy.core import Core

TITLES = {
    "tea": "Oolong <b>tea</b>",
    "pot": "Tea pot",
    "soap": "Oak soap",
    "cup": "Cup",
    "mat": "Bath mat",
}
COMPANIONS = ("ada", "bob", "eve")


async def fill(ctx: Context) -> None:
    """A catalogue; thirty customers who buy tea with a pot and soap with a mat; Ada, Bob and Eve."""
    await merge_products(
        ctx,
        pl.DataFrame(
            {
                "sku": list(TITLES),
                "title": list(TITLES.values()),
                "price": [Decimal(12)] * len(TITLES),
                "currency": ["EUR"] * len(TITLES),
            }
        ),
    )
    bought: list[tuple[str, int, str]] = []
    for n in range(30):
        bought += [(f"c{n}", 40 + n, "tea pot" if n % 3 else "tea"), (f"c{n}", 100 + n, "soap mat")]
        bought += [(f"c{n}", 10 + n % 7, "cup")]
    for n in range(40):  # of the last days, so that the model can be judged
        bought.append((f"c{n % 30}", 2 + n % 20, "soap mat" if n % 2 else "tea pot"))
    bought += [("ada", 200, "tea"), ("ada", 150, "tea"), ("ada", 90, "tea cup")]
    bought += [("bob", 60, "soap"), ("eve", 60, "pot")]
    rows = [
        (f"o{number}", who, ctx.now - timedelta(days=ago), skus.split())
        for number, (who, ago, skus) in enumerate(bought)
    ]
    orders = pl.DataFrame(
        {
            "external_id": [row[0] for row in rows],
            "customer": [row[1] for row in rows],
            "email": [f"{row[1]}@example.com" for row in rows],
            "ordered_at": [row[2] for row in rows],
            "amount": [Decimal(12 * len(row[3])) for row in rows],
            "currency": ["EUR"] * len(rows),
        }
    )
    lines = [(order, sku) for order, _, _, skus in rows for sku in skus]
    frame = pl.DataFrame(lines, ["order", "sku"], orient="row").with_columns(
        quantity=pl.lit(1), unit_price=pl.lit(Decimal(12)).cast(pl.Decimal(14, 4))
    )
    await merge_orders(ctx, orders, frame)


async def shop(core: Core) -> dict[str, int]:
    """Filled, trained and scored; the ids of Ada, Bob and Eve."""
    async with core.tenant_scope("alpha") as ctx:
        await fill(ctx)
        ids = {name: await find_customer(ctx, name) for name in COMPANIONS}
    ctx = await core.detached("alpha")
    await run.train(ctx, ["affinity"])
    await run.score(ctx, ["affinity"])
    return ids
