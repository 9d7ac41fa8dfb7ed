"""What is recommended: to a basket what goes with it, to a customer what they buy again and what is new.

Every recommendation has its reason with the counts behind it. Left out are products that are unlisted,
out of stock or no products, and in the slot `again` what was sent back and what was bought so recently
that another one makes no sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plugins.affinity.ranking import best
from plugins.affinity.reasons import because, bought
from plugins.affinity.sales import day_of, days_of, place, sold
from plugins.affinity.sparse import csr_matrix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kernel.sdk import History
    from plugins.affinity.learned import Learned
    from plugins.affinity.reasons import Since

SUGGESTED = {
    "customer_id": pl.Int64,
    "slot": pl.String,
    "rank": pl.Int32,
    "item": pl.String,
    "score": pl.Float64,
    "reason": pl.String,
}
FITTING = {"basket_id": pl.Int64, "rank": pl.Int32, "item": pl.String, "score": pl.Float64}
POPULAR = 0.1
"""How much is added to what is new for being popular now."""
MOST_OWNED = 100
"""Products of one customer that speak for new ones: the last bought."""
_YEAR = 365
_CUSTOMERS = 50_000
"""Looked at together: memory does not grow with the shop."""


def available(learned: Learned, products: pl.DataFrame) -> Any:
    """By product: whether it can be bought now, bool.

    Where the catalogue is known, what is not in it is not for sale. It counts as known when half of
    what was ordered is in it.
    """
    skus = pl.Series("sku", learned.skus, dtype=pl.String)
    if products.is_empty():
        return np.ones(learned.items, bool)
    stocked = pl.col("inventory").is_null() | (pl.col("inventory") > 0)
    for_sale = products.select("sku", ok=pl.col("listed") & pl.col("is_product") & stocked)
    for_sale = for_sale.unique("sku", keep="any")
    found = skus.to_frame().join(for_sale, on="sku", how="left", maintain_order="left")["ok"]
    known = learned.orders[found.is_not_null().to_numpy()].sum() * 2 >= learned.orders.sum()
    return found.fill_null(not known).to_numpy()


def titles(learned: Learned, products: pl.DataFrame) -> pl.Series:
    """By product: its title, or its SKU."""
    skus = pl.DataFrame({"sku": pl.Series(learned.skus, dtype=pl.String)})
    named = products.filter(pl.col("title") != "").select("sku", "title").unique("sku", keep="any")
    found = skus.join(named, on="sku", how="left", maintain_order="left")
    return found.select(pl.coalesce("title", "sku"))["title"]


def fitting(
    learned: Learned, history: History, baskets: pl.DataFrame, k: int, everything: bool = False
) -> pl.DataFrame:
    """For each basket the `k` products that fit it best: `basket_id, rank, item, score`.

    A basket of which nothing is known gets what is popular now.

    Args:
        learned: of the shop.
        history: its products say what can be bought.
        baskets: `basket_id`, `item`.
        k: how many.
        everything: True: what cannot be bought now is recommended too, to judge by the past.
    """
    names = baskets["basket_id"].unique().drop_nulls().sort()
    rows = baskets.join(names.to_frame().with_row_index("row"), on="basket_id")
    rows = _numbered(rows, learned, "item").unique(["row", "number"])
    matrix = _matrix(rows, np.ones(rows.height, np.float32), names.len(), learned.items)
    ok = np.full(learned.items, everything) | available(learned, history.products)
    known = np.diff(matrix.indptr) > 0
    parts = []
    for chosen, base in ((known, learned.links.bias), (~known, learned.popular)):
        at = np.flatnonzero(chosen)
        part = matrix[at]
        base = np.where(ok, base, -np.inf)
        found = best((part @ learned.links.weight).tocsr(), base, part, k)
        parts.append(found.with_columns(row=pl.Series(at).gather(found["row"])))
    found = pl.concat(parts).sort("row", "rank")
    return _named(found, learned, names).select(_typed(FITTING))


def suggested(
    learned: Learned,
    history: History,
    as_of: datetime,
    k: int,
    *,
    since: Since = "days",
    everything: bool = False,
) -> Iterator[pl.DataFrame]:
    """Both slots of everyone who ordered before `as_of`, in parts: `customer_id, slot, rank, item,
    score, reason`, up to `k` in each slot.

    Args:
        learned: of the shop, perhaps earlier than `as_of`.
        history: of the customers asked for.
        as_of: the moment.
        k: how many in a slot.
        since: whether a reason tells the last purchase in days before `as_of` or as its date; the
            date stays true tomorrow.
        everything: True: what cannot be bought now is recommended too, to judge by the past.
    """
    owned = _owned(learned, history, as_of)
    known = history.orders.filter(pl.col("ordered_at") < as_of)["customer_id"]
    everyone = pl.concat([known, owned["customer_id"]]).unique().drop_nulls().sort()
    ok = np.full(learned.items, everything) | available(learned, history.products)
    names = titles(learned, history.products)
    today = day_of(as_of, history.timezone)
    for start in range(0, everyone.len(), _CUSTOMERS):
        ids = everyone.slice(start, _CUSTOMERS)
        theirs = owned.join(ids.to_frame().with_row_index("row"), on="customer_id").sort(
            "row", "number"
        )
        yield _again(learned, theirs, ok, today, k, since).select(_typed(SUGGESTED))
        yield _new(learned, theirs, ids, ok, names, k).select(_typed(SUGGESTED))


def _owned(learned: Learned, history: History, as_of: datetime) -> pl.DataFrame:
    """`customer_id, number`, and of each product: `days` on which it was bought, `first`, `last`,
    `customer_last`, whether it was sent `back`, and `count`, in which years before the customer's
    last order count half each.
    """
    day = days_of(pl.col("ordered_at"), history.timezone)
    key = ["customer_id", "number"]
    lines = sold(history, as_of).filter(pl.col("customer_id").is_not_null())
    lines = lines.select("customer_id", "quantity", "sku", day=day)
    lines = _numbered(lines, learned, "sku")
    returned = history.lines.filter(
        pl.col("ordered_at") < as_of, pl.col("quantity") < 0, pl.col("customer_id").is_not_null()
    )
    returned = _numbered(returned.select("customer_id", "sku", "quantity"), learned, "sku")
    returned = returned.group_by(key).agg(gone=-pl.col("quantity").sum())
    last = lines.group_by("customer_id").agg(customer_last=pl.col("day").max())
    daily = lines.group_by(*key, "day").agg(pl.col("quantity").sum())
    daily = daily.join(last, on="customer_id")
    worth = 0.5 ** ((pl.col("customer_last") - pl.col("day")) // _YEAR)
    each = daily.group_by(key).agg(
        days=pl.len(),
        first=pl.col("day").min(),
        last=pl.col("day").max(),
        customer_last=pl.col("customer_last").first(),
        quantity=pl.col("quantity").sum(),
        count=worth.sum(),
    )
    each = each.join(returned, on=key, how="left")
    return each.with_columns(back=pl.col("gone").fill_null(0) >= pl.col("quantity"))


def _again(
    learned: Learned, owned: pl.DataFrame, ok: Any, today: int, k: int, since: Since
) -> pl.DataFrame:
    number = owned["number"].to_numpy()
    waited = today - pl.col("last")
    # Who buys a product more often than others do is told by their own pauses.
    own = (pl.col("last") - pl.col("first")) / (pl.col("days") - 1) / 2
    due = (waited >= pl.col("wait")) | ((pl.col("days") > 2) & (waited >= own))
    found = owned.with_columns(
        wait=pl.Series(learned.wait[number]),
        popular=pl.Series(learned.popular[number]),
        ok=pl.Series(ok[number]),
    ).filter("ok", ~pl.col("back"), due)
    found = found.sort("row", "count", "popular", "number", descending=[False, True, True, False])
    found = found.with_columns(rank=pl.Series(place(found["row"].to_numpy()) + 1))
    found = found.filter(pl.col("rank") <= k)
    return found.with_columns(
        slot=pl.lit("again"),
        item=_skus(learned, found["number"]),
        score=pl.col("count").cast(pl.Float64),
        reason=bought(today, since),
    )


def _new(
    learned: Learned, owned: pl.DataFrame, ids: pl.Series, ok: Any, names: pl.Series, k: int
) -> pl.DataFrame:
    banned = _matrix(owned, np.ones(owned.height, np.float32), ids.len(), learned.items)
    speaking = owned.sort("row", "last", "number", descending=[False, True, False])
    speaking = speaking.filter(pl.Series(place(speaking["row"].to_numpy()) < MOST_OWNED))
    age = (speaking["customer_last"] - speaking["last"]).to_numpy()
    speaking = speaking.with_columns(voice=pl.Series((0.5 ** (age / _YEAR)).astype(np.float32)))
    speaking = speaking.sort("row", "number")
    voice = speaking["voice"].to_numpy()
    matrix = _matrix(speaking, voice, ids.len(), learned.items)
    base = learned.links.bias + POPULAR * learned.popular
    base = np.where(ok, base, -np.inf).astype(np.float32)
    found = best((matrix @ learned.links.weight).tocsr(), base, banned, k)
    found = because(learned, found, speaking, names)
    return found.with_columns(
        customer_id=ids.gather(found["row"]),
        slot=pl.lit("new"),
        item=_skus(learned, found["item"]),
    )


def _numbered(rows: pl.DataFrame, learned: Learned, column: str) -> pl.DataFrame:
    """`rows` of known products, with their `number`."""
    numbers = pl.DataFrame(
        {
            column: pl.Series(learned.skus, dtype=pl.String),
            "number": pl.Series(range(learned.items), dtype=pl.Int32),
        }
    )
    return rows.join(numbers, on=column)


def _matrix(rows: pl.DataFrame, values: Any, height: int, items: int) -> Any:
    """Of `row` and `number`, csr."""
    at = rows["row"].to_numpy(), rows["number"].to_numpy()
    return csr_matrix((values, at), shape=(height, items), dtype=np.float32)


def _skus(learned: Learned, numbers: pl.Series) -> pl.Series:
    return pl.Series("item", learned.skus, dtype=pl.String).gather(numbers)


def _typed(schema: dict[str, Any]) -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in schema.items()]


def _named(found: pl.DataFrame, learned: Learned, names: pl.Series) -> pl.DataFrame:
    return found.with_columns(
        basket_id=names.gather(found["row"]), item=_skus(learned, found["item"])
    )
