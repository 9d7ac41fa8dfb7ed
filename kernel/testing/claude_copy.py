"""Words of the fake Claude for the fields of a mail, with the slots that the prompt allows."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from kernel.testing.claude_words import LANGUAGES

_SLOT = re.compile(r"\{\{\s*([a-z_][a-z0-9_.]*)\s*\}\}")
_LISTED = re.compile(r'"slots"\s*:\s*\[([^\]]*)\]')
_LANGUAGE = re.compile(r'"(?:language|locale)"\s*:\s*"([a-z]{2})\b')
_NO_OFFER = re.compile(r'"offer"\s*:\s*(?:false|null|""|"none")')

_KINDS = (
    ("preheader", ("preheader", "preview", "subtitle", "teaser")),
    ("subject", ("subject", "title")),
    ("heading", ("heading", "headline", "header")),
    ("button", ("button", "cta", "call_to_action")),
    ("body", ("body", "paragraph", "copy", "html", "content", "opening", "closing", "message")),
    ("reason", ("reason", "why", "rationale", "because", "explanation", "evidence")),
)


@dataclass(frozen=True, slots=True)
class Brief:
    """What a prompt says about the words to write."""

    slots: frozenset[str] = frozenset()
    language: str = "en"
    offer: bool = False


def brief_of(prompt: str) -> Brief:
    """Slots, language and offer as a prompt names them: `"slots": ["first_name"]`, or else every
    `{{ first_name }}` in it; `"language": "de"`; `"offer": false`.
    """
    listed = _LISTED.findall(prompt)
    if listed:
        slots = frozenset(re.findall(r'"(\w+)"', listed[-1]))
    else:
        slots = frozenset(_SLOT.findall(prompt)) if "{{" in prompt else frozenset()
    language = found.group(1) if (found := _LANGUAGE.search(prompt)) else "en"
    offer = {"offer_code", "offer_value"} <= slots and not _NO_OFFER.search(prompt)
    return Brief(slots, language if language in LANGUAGES else "en", offer)


def words(name: str, dice: random.Random, brief: Brief, limit: int | None = None) -> str:
    """Text for a field of this name, of at most `limit` characters."""
    if re.search(r"(^|_)(link|url|href)$", name.lower()):
        return _link(brief)
    kind = next((kind for kind, parts in _KINDS if any(p in name.lower() for p in parts)), "text")
    bank = {**LANGUAGES["en"], **LANGUAGES[brief.language]}
    text = dice.choice(bank[kind])
    if kind == "body":
        parts = [text[0].upper() + text[1:]]
        if "first_name" in brief.slots:
            parts = [dice.choice(bank["greeting"]), text]
        if product := _product(brief):
            parts.append(dice.choice(bank["product"]).format(slot=product))
        if brief.offer:
            ends = f" {dice.choice(bank['ends'])}" if "offer_ends" in brief.slots else ""
            parts.append(dice.choice(bank["offer"]) + ends)
        text = "\n\n".join(parts)
    return text if limit is None or len(text) <= limit else _shortened(text, limit)


def _link(brief: Brief) -> str:
    """The slot of an address, preferably the shop's; empty where there is none."""
    named = sorted(slot for slot in brief.slots if slot.endswith("_url"))
    if not named:
        return ""
    return f"{{{{ {'shop_url' if 'shop_url' in named else named[0]} }}}}"


def _product(brief: Brief) -> str:
    named = sorted(brief.slots & {"product", "product_name", "product_title"})
    return f"{{{{ {named[0]} }}}}" if named else ""


def _shortened(text: str, limit: int) -> str:
    """Whole words, and never half a slot."""
    kept = ""
    for word in re.findall(r"\{\{.*?\}\}\S*|\S+", text):
        longer = f"{kept} {word}".strip()
        if len(longer) > limit:
            break
        kept = longer
    return kept.rstrip(",;: ") or text[: max(0, limit)]
