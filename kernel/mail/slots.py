"""Slots, `{{ name }}`: how they are found in a text, and how a text that is data becomes a template."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOT = re.compile(r"\{\{\s*([a-z][a-z0-9_]*)\s*\}\}")


def literal(text: str, *, as_html: bool = False) -> str:
    """Template source that prints `text` as it stands, slots apart."""
    pieces = SLOT.split(text)
    for index, piece in enumerate(pieces):
        if index % 2:
            pieces[index] = "{{ " + piece + " }}"
        else:
            shown = html.escape(piece) if as_html else piece
            pieces[index] = shown.replace("{", "{{ '{' }}") if "{" in shown else shown
    return "".join(pieces)


def filled(text: str, values: Mapping[str, object]) -> str:
    """`text` with its slots filled, as plain text. KeyError names a slot that nobody filled."""
    pieces = SLOT.split(text)
    pieces[1::2] = [str(values[name]) for name in pieces[1::2]]
    return "".join(pieces)
