"""A shop's history: from Postgres in bulk, and cut or counted at a moment."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.contracts.models import History
from kernel.profiles.frames import MOMENT
from kernel.profiles.staging import query_frame

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.contracts.models import Need

Schema = dict[str, Any]
ORDERS: Schema = {
    "customer_id": pl.Int64,
    "order_id": pl.Int64,
    "ordered_at": MOMENT,
    "amount": pl.Float64,
    "is_return": pl.Boolean,
    "units": pl.Int32,
    "lines": pl.Int32,
}
PIECES: Schema = {"order_id": pl.Int64, "units": pl.Int32, "lines": pl.Int32}
LINES: Schema = {
    "order_id": pl.Int64,
    "customer_id": pl.Int64,
    "ordered_at": MOMENT,
    "sku": pl.String,
    "quantity": pl.Int64,
    "unit_price": pl.Float64,
    "amount": pl.Float64,
    "is_product": pl.Boolean,
}
PRODUCTS: Schema = {
    "sku": pl.String,
    "title": pl.String,
    "product_type": pl.String,
    "price": pl.Float64,
    "listed": pl.Boolean,
    "inventory": pl.Int64,
    "is_product": pl.Boolean,
}
MAILS: Schema = {
    "customer_id": pl.Int64,
    "at": MOMENT,
    "kind": pl.String,
    "campaign_type": pl.String,
}

# Times travel as microseconds and flags as 0 and 1: that is what reads fastest from CSV. Cancelled and
# test orders count for nothing; who asked to be forgotten is in no frame.
_MICROS = "(extract(epoch FROM {}) * 1000000)::bigint"
_PLACED = """o.status = 'placed' AND NOT o.is_test AND o.ordered_at < $2"""
_FORGOTTEN = """EXISTS (SELECT FROM profiles_customer e
  WHERE e.tenant_id = $1 AND e.id = o.customer_id AND e.erased_at IS NOT NULL)"""
_ORDERS = f"""
SELECT o.customer_id, o.id AS order_id, {_MICROS.format("o.ordered_at")} AS ordered_at,
  CASE WHEN o.currency = $3 THEN o.amount END AS amount, (o.kind = 'return')::int AS is_return
FROM profiles_order o
WHERE o.tenant_id = $1 AND o.customer_id IS NOT NULL AND {_PLACED} AND NOT {_FORGOTTEN} {{some}}
"""
# Apart from the orders: a join of ten million rows with as many costs more than reading them twice.
_PIECES = """
SELECT order_id, least(sum(quantity), 2147483647) AS units, count(*) AS lines FROM profiles_order_line
WHERE tenant_id = $1 AND is_product AND $2::timestamptz IS NOT NULL AND $3::text IS NOT NULL {of_some}
GROUP BY order_id
"""
_LINES = f"""
SELECT l.order_id, CASE WHEN NOT {_FORGOTTEN} THEN o.customer_id END AS customer_id,
  {_MICROS.format("o.ordered_at")} AS ordered_at, l.sku,
  CASE WHEN o.kind = 'return' THEN -abs(l.quantity) ELSE l.quantity END AS quantity, l.unit_price,
  (l.is_product AND coalesce(p.is_product, true))::int AS is_product
FROM profiles_order_line l
JOIN profiles_order o ON o.tenant_id = $1 AND o.id = l.order_id
LEFT JOIN profiles_product p ON p.tenant_id = $1 AND p.sku = l.sku
WHERE l.tenant_id = $1 AND {_PLACED} AND $3::text IS NOT NULL {{some}}
"""
_PRODUCTS = """
SELECT sku, title, product_type, price, (status = 'active')::int AS listed, inventory,
  is_product::int AS is_product
FROM profiles_product WHERE tenant_id = $1 AND $2::timestamptz IS NOT NULL AND $3::text IS NOT NULL
"""
_MAILS = f"""
SELECT o.customer_id, {_MICROS.format("o.at")} AS at, o.kind, c.campaign_type
FROM (
  SELECT tenant_id, campaign_id, customer_id, attempted_at AS at, 'sent' AS kind FROM pipeline_message
  WHERE state IN ('attempting', 'accepted', 'delivered', 'unknown')
  UNION ALL
  SELECT s.tenant_id, s.campaign_id, s.customer_id, t.at, 'clicked' FROM pipeline_outcome t
  JOIN pipeline_message s ON s.tenant_id = t.tenant_id AND s.id = t.message_id
  WHERE t.kind = 'clicked'
) o
JOIN pipeline_campaign c ON c.tenant_id = $1 AND c.id = o.campaign_id
WHERE o.tenant_id = $1 AND NOT c.urgent AND o.at < $2 AND $3::text IS NOT NULL
  AND NOT {_FORGOTTEN} {{some}}
