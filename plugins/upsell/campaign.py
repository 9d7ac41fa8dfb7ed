"""The campaign type `upsell`: whom it writes to, with which words, and about which product."""

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
from plugins.upsell.fits import SLOTS, UNTIL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Shown

UPSELL = CampaignType(
    name="upsell",
    title="Upsell",
    topic="recommendations",
    purpose="Proposes one product that goes with what a customer has just bought.",
    audience=Audience(
        where=(Where(trait=UNTIL, op=">=", value="now"),),
        exclude_recent_days=30,
    ),
    copies=read_copies(__package__, "templates/upsell"),
    brief=(
        "The reader bought here a few days ago. Propose one product that goes with what they have, by its "
        "slot {{ product_title }}, with the button leading to {{ product_url }}. Thank them for the order first. Say "
        "nothing about the product but its title: you do not know what it is. No pressure, and a way to ask."
    ),
    rationale="{{ audience }} customers bought lately, and there is a product that goes with what they have.",
    confidence=0.6,
    priority=40,
    slots=("product_title", "product_url"),
    send_within_days=5.0,
)
NOTHING = Verdict(
    outcome="suppressed",
    rule="upsell.nothing",
    reason="Nothing is recommended to them any more.",
)
ANY = "A product from our shop"
"""What a preview shows where nothing is recommended; such a mail is never handed over."""


async def fitting(ctx: Context, customer_ids: Sequence[int]) -> dict[int, list[Shown]]:
    """The one product for each of these customers; who has none is left out."""
    return await suggest(ctx, customer_ids, SLOTS, 1)


def slots(products: Sequence[Shown], shop_url: str) -> dict[str, str]:
    """The product's title, and its address or the shop's."""
    title, url = next(((one.title, one.url) for one in products), (ANY, ""))
    return {"product_title": title, "product_url": url or shop_url}


SHOWCASE = Showcase(campaign_type=UPSELL.name, find=fitting, slots=slots, nothing=NOTHING)
