"""The campaign type `recommend`: whom it writes to, with which words, and about which products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import (
    Audience,
    CampaignType,
    Showcase,
    Verdict,
    Where,
    read_copies,
    suggest,
)
from plugins.recommend.due import DUE, MOST, SLOTS
from plugins.recommend.manifest import RecommendSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Shown

CARD = ("", "_url", "_image", "_price")
"""Of `product_1` and on: title, address, image, price."""
RECOMMEND = CampaignType(
    name="recommend",
    title="Selection",
    topic="recommendations",
    purpose="Shows active customers, at a pace you set, up to three products that suit them.",
    audience=Audience(
        where=(Where(trait=DUE, op="<=", value="now"),),
        exclude_recent_days=6.5,
    ),
    copies=read_copies(__package__, "templates/recommend"),
    brief=(
        "A regular, short selection for somebody who buys here. {{ products }} is a line with the titles of up to three "
        "products, {{ product_title }} the first of them, {{ product_url }} the link of the button. Introduce "
        "the selection in a sentence or two and invite an answer. Say nothing about the products but their "
        "titles, and do not claim that anything is new, reduced or scarce."
    ),
    rationale="{{ audience }} active customers are due for their next selection.",
    confidence=0.65,
    priority=70,
    slots=("products", "product_title", "product_url"),
    page_slots=tuple(f"product_{n}{of}" for n in range(1, MOST + 1) for of in CARD),
    send_within_days=5.0,
)
NOTHING = Verdict(
    outcome="suppressed",
    rule="recommend.nothing",
    reason="There is no selection for them any more.",
)
BETWEEN = " · "
ANY = "Products from our shop"
"""What a preview shows where there is no selection; such a mail is never handed over."""


async def selections(ctx: Context, customer_ids: Sequence[int]) -> dict[int, list[Shown]]:
    """The products for each of these customers; who has too few is left out."""
    least = ctx.settings(RecommendSettings).least_products
    found = await suggest(ctx, customer_ids, SLOTS, MOST)
    return {customer: some for customer, some in found.items() if len(some) >= least}


def slots(products: Sequence[Shown], shop_url: str) -> dict[str, str]:
    """For the words: the titles on one line, the first of them, and its address or the shop's. For the
    page: each product's card, empty where there are fewer.
    """
    titles = [one.title for one in products] or [ANY]
    url = next((one.url for one in products[:1] if one.url), "")
    cards = dict.fromkeys(RECOMMEND.page_slots, "")
    for number, one in enumerate(products[:MOST], start=1):
        card = (one.title, one.url or shop_url, one.image_url, one.price)
        cards |= {f"product_{number}{of}": text for of, text in zip(CARD, card, strict=True)}
    return {
        **cards,
        "products": BETWEEN.join(titles),
        "product_title": titles[0],
        "product_url": url or shop_url,
    }


SHOWCASE = Showcase(campaign_type=RECOMMEND.name, find=selections, slots=slots, nothing=NOTHING)
