"""What Claude is told, as data that nobody can mistake for an instruction.

No name, e-mail or postal address goes in: numbers of a customer, traits of words that the merchant
listed, and what the shop shows to everybody.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from kernel.sdk import Candidate, Scalar

LONGEST = 200
"""Characters of one text from outside."""
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
UNTOLD = frozenset({"country"})
"""Part of an address."""


def data_block(value: Any) -> str:
    """`value` as JSON between the marks. No text inside can write a mark: `<`, `>` and `&` are escaped."""
    text = msgspec.json.encode(value, order="deterministic").decode()
    for sign, escaped in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(sign, escaped)
    return f"<data>\n{text}\n</data>"


def within(block: str) -> Any:
    """The value in a data block."""
    return msgspec.json.decode(block.removeprefix("<data>").removesuffix("</data>"))


def plain(text: str, longest: int = LONGEST) -> str:
    """A text from outside, in one line, cut, with e-mail addresses taken out."""
    return without_emails(_CONTROLS.sub(" ", text))[:longest]


def without_emails(text: str) -> str:
    """The text without e-mail addresses, else as it is."""
    return _EMAIL.sub("…", text)


def customer(candidate: Candidate, text_traits: Collection[str]) -> dict[str, Scalar]:
    """What is told of one customer: their features, less those that could hold who they are."""
    told: dict[str, Scalar] = {}
    for name, value in candidate.features.items():
        trait = name.removeprefix("trait:")
        if value is None or name in UNTOLD:
            continue
        if not isinstance(value, str):
            told[trait] = value
        elif trait == name or trait in text_traits:
            told[trait] = plain(value)
    return told


def types_of(features: Mapping[str, Scalar]) -> tuple[str, ...]:
    """The campaign types that a customer could be left to, sorted."""
    return tuple(sorted(filter(None, str(features.get("other_types") or "").split(","))))
