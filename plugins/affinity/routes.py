"""The pages of the plugin: pairs of products, one product, and how good the recommendations are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, NotFound, artefact_in_use, card
from plugins.affinity import pairs as told
from plugins.affinity.learned import decode
from plugins.affinity.manifest import MANIFEST

if TYPE_CHECKING:
    from kernel.sdk import Card
    from plugins.affinity.learned import Learned

PAGE = 25
PATH = "/app/x/affinity"
_SEARCH = """
SELECT sku FROM profiles_product
WHERE tenant_id = $1 AND (strpos(lower(title), lower($2)) > 0 OR lower(sku) = lower($2)) LIMIT 500
"""
_NAMES = """
SELECT sku, title, price, currency, status = 'active' AND is_product AS listed, inventory, image_url
FROM profiles_product WHERE tenant_id = $1 AND sku = ANY($2)
"""


@get("/")
async def pairs(ctx: Context, q: str = "", start: int = 0) -> Template:
    """`GET /app/x/affinity/`: what is bought together; `q` is a part of a title, or a SKU."""
    q, start = q.strip()[:100], max(start, 0)
    learned, known = await _learned(ctx), await card(ctx, MANIFEST.name)
    found: list[told.Pair] = []
    if learned is not None:
        among = None
        if q:
            among = {row["sku"] for row in await ctx.db.fetch(_SEARCH, ctx.tenant.id, q)} | {q}
        found = await asyncio.to_thread(told.pairs, learned, among, start, PAGE + 1)
    shown = found[:PAGE]
    return Template(
        "affinity/pairs.html",
        context={
            "q": q,
            "learned": learned,
            "pairs": shown,
            "names": await names(ctx, {sku for pair in shown for sku in (pair.first, pair.second)}),
            "link": link,
            "first": _page(q, 0) if start else "",
            "next": _page(q, start + PAGE) if len(found) > PAGE else "",
            "card": known,
            "figures": figures(known),
        },
    )


@get("/product")
async def product(ctx: Context, sku: str = "") -> Template:
    """`GET /app/x/affinity/product?sku=`: all that is known of one product."""
    learned = await _learned(ctx)
    found = None
    if learned is not None:
        found = await asyncio.to_thread(told.product, learned, sku)
    if found is None or learned is None:
        raise NotFound(
            f"Nothing is known of a product {sku[:100]!r}.", "Search for it in the list."
        )
    others = {pair.second for pair in (*found.pairs, *found.suggested)}
    known = await names(ctx, {sku, *others})
    return Template(
        "affinity/product.html",
        context={
            "product": found,
            "learned": learned,
            "names": known,
            "it": known.get(sku),
            "link": link,
        },
    )


async def names(ctx: Context, skus: set[str]) -> dict[str, Any]:
    """What the catalogue says of these products, by SKU."""
    rows = await ctx.db.fetch(_NAMES, ctx.tenant.id, sorted(skus))
    return {row["sku"]: {**row, "title": row["title"] or row["sku"]} for row in rows}


def link(sku: str) -> str:
    """The address of a product's page."""
    return f"{PATH}/product?{urlencode({'sku': sku})}"


def figures(known: Card) -> list[tuple[str, float, float]]:
    """How often recommendations came true, beside plain popularity, on the last closed window."""
    version = known.in_use
    judged = version.evaluation if version is not None else None
    if judged is None or judged.missing or "popularity" not in judged.baselines:
        return []
    plain = judged.baselines["popularity"]
    return [
        (words, judged.metrics[name], plain[name])
        for name, words in (
            (
                "hit_at_10",
                "A product taken out of an order is among the ten recommended to the rest",
            ),
            ("again_hit_at_3", "One of three products to buy again is in a customer's next order"),
            ("new_hit_at_3", "One of three products new to a customer is in their next order"),
        )
        if name in judged.metrics and name in plain
    ]


async def _learned(ctx: Context) -> Learned | None:
    kept = await artefact_in_use(ctx, MANIFEST.name)
    return None if kept is None else await asyncio.to_thread(decode, kept)


def _page(q: str, start: int) -> str:
    given = {name: value for name, value in (("q", q), ("start", start)) if value}
    return f"{PATH}/?{urlencode(given)}" if given else f"{PATH}/"
