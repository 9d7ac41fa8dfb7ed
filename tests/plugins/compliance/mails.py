"""Finished mails as the kernel makes them, with slots and the frame they share."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.base import digest
from kernel.contracts.delivery import Rendered, Shared
from plugins.compliance import footer

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.delivery import Outgoing

SLOT = re.compile(r"\{\{ (\w+) \}\}")
PAGE = """<html><head><style>td {{width: 100%}}</style></head><body><p>{body}</p>{end}
<a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a><span>{{{{ postal_address }}}}</span></body></html>"""
TEXT = "{body}\nUnsubscribe: {{{{ unsubscribe_url }}}}\n{{{{ postal_address }}}}"


def mail(
    ctx: Context,
    message: Outgoing,
    subject: str = "News for {{ first_name }}",
    body: str = "Hello {{ first_name }}, look at what came in.",
    end: str = "",
    shared: bool = True,
    **slots: Any,
) -> Outgoing:
    """The message with a mail of these words; `end` is HTML of the page alone."""
    link = footer.link(ctx, message)
    values = {
        "first_name": "Ada",
        "unsubscribe_url": link,
        "postal_address": ctx.tenant.postal_address,
        **slots,
    }
    page, text = PAGE.format(body=body, end=end), TEXT.format(body=body)
    marks = {
        f"%{'h' if escaped else 't'}.0badc0de0badc0de.{slot}%": (slot, escaped)
        for slot in values
        for escaped in (True, False)
    }
    by_slot = {value: mark for mark, value in marks.items()}

    def filled(source: str, escaped: bool) -> str:
        return SLOT.sub(
            lambda found: html.escape(str(values[found[1]])) if escaped else str(values[found[1]]),
            source,
        )

    def marked(source: str, escaped: bool) -> str:
        return SLOT.sub(lambda found: by_slot[found[1], escaped], source)

    frame = (marked(subject, False), marked(page, True), marked(text, False))
    used = {mark: value for mark, value in marks.items() if any(mark in part for part in frame)}
    rendered = Rendered(
        subject=filled(subject, False),
        html=filled(page, True),
        text=filled(text, False),
        headers={
            "List-Unsubscribe": f"<{link}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        slots=values,
        shared=Shared(
            key=digest(list(frame)), subject=frame[0], html=frame[1], text=frame[2], marks=used
        )
        if shared
        else None,
    )
    return msgspec.structs.replace(message, rendered=rendered)
