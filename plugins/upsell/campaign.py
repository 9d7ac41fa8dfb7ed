"""The campaign type `upsell`: whom it writes to, with which words, and about which product."""

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
from plugins.upsell.fits import SLOTS, UNTIL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event, Outgoing, Shown

UPSELL = CampaignType(
    name="upsell",
    title="Upsell",
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
ALLOWED = Verdict(outcome="allowed")
ANY = "A product from our shop"
"""What a preview shows where nothing is recommended; such a mail is never handed over."""


async def fitting(ctx: Context, customer_ids: Sequence[int]) -> dict[int, Shown]:
    """The product for each of these customers; who has none is left out."""
    found = await suggest(ctx, customer_ids, SLOTS, 1)
    return {customer: some[0] for customer, some in found.items()}


async def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    """`values` with the product added to each upsell mail; others are left as they are."""
    found = await fitting(ctx, [m.customer_id for m in batch if m.campaign_type == UPSELL.name])
    return [
        _with(vars_, found.get(message.customer_id))
        if message.campaign_type == UPSELL.name
        else vars_
        for message, vars_ in zip(batch, values, strict=True)
    ]


def _with(values: MessageVars, product: Shown | None) -> MessageVars:
    title = product.title if product else ANY
    url = (product.url if product else "") or values.slots.get("shop_url", "")
    slots = {**values.slots, "product_title": title, "product_url": url}
    return msgspec.structs.replace(values, slots=slots)


async def judge(ctx: Context, batch: Sequence[Outgoing]) -> list[Verdict]:
    """Suppressed, whom nothing is recommended to any more; nothing is said of other campaigns' mails."""
    asked = [m.customer_id for m in batch if m.campaign_type == UPSELL.name]
    found = await fitting(ctx, asked)
    return [
        ALLOWED if m.campaign_type != UPSELL.name or m.customer_id in found else NOTHING
        for m in batch
    ]


async def note(ctx: Context, events: Sequence[Event]) -> None:
    """Tell the recommenders what was proposed, so that it is not proposed again soon."""
    ids = [
        customer
        for event in events
        if isinstance(event, MessagesAccepted) and event.campaign_type == UPSELL.name
        for customer in event.customer_ids
    ]
    found = await fitting(ctx, ids)
    if found:
        await note_offers(ctx, [(customer, one.sku) for customer, one in found.items()])
