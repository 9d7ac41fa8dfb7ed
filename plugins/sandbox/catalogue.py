"""The shop's shelves: 120 products in eight categories, with prices, stock, and what goes with what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.sandbox.seasons import Floats, Ints, stream


class Category(NamedTuple):
    """One shelf: median price, spread of the logarithm, how it sells, what it is bought with."""

    name: str
    median: float
    spread: float
    share: float
    partner: str
    nouns: tuple[str, ...]
    kinds: tuple[str, ...]


def _category(
    name: str, median: float, spread: float, share: float, partner: str, nouns: str, kinds: str
) -> Category:
    return Category(
        name, median, spread, share, partner, tuple(nouns.split("|")), tuple(kinds.split("|"))
    )


CATEGORIES = (
    _category("Tea", 9.5, 0.35, 0.19, "Teaware", "Leaf Tea|Tea Tin|Tea Sampler",
              "Assam|Darjeeling|Earl Grey|Jasmine|Sencha|Rooibos|Peppermint|Lapsang"),
    _category("Teaware", 32.0, 0.55, 0.08, "Tea", "Teapot|Cup & Saucer|Infuser",
              "Cast-Iron|Stoneware|Glass|Celadon|Enamel"),
    _category("Coffee", 13.0, 0.30, 0.20, "Coffee Gear", "Coffee Beans|Ground Coffee",
              "Ethiopia|Colombia|Sumatra|House|Decaf|Guatemala|Kenya|Brazil"),
    _category("Coffee Gear", 38.0, 0.65, 0.08, "Coffee", "Dripper|Grinder|Filter Set",
              "Ceramic|Walnut|Travel|Copper|Classic"),
    _category("Tableware", 24.0, 0.50, 0.13, "Linen", "Dinner Plate|Bowl|Serving Dish",
              "Speckled|Ocean|Terracotta|Linen-White|Moss"),
    _category("Linen", 21.0, 0.45, 0.09, "Tableware", "Table Runner|Napkins|Tea Towel",
              "Washed|Striped|Indigo|Sage|Harvest"),
    _category("Candles", 17.0, 0.40, 0.14, "Gifts", "Candle|Candle Trio",
              "Cedar|Fig & Vetiver|Sea Salt|Beeswax|Orange Blossom|Winter Spice|Rosemary|Amber"),
    _category("Gifts", 28.0, 0.60, 0.09, "Candles", "Gift Box|Hamper|Card Set",
              "Birthday|Breakfast|Thank-You|New Home|Festive"),
)  # fmt: skip

VENDORS = ("Fern & Foal", "Kiln Street", "Nordlys", "Old Quay")
_ENDINGS = np.array([0.0, 0.5, 0.95])


class Catalogue(NamedTuple):
    """Parallel arrays, one place a product. `category` indexes CATEGORIES; `partner` a product."""

    sku: list[str]
    title: list[str]
    category: Ints
    price: Floats
    popularity: Floats
    """Share of its category's sales; sums to 1 in each category."""
    partner: Ints
    stock: Ints
    vendor: list[str]
    tags: list[list[str]]


def make_catalogue(seed: int, products: int = 120) -> Catalogue:
    """The same shelves for the same seed; at most 15 products a category are named apart."""
    rng = stream(seed, "catalogue")
    every = [(c, k, n) for c, cat in enumerate(CATEGORIES) for n in cat.nouns for k in cat.kinds]
    # Round robin over the categories, so that any number of products fills every shelf.
    order = sorted(range(len(every)), key=lambda i: (_place(every, i), every[i][0]))
    chosen = sorted(order[: min(products, len(every))])
    count = len(chosen)
    category = np.array([every[i][0] for i in chosen])
    medians = np.array([c.median for c in CATEGORIES])[category]
    spreads = np.array([c.spread for c in CATEGORIES])[category]
    raw = medians * np.exp(spreads * rng.standard_normal(count))
    price = np.maximum(np.floor(raw), 2.0) + _ENDINGS[rng.integers(0, 3, count)]
    popularity = np.empty(count)
    partner = np.empty(count, dtype=np.int64)
    for c, cat in enumerate(CATEGORIES):
        here = np.flatnonzero(category == c)
        weight = 1.0 / np.arange(1, len(here) + 1) ** 0.9  # Zipf-like: a few bestsellers
        popularity[here] = rng.permutation(weight / weight.sum())
        shelf = next(i for i, other in enumerate(CATEGORIES) if other.name == cat.partner)
        there = np.flatnonzero(category == shelf)
        partner[here] = there[rng.integers(0, len(there), len(here))]
    stock = rng.negative_binomial(2, 0.02, count)
    stock[rng.random(count) < 0.04] = 0
    return Catalogue(
        sku=[f"{CATEGORIES[every[i][0]].name[:3].upper()}-{100 + n}" for n, i in enumerate(chosen)],
        title=[f"{every[i][1]} {every[i][2]}" for i in chosen],
        category=category,
        price=price,
        popularity=popularity,
        partner=partner,
        stock=stock.astype(np.int64),
        vendor=[VENDORS[v] for v in rng.integers(0, len(VENDORS), count)],
        tags=[
            ["bestseller"] if p > 0.12 else ["new"] if r < 0.08 else []
            for p, r in zip(popularity, rng.random(count), strict=True)
        ],
    )


def _place(every: list[tuple[int, str, str]], index: int) -> int:
    return sum(1 for other in every[:index] if other[0] == every[index][0])
