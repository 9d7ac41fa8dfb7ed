"""Puts a pretend shop into a tenant, by the same way as every real source."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import polars as pl

from kernel.sdk import (
    Conflict,
    Context,
    create_customers,
    finish_import,
    merge_customers,
    merge_orders,
    merge_products,
)
from kernel.sdk import place_orders as place
from plugins.sandbox import repo
from plugins.sandbox.seasons import shop_midnight
from plugins.sandbox.shop import Shop, make_shop

SOURCE = "sandbox"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which shop to make."""

    seed: int = 1
    customers: int = 5000
    days: int = 730
    products: int = 120


async def open_shop(
    ctx: Context, plan: Plan, tell: Callable[[str, int], None] = lambda _what, _count: None
) -> Shop:
    """Makes a shop whose past ends at the tenant's last midnight, and writes it into the tenant.

    All in the caller's transaction: interrupted, it leaves nothing.

    Args:
        ctx: the tenant; its clock says where the past ends.
        plan: the shop to make.
        tell: called with what was written and how many.

    Raises:
        Conflict: the tenant has customers already.
    """
    if await ctx.db.fetchval(
        "SELECT EXISTS (SELECT FROM profiles_customer WHERE tenant_id = $1)", ctx.tenant.id
    ):
        raise Conflict(
            f"The tenant `{ctx.tenant.id}` has customers already.",
            "A pretend shop is only made in an empty tenant: use another one.",
        )
    zone = ctx.tenant.timezone
    until = ctx.now.astimezone(ZoneInfo(zone)).date()
    shop = await asyncio.to_thread(
        make_shop,
        seed=plan.seed,
        customers=plan.customers,
        until=until,
        days=plan.days,
        products=plan.products,
        country=ctx.tenant.country,
        timezone=zone,
    )
    source, currency = pl.lit(SOURCE).alias("source"), pl.lit(ctx.tenant.currency).alias("currency")
    for kind, frame in (
        ("products", shop.products.with_columns(source, currency)),
        ("customers", shop.customers.with_columns(source)),
        ("orders", shop.orders.with_columns(source, currency)),
    ):
        if kind == "products":
            await merge_products(ctx, frame)
        elif kind == "customers":
            await merge_customers(ctx, frame)
        else:
            await merge_orders(ctx, frame, shop.lines)
        tell(kind, frame.height)
        name = f"sandbox shop, seed {plan.seed}"
        digest = hashlib.sha256(f"{name} {plan} {until}".encode()).hexdigest()
        await finish_import(ctx, kind, name, digest, frame.height, {"read": frame.height})
    ids = shop.customers["external_id"].to_list()
    await repo.add_customers(ctx, ids, 1, shop.lost, shop.bought)
    await repo.save_world(ctx, _world(ctx, plan, until))
    return shop


def _world(ctx: Context, plan: Plan, until: date) -> repo.World:
    return repo.World(
        seed=plan.seed,
        customers=plan.customers,
        products=plan.products,
        country=ctx.tenant.country,
        timezone=ctx.tenant.timezone,
        began_with=plan.customers,
        opened_on=until,
        history_days=plan.days,
        lived_until=shop_midnight(until, ctx.tenant.timezone),
    )


async def add_customers(ctx: Context, rows: pl.DataFrame) -> None:
    """These customers join now; CustomerCreated is emitted for each."""
    await create_customers(ctx, rows.with_columns(pl.lit(SOURCE).alias("source")))


async def place_orders(ctx: Context, orders: pl.DataFrame, lines: pl.DataFrame) -> None:
    """These orders are placed now; OrderPlaced is emitted for each."""
    frame = orders.with_columns(
        pl.lit(SOURCE).alias("source"), pl.lit(ctx.tenant.currency).alias("currency")
    )
    await place(ctx, frame, lines)
