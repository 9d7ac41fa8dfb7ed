"""What sources call with a history: canonical frames in, counts out. One event at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen, canonical, new_id
from kernel.contracts.events import ImportFinished
from kernel.events.outbox import emit
from kernel.profiles import orders, products
from kernel.profiles.customers import resolve, write
from kernel.profiles.orders import MergedOrders

if TYPE_CHECKING:
    import polars as pl

    from kernel.contracts.context import Context
    from kernel.db.uow import Pool
    from kernel.tenancy.scope import TenantScope


class Counts(Frozen):
    """What became of the rows of a frame: each is counted in exactly one of the first four."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    merged: int = 0
    """Rows that told more of something an earlier row had already named."""
    noticed: dict[str, int] = msgspec.field(default_factory=dict)
    """Facts worth telling, e.g. `same_email`; see docs/import.md."""


async def merge_customers(ctx: Context, frame: pl.DataFrame) -> Counts:
    """Customers (columns CUSTOMERS) are created, or changed where the frame says something new.

    Every row needs an `external_id` or an `email`. Rows about one person are merged; where they
    differ, the later row counts. No events are emitted: see `finish_import` and `create_customers`.
    """
    people = await resolve(ctx, frame, update=True)
    changed = len(await write(ctx, people))
    created, ids = len(people.created), set(people.ids.drop_nulls())
    return Counts(
        created=created,
        changed=changed,
        unchanged=len(ids) - created - changed,
        merged=people.ids.len() - people.ids.null_count() - len(ids),
        noticed=people.noticed,
    )


async def merge_products(ctx: Context, frame: pl.DataFrame) -> Counts:
    """Products (columns PRODUCTS) are created or changed; the later row of a SKU counts."""
    written = await products.merge(ctx, frame)
    created, skus = int(written["created"].sum()), frame["sku"].n_unique()
    return Counts(
        created=created,
        changed=written.height - created,
        unchanged=skus - written.height,
        merged=frame.height - skus,
    )


async def merge_orders(ctx: Context, frame: pl.DataFrame, lines: pl.DataFrame) -> MergedOrders:
    """Orders (columns ORDERS, one row each) with their lines (LINES) are created, or replaced where
    they differ; customers they name are created where unknown, and their totals follow.
    """
    return await orders.merge(ctx, frame, lines)


async def finish_import(
    ctx: Context, kind: str, file_name: str, sha256: str, written: int, report: dict[str, Any]
) -> UUID:
    """The id of the import in the tenant's history of imports; emits ImportFinished when anything
    was written. The report must hold counts only, no personal data.
    """
    import_id = new_id()
    await ctx.db.execute(
        "INSERT INTO profiles_import (tenant_id, id, kind, file_name, file_sha256, actor, report) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        ctx.tenant.id,
        import_id,
        kind,
        file_name,
        sha256,
        ctx.actor,
        canonical(report).decode(),
    )
    if written:
        await emit(ctx, ImportFinished(kind=kind, written=written, occurred_at=ctx.now))
        scope = cast("TenantScope", ctx)
        refresh = _Statistics(scope.core.pool)
        if refresh not in scope.db.after_commit:
            scope.after_commit(refresh)
    return import_id


@dataclass(frozen=True)
class _Statistics:
    """Lets the planner know the new rows at once. Until PostgreSQL does so by itself, about a minute
    later, it takes the tables for empty and compares everybody with everybody. As the owner of the
    tables: nobody else may, and it reads no rows out.
    """

    pool: Pool

    async def __call__(self) -> None:
        async with self.pool.unit_of_work(role=None) as unit:
            # Of the two long tables only what queries choose by: titles cost the most to sort.
            await unit.execute(
                "ANALYZE profiles_customer, profiles_product, "
                "profiles_order (tenant_id, id, customer_id, ordered_at, created_at, kind, status), "
                "profiles_order_line (tenant_id, order_id, sku, is_product)"
            )