"""
_SOME = "AND o.customer_id = ANY($4::bigint[])"
_OF_SOME = """AND order_id IN (SELECT id FROM profiles_order WHERE tenant_id = $1
  AND customer_id = ANY($4::bigint[]))"""
_READ: dict[str, tuple[Schema, str]] = {
    "orders": ({n: t for n, t in ORDERS.items() if n not in PIECES or n == "order_id"}, _ORDERS),
    "pieces": (PIECES, _PIECES),
    "lines": (LINES, _LINES),
    "products": (PRODUCTS, _PRODUCTS),
    "mails": (MAILS, _MAILS),
}


async def read_history(
    ctx: Context,
    as_of: datetime,
    needs: Collection[Need] = (),
    customer_ids: Sequence[int] | None = None,
    *,
    pieces: bool = True,
) -> History:
    """What happened in the tenant's shop before `as_of`: the orders, and the frames in `needs`.

    Args:
        ctx: the tenant, in a transaction.
        as_of: aware.
        needs: further frames to read.
        customer_ids: only theirs; products are read whole.
        pieces: count the units and lines of each order; else they are 0.
    """
    args: list[Any] = [ctx.tenant.id, as_of, ctx.tenant.currency]
    part = {"some": "", "of_some": ""}
    if customer_ids is None:
        await ctx.db.execute("SET LOCAL work_mem = '128MB'")
    else:
        args.append(list(customer_ids))
        part = {"some": _SOME, "of_some": _OF_SOME}
    frames: dict[str, pl.DataFrame] = {}
    for name, (schema, sql) in _READ.items():
        if name in ("orders", *needs) or (name == "pieces" and pieces):
            given = args[:3] if name == "products" else args
            frames[name] = await _frame(ctx, schema, sql.format(**part), given)
    counted = frames.pop("pieces", pl.DataFrame(schema=PIECES))
    counts = pl.col("units", "lines").fill_null(0)
    frames["orders"] = (
        frames["orders"].join(counted, on="order_id", how="left").with_columns(counts)
    )
    return history(timezone=ctx.tenant.timezone, currency=ctx.tenant.currency, **frames)


async def _frame(ctx: Context, schema: Schema, sql: str, args: list[Any]) -> pl.DataFrame:
    plain = {n: pl.Int64 if t in (MOMENT, pl.Boolean) else t for n, t in schema.items()}
    plain.pop("amount", None) if "unit_price" in schema else None
    frame = await query_frame(ctx, plain, sql, *args)
    if "unit_price" in schema:
        frame = frame.with_columns(amount=pl.col("quantity") * pl.col("unit_price"))
    return frame.with_columns(
        *(pl.col(n).cast(t) for n, t in schema.items() if t in (MOMENT, pl.Boolean))
    )


def history(
    orders: pl.DataFrame,
    lines: pl.DataFrame | None = None,
    products: pl.DataFrame | None = None,
    mails: pl.DataFrame | None = None,
    **rest: Any,
) -> History:
    """A History of these frames in its columns, types and order; what is not given is empty."""
    given = {"orders": (orders, ORDERS), "lines": (lines, LINES), "products": (products, PRODUCTS)}
    given["mails"] = (mails, MAILS)
    frames: dict[str, Any] = {}
    for name, (frame, schema) in given.items():
        frame = pl.DataFrame(schema=schema) if frame is None else frame
        frames[name] = frame.select(pl.col(n).cast(t) for n, t in schema.items())
    if not _in_order(frames["orders"]):
        frames["orders"] = frames["orders"].sort("customer_id", "ordered_at", "amount")
    frames["orders"] = frames["orders"].with_columns(pl.col("customer_id").set_sorted())
    return History(**frames, **rest)


def _in_order(orders: pl.DataFrame) -> bool:
    """Whether they are sorted already: a look is ten times cheaper than a sort, in time and memory."""
    if not orders["customer_id"].is_sorted():
        return False
    same, at = orders["customer_id"].diff() == 0, orders["ordered_at"].to_physical().diff()
    less = (at < 0) | ((at == 0) & (orders["amount"].diff() < 0).fill_null(True))
    return not (same & less).any()


def before(history: History, as_of: datetime) -> History:
    """The history as it was known at `as_of`: nothing that happened then or later."""
    return replace(
        history,
        orders=history.orders.filter(pl.col("ordered_at") < as_of),
        lines=history.lines.filter(pl.col("ordered_at") < as_of),
        mails=history.mails.filter(pl.col("at") < as_of),
    )


def named(history: History, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the customers' ids as they were written in the file."""
    if history.ids is None:
        return frame
    return frame.with_columns(history.ids.gather(frame["customer_id"]).alias("customer_id"))
