"""What sources call when something happens now: the same merging, and an event for each thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.contracts.events import CustomerCreated, OrderPlaced
from kernel.events.outbox import emit
from kernel.profiles import orders as order_merge
from kernel.profiles.consent import set_consents
from kernel.profiles.consent_tracking import set_tracking_consent
from kernel.profiles.customers import resolve, write
from kernel.profiles.frames import CUSTOMERS, ORDERS, conform

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.contracts.context import Context


async def create_customers(ctx: Context, frame: pl.DataFrame) -> list[int]:
    """Ids of the customers of `frame` (columns CUSTOMERS), in its order.

    Those that were unknown are created, and CustomerCreated is emitted for each; of the others, what
    the frame tells replaces what was known. Consent without a time counts as given now where the
    customer is new; where they were known, an undated yes never undoes a no.
    """
    frame = conform(frame, CUSTOMERS, "customers")
    silent = frame.with_columns(consent=pl.lit(""), tracking=pl.lit(""))
    people = await resolve(ctx, silent, update=True)
    await write(ctx, people)
    rows = frame.with_columns(people.ids.alias("id"), pl.col("created_at").fill_null(ctx.now))
    await _tell_created(ctx, people.created, rows.select("id", at="created_at"))
    await set_consents(ctx, _said(rows, "consent", people.created, ctx.now))
    await set_tracking_consent(ctx, _said(rows, "tracking", people.created, ctx.now))
    return people.ids.to_list()


async def place_orders(ctx: Context, frame: pl.DataFrame, lines: pl.DataFrame) -> list[int]:
    """Ids of the orders of `frame` (columns ORDERS) with their `lines` (LINES), in its order.

    OrderPlaced is emitted for each order that was unknown, is placed, is no return and no test;
    CustomerCreated for each customer it made known. An order told again, equal or changed, emits
    nothing, so a webhook may come twice.
    """
    frame = conform(frame, ORDERS, "orders")
    merged = await order_merge.merge(ctx, frame, lines)
    who = merged.outcome.select("external_id", "id", "what", buyer="customer_id")
    rows = frame.join(who, on="external_id", how="left", maintain_order="left")
    await _tell_created(ctx, merged.new_customers, rows.select(id="buyer", at="ordered_at"))
    new = rows.filter(
        (pl.col("what") == "created")
        & (pl.col("kind") == "order")
        & (pl.col("status") == "placed")
        & ~pl.col("is_test")
    )
    events = [
        OrderPlaced(
            order_id=row["id"],
            customer_id=row["buyer"],
            amount=row["amount"],
            currency=row["currency"],
            occurred_at=row["ordered_at"],
            discount_codes=tuple(filter(None, map(str.strip, row["discount_codes"].split(",")))),
        )
        for row in new.iter_rows(named=True)
    ]
    await emit(ctx, *events)
    return rows["id"].to_list()


def _said(rows: pl.DataFrame, what: str, new: frozenset[int], now: datetime) -> list[Any]:
    """The statements of `rows` on `what`, the newest about each customer."""
    at = f"{what}_at"
    said = (
        rows.filter(~pl.col(what).is_in(["", "unknown"]))
        .with_columns(
            pl.when(pl.col("id").is_in(list(new)))
            .then(pl.col(at).fill_null(now))
            .otherwise(pl.col(at))
        )
        .sort(at, maintain_order=True)
        .unique("id", keep="last", maintain_order=True)
    )
    return said.select("id", what, "consent_source", at).rows()


async def _tell_created(ctx: Context, created: frozenset[int], seen: pl.DataFrame) -> None:
    """CustomerCreated for each of `created`, at the earliest `at` of their rows in `seen`."""
    born = seen.filter(pl.col("id").is_in(list(created))).group_by("id").agg(pl.col("at").min())
    rows: list[tuple[int, datetime]] = born.sort("at", "id").rows()
    await emit(ctx, *(CustomerCreated(customer_id=who, occurred_at=at) for who, at in rows))
