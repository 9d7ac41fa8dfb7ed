"""Orders from any source into the database. The unit of merge is the order with its lines.

A new order is inserted, one whose content differs is replaced together with its lines, an equal one
is not touched. Whether it differs is told by a hash over its own fields and its lines in a fixed
order, so neither the order of rows in a file nor how often it is read makes a difference.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.profiles.customers import People, resolve
from kernel.profiles.customers import write as write_customers
from kernel.profiles.frames import LINES, ORDERS, conform
from kernel.profiles.staging import new_ids, query_frame, stage
from kernel.profiles.totals import recompute

if TYPE_CHECKING:
    from kernel.contracts.context import Context

_SEEN = """
SELECT s.n, o.id, o.content_hash AS old_hash, o.customer_id AS before
FROM stage_seen s JOIN profiles_order o ON o.tenant_id = $1 AND o.external_id = s.external_id
"""
_INSERT = """
INSERT INTO profiles_order (tenant_id, id, external_id, customer_id, ordered_at, amount, currency,
  kind, status, is_test, discount_codes, content_hash, source)
SELECT $1, id, external_id, customer_id, ordered_at, amount, currency, kind, status, is_test,
  discount_codes, content_hash, source
FROM stage_order WHERE is_new
"""
_REPLACE = """
UPDATE profiles_order o SET customer_id = s.customer_id, ordered_at = s.ordered_at,
  amount = s.amount, currency = s.currency, kind = s.kind, status = s.status, is_test = s.is_test,
  discount_codes = s.discount_codes, content_hash = s.content_hash, source = s.source
FROM stage_order s WHERE NOT s.is_new AND o.tenant_id = $1 AND o.id = s.id
"""
_CLEAR = """
DELETE FROM profiles_order_line l USING stage_order s
WHERE NOT s.is_new AND l.tenant_id = $1 AND l.order_id = s.id
"""
_LINES = """
INSERT INTO profiles_order_line (tenant_id, order_id, line_no, sku, title, quantity, unit_price,
  is_product)
SELECT $1, order_id, line_no, sku, title, quantity, unit_price, is_product FROM stage_line
"""
_STRANGERS = """
SELECT s.id FROM unnest($2::bigint[]) AS s(id)
LEFT JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.id WHERE c.id IS NULL LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class MergedOrders:
    """What became of each order: `outcome` has external_id, id, customer_id and `what`, which is
    created, changed or unchanged.
    """

    outcome: pl.DataFrame
    new_customers: frozenset[int] = frozenset()
    noticed: dict[str, int] = field(default_factory=dict)


async def merge(ctx: Context, orders: pl.DataFrame, lines: pl.DataFrame) -> MergedOrders:
    """Writes `orders` (columns ORDERS) and their `lines` (columns LINES).

    Raises:
        InvalidInput: a column is missing, an order occurs twice, or a line has no order.
    """
    orders = conform(orders, ORDERS, "orders").with_row_index("n").cast({"n": pl.Int64})
    lines = conform(lines, LINES, "order lines")
    _unique(orders)
    # Two imports at once would each find the same order new; they take turns, tenant by tenant.
    await ctx.db.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('profiles.orders:' || $1, 0))", ctx.tenant.id
    )
    await stage(ctx, "stage_seen", orders.select("n", "external_id"))
    schema = {"n": pl.Int64, "id": pl.Int64, "old_hash": pl.Int64, "before": pl.Int64}
    seen = await query_frame(ctx, schema, _SEEN, ctx.tenant.id)
    orders = await _with_ids(ctx, orders.join(seen, on="n", how="left", maintain_order="left"))
    lines, texts = await asyncio.to_thread(_in_order, orders, lines)
    async with asyncio.TaskGroup() as both:
        hashing = both.create_task(asyncio.to_thread(_hashed, orders, texts))
        if not seen.height:  # the lines of a first import are all needed, whatever their hash
            both.create_task(stage(ctx, "stage_line", lines, joined=False))
    orders = hashing.result().with_columns(
        what=pl.when("is_new")
        .then(pl.lit("created"))
        .when(pl.col("old_hash") != pl.col("content_hash"))
        .then(pl.lit("changed"))
        .otherwise(pl.lit("unchanged"))
    )
    work = orders.filter(pl.col("what") != "unchanged")
    if not work.height:
        return MergedOrders(
            outcome=orders.select("external_id", "id", "what", customer_id="before")
        )
    if seen.height:
        lines = lines.join(work.select(order_id="id"), on="order_id", how="semi")
        await stage(ctx, "stage_line", lines, joined=False)
    work, people = await _with_customers(ctx, work)
    await _write(ctx, work)
    await write_customers(ctx, people)
    touched = pl.concat([work["customer_id"], work["before"]]).drop_nulls().unique()
    await recompute(ctx, touched.filter(~touched.is_in(list(people.created))))
    foreign = work.filter(pl.col("currency") != ctx.tenant.currency).height
    outcome = pl.concat(
        [
            work.select("n", "external_id", "id", "customer_id", "what"),
            orders.filter(pl.col("what") == "unchanged").select(
                "n", "external_id", "id", pl.col("before").alias("customer_id"), "what"
            ),
        ]
    )
    noticed = people.noticed | ({"foreign_currency": foreign} if foreign else {})
    return MergedOrders(
        outcome=outcome.sort("n").drop("n"),
        new_customers=people.created,
        noticed=noticed,
    )


