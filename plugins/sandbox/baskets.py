"""What is in an order: tastes, favourites bought again, and things that go together."""

from __future__ import annotations

import numpy as np
import polars as pl

from plugins.sandbox.catalogue import CATEGORIES, Catalogue
from plugins.sandbox.people import FAVOURITES, People
from plugins.sandbox.seasons import Floats, Ints

MAX_ITEMS = 12
DRAWS = 2 + 3 * MAX_ITEMS
"""Uniform numbers that one basket uses up."""

AGAIN = 0.36
"""Chance that an item is one of the customer's favourites."""
TOGETHER = 0.30
"""Chance that an item is the partner of the item before it."""
SALE_DAYS, SALE = (328, 335), 0.8
"""Days of the year with lower prices (the week of Black Friday), and what is paid of the price."""
FREE_SHIPPING, SHIPPING = 45.0, 4.9


def make_baskets(
    people: People, who: Ints, days: Ints, catalogue: Catalogue, draws: Floats
) -> pl.DataFrame:
    """The lines of one order each: order (index into `who`), sku, title, quantity, unit_price,
    is_product.

    Args:
        who: index of the customer of each order; -1 for a guest of no taste.
        days: day of each order, since 1970-01-01.
        draws: (orders, DRAWS) uniform numbers.
    """
    taste, favourites, budget, wholesale = _of(people, who)
    items = 1 + np.floor(np.log(1 - draws[:, 0] * 0.999) / np.log(0.58)).astype(np.int64)
    items = np.where(wholesale, 5 + (draws[:, 0] * 8).astype(np.int64), items).clip(1, MAX_ITEMS)
    parts: list[pl.DataFrame] = []
    before = np.zeros(len(who), dtype=np.int64)
    for j in range(MAX_ITEMS):
        u = draws[:, 2 + 3 * j : 5 + 3 * j]
        liked = favourites[np.arange(len(who)), (u[:, 1] * FAVOURITES).astype(np.int64)]
        again = u[:, 0] < AGAIN
        shelf = np.where(again, (liked & 0x7FFF) / 0x8000, u[:, 1])
        inner = np.where(again, (liked >> 15) / 0x8000, u[:, 2])
        product = _choose(catalogue, taste, shelf, inner)
        if j:
            together = (u[:, 0] >= AGAIN) & (u[:, 0] < AGAIN + TOGETHER)
            product = np.where(together, catalogue.partner[before], product)
        more = (u[:, 2] * 997.0) % 1.0
        single = 1 + (more < 0.16 * budget) + (more < 0.05 * budget)
        quantity = np.where(wholesale, 4 + (more * 14).astype(np.int64), single)
        here = np.flatnonzero(items > j)
        parts.append(
            pl.DataFrame({"order": here, "product": product[here], "quantity": quantity[here]})
        )
        before = product
    price = np.round(catalogue.price, 2)
    of_year = (days - 0.5) % 365.25
    sale = np.where((of_year >= SALE_DAYS[0]) & (of_year < SALE_DAYS[1]), SALE, 1.0)
    names = pl.DataFrame({
        "product": np.arange(len(price)), "sku": catalogue.sku, "title": catalogue.title, "list": price,
    })  # fmt: skip
    lines = (
        # One line a product: the same thing put in twice is two pieces.
        pl.concat(parts)
        .group_by("order", "product", maintain_order=True)
        .agg(pl.col("quantity").sum())
        .join(names, on="product", how="left", maintain_order="left")
        .with_columns(
            unit_price=(pl.col("list") * pl.lit(pl.Series(sale)).gather("order")).round(2)
        )
        .select("order", "sku", "title", "quantity", "unit_price", is_product=pl.lit(True))
    )
    return pl.concat([lines, _shipping(lines)]).sort("order", maintain_order=True)


def _shipping(lines: pl.DataFrame) -> pl.DataFrame:
    """A line that is no product, for orders below the free limit."""
    return (
        lines.group_by("order", maintain_order=True)
        .agg(total=(pl.col("quantity") * pl.col("unit_price")).sum())
        .filter(pl.col("total") < FREE_SHIPPING)
        .select(
            "order",
            sku=pl.lit("SHIPPING"),
            title=pl.lit("Shipping"),
            quantity=pl.lit(1, dtype=lines["quantity"].dtype),
            unit_price=pl.lit(SHIPPING),
            is_product=pl.lit(False),
        )
    )


def _of(people: People, who: Ints) -> tuple[Floats, Ints, Floats, np.ndarray]:
    known = who >= 0
    average = np.cumsum([c.share for c in CATEGORIES])
    if not len(people):
        raise ValueError("a shop needs at least one customer")
    taste = np.where(known[:, None], people.taste[who], average)
    return (
        taste,
        people.favourites[who],
        np.where(known, people.budget[who], 1.0),
        known & people.wholesale[who],
    )


def _choose(catalogue: Catalogue, taste: Floats, shelf: Floats, inner: Floats) -> Ints:
    """A product each: the shelf by the row of `taste`, the product there by popularity."""
    category = (shelf[:, None] > taste).sum(axis=1).clip(0, taste.shape[1] - 1)
    chosen = np.zeros(len(shelf), dtype=np.int64)
    for c in range(taste.shape[1]):
        here = np.flatnonzero(catalogue.category == c)
        mask = category == c
        edges = np.cumsum(catalogue.popularity[here])
        chosen[mask] = here[np.searchsorted(edges, inner[mask]).clip(0, len(here) - 1)]
    return chosen
