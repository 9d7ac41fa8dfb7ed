"""The campaign type `welcome`: whom it greets and with which words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Audience, CampaignType, MessageVars, Where, read_copies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Outgoing

EVER = 36_500.0
"""A hundred years of days: nobody is welcomed twice."""


OPENINGS = {
    "en": (
        "Thank you for signing up.",
        "Thank you for your first order with us.",
        "Thank you for your orders with us.",
    ),
    "de": (
        "Danke für Ihre Anmeldung.",
        "Danke für Ihre erste Bestellung bei uns.",
        "Danke für Ihre Bestellungen bei uns.",
    ),
    "fr": (
        "Merci pour votre inscription.",
        "Merci pour votre première commande chez nous.",
        "Merci pour vos commandes chez nous.",
    ),
}
"""Language -> what we thank for: signing up, the first order, orders."""


WELCOME = CampaignType(
    name="welcome",
    title="Welcome",
    topic="news",
    purpose="Greets new customers once and says what to expect, so that the next mail is expected.",
    audience=Audience(
        where=(Where(field="days_since_created", op="<=", value=14),),
        exclude_recent_days=EVER,
    ),
    copies=read_copies(__package__, "templates/welcome"),
    offers=("percent/10",),
    brief=(
        "The first mail to somebody who has just signed up or ordered for the first time. Begin with "
        "{{ opening }}, which thanks them in a whole sentence. Say what they can expect: few mails, a reason "
        "for each, and one click that stops them all. Ask for nothing, and promise nothing about products."
    ),
    rationale="{{ audience }} customers came in the last two weeks and have had no welcome yet.",
    confidence=0.8,
    # A greeting is worth little when it comes third: it goes before everything else.
    priority=10,
    slots=("opening",),
)


def fill(batch: Sequence[Outgoing], values: Sequence[MessageVars]) -> list[MessageVars]:
    """`values` with the slot `opening` added to each welcome mail; others are left as they are."""
    return [
        msgspec.structs.replace(
            vars_,
            slots={
                **vars_.slots,
                "opening": opening(message.recipient.orders_count, message.recipient.locale),
            },
        )
        if message.campaign_type == WELCOME.name
        else vars_
        for message, vars_ in zip(batch, values, strict=True)
    ]


def opening(orders_count: int, locale: str = "") -> str:
    """The first sentence: what we thank for, in the language of the locale or in English."""
    told = OPENINGS.get(locale[:2].lower(), OPENINGS["en"])
    return told[min(orders_count, 2)]