def _unique(orders: pl.DataFrame) -> None:
    doubles = orders.filter(pl.col("external_id").is_duplicated())["external_id"]
    if doubles.len():
        raise InvalidInput(f"The order `{doubles[0]}` occurs twice.", "Bring each order once.")


async def _with_ids(ctx: Context, orders: pl.DataFrame) -> pl.DataFrame:
    """An id for every order, and `is_new`."""
    new = orders.filter(pl.col("id").is_null()).select("n")
    new = new.with_columns(new_id=await new_ids(ctx, "profiles_order", new.height))
    orders = orders.join(new, on="n", how="left", maintain_order="left")
    return orders.with_columns(
        id=pl.coalesce("id", "new_id"), is_new=pl.col("new_id").is_not_null()
    ).drop("new_id")


def _in_order(orders: pl.DataFrame, lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines with `order_id` and `line_no`, in an order that depends on what they say alone; and the
    `text` of all the lines of each order.
    """
    lines = lines.join(orders.select(order_id="id", order="external_id"), on="order", how="left")
    if lines["order_id"].null_count():
        lost = lines.filter(pl.col("order_id").is_null())["order"][0]
        raise InvalidInput(f"A line belongs to the unknown order `{lost}`.", "Bring its order too.")
    lines = (
        lines.with_columns(text=_joined("sku", "title", "quantity", "unit_price", "is_product"))
        .drop("order")
        .sort("order_id", "text")
    )
    texts = lines.group_by("order_id", maintain_order=True).agg(
        pl.col("text").str.join("\x1e"), count=pl.len()
    )
    numbers = texts.select(pl.int_ranges(1, pl.col("count") + 1, dtype=pl.Int32).explode())
    lines = lines.drop("text").with_columns(numbers.to_series().alias("line_no"))
    return lines, texts.select("text", id="order_id")


def _hashed(orders: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Orders with `content_hash`, over what they and their lines say."""
    fields = [name for name in ORDERS if name not in ("source", "discount_codes")]
    # Added only where there are some: orders that are known keep their hash.
    codes = pl.when(pl.col("discount_codes") != "").then("\x1f" + pl.col("discount_codes"))
    whole = orders.select("id", whole=pl.concat_str(_joined(*fields), codes.otherwise(pl.lit(""))))
    whole = whole.join(texts, on="id", how="left", maintain_order="left")
    whole = whole.select(pl.concat_str("whole", pl.col("text").fill_null(""), separator="\x1e"))
    # Ours and not polars' own hash, which may differ between its versions.
    hashes = [
        int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)
        for text in whole.to_series()
    ]
    return orders.with_columns(content_hash=pl.Series(hashes, dtype=pl.Int64))


def _joined(*names: str) -> pl.Expr:
    return pl.concat_str([pl.col(n).cast(pl.String).fill_null("") for n in names], separator="\x1f")


async def _with_customers(ctx: Context, work: pl.DataFrame) -> tuple[pl.DataFrame, People]:
    known = work["customer_id"].drop_nulls().unique()
    if known.len() and (
        stranger := await ctx.db.fetchval(_STRANGERS, ctx.tenant.id, known.to_list())
    ):
        raise InvalidInput(f"There is no customer {stranger}.", "Create the customer first.")
    # The newest order tells the name and address; equal times are told apart by the order's id.
    mention = (
        work.filter(pl.col("customer_id").is_null())
        .sort("ordered_at", "external_id")
        .select(
            "n", "email", "first_name", "last_name", "country", "source",
            external_id="customer", created_at="ordered_at",
        )
    )  # fmt: skip
    people = await resolve(ctx, mention.drop("n"), update=False)
    ids = mention.select("n").with_columns(people.ids.alias("resolved"))
    work = work.join(ids, on="n", how="left", maintain_order="left")
    return work.with_columns(customer_id=pl.coalesce("customer_id", "resolved")), people


async def _write(ctx: Context, work: pl.DataFrame) -> None:
    """Writes new and changed orders, and the lines that are staged."""
    columns = [
        "id", "external_id", "customer_id", "ordered_at", "amount", "currency", "kind", "status",
        "is_test", "discount_codes", "content_hash", "source", "is_new",
    ]  # fmt: skip
    replaced = not work["is_new"].all()
    await stage(ctx, "stage_order", work.select(columns), joined=replaced)
    if replaced:
        await ctx.db.execute(_REPLACE, ctx.tenant.id)
        await ctx.db.execute(_CLEAR, ctx.tenant.id)
    await ctx.db.execute(_INSERT, ctx.tenant.id)
    await ctx.db.execute(_LINES, ctx.tenant.id)
