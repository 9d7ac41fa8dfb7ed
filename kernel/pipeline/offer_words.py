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
    "en": {"unknown": "there", "unsubscribe": "Unsubscribe"},
    "de": {"unknown": "liebe Kundin, lieber Kunde", "unsubscribe": "Abmelden"},
    "fr": {"unknown": "chère cliente, cher client", "unsubscribe": "Se désabonner"},
}
"""What stands after a greeting where no name is known, and the fixed words of every mail."""

_ENDS = re.compile(r"\{\{\s*offer_ends\s*\}\}")
_SENTENCE = re.compile(r"(?<=[.!?…])(\s+)")


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
    signed = len(paragraphs) > 1 and "sender_name" in paragraphs[-1]
    place = len(paragraphs) - 1 if signed else len(paragraphs)
    paragraphs.insert(place, PARAGRAPHS.get(language, PARAGRAPHS["en"]))
    return msgspec.structs.replace(copy, body="\n\n".join(paragraphs))


def names_end(copy: Copy) -> bool:
    """Whether any of the words holds the date on which the offer ends."""
    return any(_ENDS.search(getattr(copy, name)) for name in copy.__struct_fields__)


def timeless(copy: Copy) -> Copy:
    """The copy for offers that do not end: without the sentences that hold `offer_ends`.

    A subject of nothing else becomes the heading, so that it is never empty.
    """
    texts = {name: _timeless(getattr(copy, name)) for name in copy.__struct_fields__}
    texts["subject"] = texts["subject"] or texts["heading"] or "{{ shop_name }}"
    return msgspec.structs.replace(copy, **texts)


def _timeless(text: str) -> str:
    if not _ENDS.search(text):
        return text
    paragraphs = []
    for part in re.split(r"\n\s*\n", text):
        kept = [one for one in _SENTENCE.split(part)[::2] if not _ENDS.search(one)]
        if kept:
            paragraphs.append(" ".join(kept))
    return "\n\n".join(paragraphs).strip()
