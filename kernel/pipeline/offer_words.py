"""Standard words about an offer, for campaign types without their own, and what the layout says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from kernel.contracts.campaigns import Copy

OFFER_SLOTS = ("offer_code", "offer_value", "offer_ends")
"""What an offer's variant may use beside the other slots: the code, `10 %` or `5.00 EUR`, and a date in
words, empty where the offer does not end: then the sentences that hold it are left out."""
SAMPLES = {"offer_code": "ABCD-EFGH", "offer_value": "10 %", "offer_ends": "31 December"}
"""What previews show where no offer was made."""

PARAGRAPHS = {
    "en": "With the code {{ offer_code }} you save {{ offer_value }} on your next order. "
    "It is valid until {{ offer_ends }}.",
    "de": "Mit dem Code {{ offer_code }} sparen Sie {{ offer_value }} bei Ihrer nächsten Bestellung. "
    "Er gilt bis {{ offer_ends }}.",
    "fr": "Avec le code {{ offer_code }}, vous économisez {{ offer_value }} sur votre prochaine "
    "commande. Il est valable jusqu'au {{ offer_ends }}.",
}
LAYOUT = {
    "en": {"unknown": "there", "unsubscribe": "Unsubscribe", "preferences": "Preferences"},
    "de": {
        "unknown": "liebe Kundin, lieber Kunde",
        "unsubscribe": "Abmelden",
        "preferences": "Einstellungen",
    },
    "fr": {
        "unknown": "chère cliente, cher client",
        "unsubscribe": "Se désabonner",
        "preferences": "Préférences",
    },
}
"""What stands after a greeting where no name is known, and the fixed words of every mail."""

SIGNATURE = 80
"""Characters that a paragraph with the sender's name has less than, if it is a signature."""

_ENDS = re.compile(r"\{\{\s*offer_ends\s*\}\}")
_BREAK = re.compile(r"((?<=[.!?…])\s+|\n\s*)")


def layout(language: str) -> dict[str, str]:
    """The layout's words in this language; English for others."""
    return LAYOUT.get(language, LAYOUT["en"])


def with_offer(copy: Copy, language: str) -> Copy:
    """The copy, telling of the offer: before the signature, which is a last paragraph with the
    sender's name, or else at the end. Words that hold the code already are left as they are.
    """
    if "offer_code" in copy.body:
        return copy
    paragraphs = [part for part in re.split(r"\n\s*\n", copy.body.strip()) if part.strip()]
    last = paragraphs[-1] if paragraphs else ""
    signed = "sender_name" in last and len(last) < SIGNATURE
    place = len(paragraphs) - 1 if signed else len(paragraphs)
    paragraphs.insert(place, PARAGRAPHS.get(language, PARAGRAPHS["en"]))
    return msgspec.structs.replace(copy, body="\n\n".join(paragraphs))


def names_end(copy: Copy) -> bool:
    """Whether any of the words holds the date on which the offer ends."""
    return any(_ENDS.search(getattr(copy, name)) for name in copy.__struct_fields__)


def timeless(copy: Copy, language: str) -> Copy:
    """The copy for offers that do not end: without the sentences and lines that hold `offer_ends`.

    A subject of nothing else becomes the heading; where the code went with them, the standard words
    tell it.
    """
    texts = {name: _timeless(getattr(copy, name)) for name in copy.__struct_fields__}
    texts["subject"] = texts["subject"] or texts["heading"] or "{{ shop_name }}"
    told = with_offer(msgspec.structs.replace(copy, **texts), language)
    return msgspec.structs.replace(told, body=_timeless(told.body))


def _timeless(text: str) -> str:
    if not _ENDS.search(text):
        return text
    return "\n\n".join(filter(None, map(_kept, re.split(r"\n\s*\n", text))))


def _kept(paragraph: str) -> str:
    # Sentences and lines, each followed by what divides it from the next.
    pieces = [*_BREAK.split(paragraph), ""]
    return "".join(
        piece + gap
        for piece, gap in zip(pieces[::2], pieces[1::2], strict=True)
        if not _ENDS.search(piece)
    ).strip()
