"""What the own words of every campaign type must keep to, in each language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kernel.mail.slots import SLOT
from kernel.pipeline.compose import check_copy

if TYPE_CHECKING:
    from kernel.contracts.campaigns import CampaignType

OFFER_SLOTS = ("offer_value", "offer_code", "offer_ends")
LANGUAGES = ("", ".de", ".fr")
CALM = ("conversational", "friendly", "professional")
PUSHY = re.compile(
    r"\b(hurry|last chance|only today|now or never|limited|free|act now|don't miss|final"
    r"|letzte chance|nur heute|gratis|jetzt oder nie|dernière chance|gratuit)\b|!|[$€£%]",
    re.IGNORECASE,
)
PRESSING = re.compile(
    r"\b(ends?|expires?|urgent|deal|sale|discount|endet|läuft ab|prend fin|soldes)\b", re.IGNORECASE
)
CLAIM = re.compile(r"\d|https?:|www\.")


def expected(kind: CampaignType) -> set[str]:
    """The variants a type has: three calm tones; with offers, all four beside them with an offer."""
    names = {f"{tone}{language}" for tone in CALM for language in LANGUAGES}
    if kind.offers:
        names |= {f"{tone}.offer{language}" for tone in (*CALM, "urgent") for language in LANGUAGES}
    return names


def faults(kind: CampaignType, variant: str) -> list[str]:
    """What is wrong with the words of a variant; empty when nothing is."""
    copy = kind.copies[variant]
    offer = "offer" in variant.split(".")
    slots = (*kind.slots, *OFFER_SLOTS) if offer else kind.slots
    found = [f"{field}: {said}" for field, said in check_copy(copy, slots).items()]
    for field in ("subject", "preheader", "heading", "body", "button"):
        text = SLOT.sub("", getattr(copy, field))
        if not getattr(copy, field):
            found.append(f"{field} is empty")
        if CLAIM.search(text):
            found.append(f"{field} states a number or a link of its own")
        if PUSHY.search(text) or (not offer and PRESSING.search(text)):
            found.append(f"{field} is pushy: {text}")
    if len(copy.subject) > 50 or not 20 <= len(copy.preheader) <= 110:
        found.append(f"lengths {len(copy.subject)}, {len(copy.preheader)}")
    used = SLOT.findall(copy.subject + copy.preheader + copy.body)
    if offer and not {*OFFER_SLOTS} <= {*used}:
        found.append("does not tell the whole offer")
    return found
