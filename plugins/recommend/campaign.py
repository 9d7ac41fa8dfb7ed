"""The campaign type `recommend`: whom it writes to, with which words, and about which products."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import (
    Audience,
    CampaignType,
    MessagesAccepted,
    MessageVars,
    Verdict,
    Where,
    note_offers,
    read_copies,
    suggest,
)
from plugins.recommend.due import DUE, MOST, SLOTS
from plugins.recommend.manifest import RecommendSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event, Outgoing, Shown

RECOMMEND = CampaignType(
    name="recommend",
    title="Selection",
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
    send_within_days=5.0,
)
NOTHING = Verdict(
    outcome="suppressed",
    rule="recommend.nothing",
    reason="There is no selection for them any more.",
)
ALLOWED = Verdict(outcome="allowed")
BETWEEN = " · "
ANY = "Products from our shop"
"""What a preview shows where there is no selection; such a mail is never handed over."""


async def selections(ctx: Context, customer_ids: Sequence[int]) -> dict[int, list[Shown]]:
    """The products for each of these customers; who has too few is left out."""
    least = ctx.settings(RecommendSettings).least_products
    found = await suggest(ctx, customer_ids, SLOTS, MOST)
    return {customer: some for customer, some in found.items() if len(some) >= least}


async def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    """`values` with the products added to each selection; others are left as they are."""
    ids = [m.customer_id for m in batch if m.campaign_type == RECOMMEND.name]
    found = await selections(ctx, ids)
    return [
        _with(vars_, found.get(message.customer_id, []))
        if message.campaign_type == RECOMMEND.name
        else vars_
        for message, vars_ in zip(batch, values, strict=True)
    ]


def _with(values: MessageVars, products: Sequence[Shown]) -> MessageVars:
    titles = [one.title for one in products] or [ANY]
    url = next((one.url for one in products[:1] if one.url), "")
    slots = {
        **values.slots,
        "products": BETWEEN.join(titles),
        "product_title": titles[0],
        "product_url": url or values.slots.get("shop_url", ""),
    }
    return msgspec.structs.replace(values, slots=slots)


async def judge(ctx: Context, batch: Sequence[Outgoing]) -> list[Verdict]:
    """Suppressed, for whom there is no selection any more; nothing is said of other campaigns' mails."""
    asked = [m.customer_id for m in batch if m.campaign_type == RECOMMEND.name]
    found = await selections(ctx, asked)
    return [
        ALLOWED if m.campaign_type != RECOMMEND.name or m.customer_id in found else NOTHING
        for m in batch
    ]


async def note(ctx: Context, events: Sequence[Event]) -> None:
    """Tell the recommenders what was shown, so that it is not shown again soon."""
    ids = [
        customer
        for event in events
        if isinstance(event, MessagesAccepted) and event.campaign_type == RECOMMEND.name
        for customer in event.customer_ids
    ]
    found = await selections(ctx, ids)
    if found:
        offers = [(customer, one.sku) for customer, some in found.items() for one in some]
        await note_offers(ctx, offers)
