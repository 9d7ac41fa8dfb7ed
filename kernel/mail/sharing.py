"""What mails of one variant share: the mail with marks, and what stands in their place for each."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from kernel.contracts.base import digest
from kernel.contracts.delivery import Rendered, Shared

if TYPE_CHECKING:
    from collections.abc import Iterable


def mark(tag: str, slot: str, *, escaped: bool) -> str:
    """`%h.<tag>.first_name%` in a page, with `t` in plain text; `tag` is a digest nobody can guess."""
    return f"%{'h' if escaped else 't'}.{tag}.{slot}%"


def shared(subject: str, page: str, text: str, tag: str, slots: Iterable[str]) -> Shared:
    """The mail with marks, and only the marks that stand in it."""
    whole = subject + page + text
    marks = {
        name: (slot, escaped)
        for slot in slots
        for escaped in (True, False)
        if (name := mark(tag, slot, escaped=escaped)) in whole
    }
    key = digest([subject, page, text])
    return Shared(key=key, subject=subject, html=page, text=text, marks=marks)


def substitutions(rendered: Rendered) -> dict[str, str]:
    """Mark -> what to put in its place; empty where the mail is not shared."""
    if rendered.shared is None:
        return {}
    return {
        name: html.escape(str(rendered.slots[slot])) if escaped else str(rendered.slots[slot])
        for name, (slot, escaped) in rendered.shared.marks.items()
    }
