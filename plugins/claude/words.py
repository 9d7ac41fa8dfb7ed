"""Whether words that Claude wrote may be used, by the kernel's list of what copy may not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel import sdk
from kernel.sdk import Copy
from plugins.claude.facts import within

if TYPE_CHECKING:
    from plugins.claude.answers import Words

SAID = 400
"""Characters of faults that Claude is told of when it is asked again."""


def copy_of(words: Words) -> Copy:
    """The words as copy, without the plan and without what was left empty."""
    fields = {name: getattr(words, name).strip() for name in Copy.__struct_fields__}
    return msgspec.convert({name: value for name, value in fields.items() if value}, Copy)


def fault(words: Words, facts: str, shop: str = "") -> str:
    """Why the words may not be used, empty where they may.

    Args:
        words: as Claude wrote them.
        facts: the data block of the question.
        shop: the data block about the shop; its products are not named.
    """
    try:
        copy = copy_of(words)
    except msgspec.ValidationError:
        return "subject or body was empty"
    if shop and (field := _names_product(copy, within(shop)["catalogue"])):
        return f"{field}: it names a product, and those come from slots"
    told = within(facts)
    wording = getattr(sdk, "wording", None)
    if wording is None:
        return ""
    found = wording.problems(
        copy,
        slots=told["slots"],
        offer=told["offer"],
        offer_ends=told["offer_ends"],
        language=told["language"],
    )
    return " ".join(f"{field}: {sentence}" for field, sentence in found.items())[:SAID]


def _names_product(copy: Copy, catalogue: list[dict[str, str]]) -> str:
    """The field that holds a title of the catalogue. Titles of one word are words like others."""
    titles = [" ".join(one["title"].casefold().split()) for one in catalogue]
    for field in Copy.__struct_fields__:
        text = " ".join(getattr(copy, field).casefold().split())
        if any(" " in title and title in text for title in titles):
            return field
    return ""
