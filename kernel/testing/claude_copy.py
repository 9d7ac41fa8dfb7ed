"""Words of the fake Claude: plain marketing copy without digits, links, urgency or promises."""

from __future__ import annotations

import random
import re

SLOT = re.compile(r"\{\{\s*([a-z_][a-z0-9_.]*)\s*\}\}")

_BANK: dict[str, tuple[str, ...]] = {
    "subject": (
        "A few things we think you will like",
        "Picked with you in mind",
        "Good to have you with us",
        "A short note from our shop",
        "Something new, something familiar",
        "We thought of you today",
    ),
    "preheader": (
        "A small selection, made for the way you shop with us.",
        "Take a look when you have a quiet minute.",
        "Nothing to do, just a few ideas for your next order.",
        "What goes well with what you already have.",
    ),
    "heading": (
        "Chosen for you",
        "Good to see you again",
        "A little something to look at",
        "Hello from all of us",
    ),
    "button": ("Have a look", "See the selection", "Visit the shop", "Show me more"),
    "body": (
        (
            "We put together a small selection that goes well with what you liked before. Have a look "
            "whenever it suits you, and write back if you have a question."
        ),
        (
            "Our shelves have changed a little since your last visit. We picked a few pieces that we "
            "would show you if you came by today."
        ),
        (
            "Thank you for shopping with us. Here are a few ideas for what could come next, chosen with "
            "care and without any hurry."
        ),
        (
            "People who know their favourites often like to see what sits beside them. That is what this "
            "note is for: a calm look at what fits."
        ),
    ),
    "reason": (
        "The customer has bought at a steady pace and is due for a note.",
        "Recent visits show an interest in what this campaign offers.",
        "An offer is not needed here, a good suggestion is enough.",
        "The last mails were opened without a complaint.",
        "The customer belongs to a segment that answers well to this tone.",
        "A pause between mails keeps this customer with us.",
    ),
    "text": (
        "This fits what is known of the customer.",
        "A calm and friendly note serves this group best.",
        "The choice follows the rules of the shop.",
        "It is worth a try and easy to take back.",
    ),
}

_KINDS = (
    ("subject", ("subject", "title")),
    ("preheader", ("preheader", "preview", "subtitle", "teaser")),
    ("heading", ("heading", "headline", "header")),
    ("button", ("button", "cta", "call_to_action")),
    ("body", ("body", "paragraph", "copy", "html", "content", "opening", "closing", "message")),
    ("reason", ("reason", "why", "rationale", "because", "explanation", "evidence")),
)


def kind_of(name: str) -> str:
    """Which words a field of this name wants: `subject`, `body`, …, else `text`."""
    low = name.lower()
    return next((kind for kind, words in _KINDS if any(word in low for word in words)), "text")


def words(name: str, dice: random.Random, slots: frozenset[str], limit: int | None = None) -> str:
    """Text for a field of this name, of at most `limit` characters.

    Args:
        name: of the field.
        dice: decides which of several.
        slots: names of slots that the prompt allows; greeting and product are filled from them.
        limit: None for no limit.
    """
    kind = kind_of(name)
    text = dice.choice(_BANK[kind])
    if kind == "body":
        text = "\n\n".join([*_greeting(slots), text, *_product(slots)])
    elif kind == "heading" and "first_name" in slots and dice.random() < 0.5:
        text = "Hello {{ first_name }}"
    return text if limit is None or len(text) <= limit else _shortened(text, limit)


def _greeting(slots: frozenset[str]) -> list[str]:
    return ["Hello {{ first_name }},"] if "first_name" in slots else []


def _product(slots: frozenset[str]) -> list[str]:
    named = sorted(slot for slot in slots if slot.startswith("product") and slot.endswith("title"))
    named = named or sorted(slots & {"product", "product_name", "product_title"})
    return [f"We would start with {{{{ {named[0]} }}}}."] if named else []


def _shortened(text: str, limit: int) -> str:
    """Whole words, and never half a slot."""
    kept = ""
    for word in re.findall(r"\{\{.*?\}\}\S*|\S+", text):
        longer = f"{kept} {word}".strip()
        if len(longer) > limit:
            break
        kept = longer
    return kept.rstrip(",;: ") or text[: max(0, limit)]
