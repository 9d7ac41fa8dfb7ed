"""What a finished mail must hold, looked for in the mail itself and not in what made it."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from kernel.sdk import Forbidden, is_ours, verify
from plugins.compliance.consent import ALLOWED, no
from plugins.compliance.footer import PATH, PURPOSE
from plugins.compliance.laws import law_of

if TYPE_CHECKING:
    from kernel.sdk import Context, Outgoing, Recipient, Verdict

ADDRESSES = re.compile(r"<([^<>]*)>")
REPLY = re.compile(
    r"^\s*(re|fwd?|aw|wg|antw|sv|vs|rv|tr|rif|odp|ynt)\s*(\[\d+\])?\s*:", re.IGNORECASE
)
"""A subject that pretends to answer or forward something, in the languages of mail programs."""
HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|mso-hide|\shidden"
    r"|opacity\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
TAG = re.compile(r"<[^>]*>")
IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
PIXEL = re.compile(
    r"""\s(?:width|height)\s*=\s*["']?[01](?!\d)|(?:width|height)\s*:\s*[01](?:px)?\s*[;"']"""
    r"|display\s*:\s*none|visibility\s*:\s*hidden",
    re.IGNORECASE,
)
MOST_BYTES = 102 * 1024
"""Gmail clips what is longer."""


def judge(ctx: Context, message: Outgoing) -> Verdict:
    """`allowed`, or `suppressed` with what is wrong with the mail."""
    problem = fault(ctx, message)
    return ALLOWED if problem is None else no("mail", problem)


def fault(ctx: Context, message: Outgoing) -> str | None:
    """A sentence about the first thing the mail lacks; None when it may go out."""
    rendered = message.rendered
    if rendered is None:
        return "The mail was not rendered, so it could not be checked."
    if not rendered.subject.strip():
        return "The subject is empty."
    if not rendered.text.strip():
        return "The text part is missing."
    if too_large(rendered.html):
        return "The HTML is larger than 102 KB: Gmail would cut it, with the unsubscribe link."
    if has_pixel(rendered.html) and not may_track(message.recipient):
        return "The mail holds an open pixel, and the customer did not agree to be tracked."
    if REPLY.match(rendered.subject):
        return "The subject looks like an answer to a mail, which this is not."
    headers = {name.lower(): value for name, value in rendered.headers.items()}
    if headers.get("list-unsubscribe-post", "").strip() != "List-Unsubscribe=One-Click":
        return "The header List-Unsubscribe-Post is missing or wrong."
    found = ADDRESSES.findall(headers.get("list-unsubscribe", ""))
    links = [url for url in found if not url.lower().startswith("mailto:")]
    if len(links) != 1 or not is_ours(ctx, links[0], "compliance", PATH):
        return "The header List-Unsubscribe does not hold exactly one safe link of ours."
    link = links[0]
    try:
        value = verify(ctx, PURPOSE, link.rpartition("/")[2])
    except Forbidden:
        value = b""
    if value != message.id.bytes:
        return "The unsubscribe link does not belong to this message."
    if not visible_link(rendered.html, link):
        return "The HTML shows no unsubscribe link."
    if link not in rendered.text:
        return "The text shows no unsubscribe link."
    for line in ctx.tenant.postal_address.splitlines():
        if line.strip() and not any(way in rendered.html for way in spellings(line.strip())):
            return "The HTML does not show the postal address."
        if line.strip() not in rendered.text:
            return "The text does not show the postal address."
    return None


def too_large(page: str) -> bool:
    """Whether Gmail would clip the page. Counted only where it could be."""
    return len(page) * 4 > MOST_BYTES and len(page.encode()) > MOST_BYTES


def has_pixel(page: str) -> bool:
    """Whether an image of a pixel, or a hidden one, stands in the page: it can only count opens."""
    return any(PIXEL.search(image[0]) for image in IMAGE.finditer(page))


def may_track(person: Recipient) -> bool:
    """Whether opens may be tied to this person: ePrivacy Art. 5(3) asks for a consent of its own."""
    if person.tracking_consent == "unknown":
        return law_of(person.country).tracking == "opt_out"
    return person.tracking_consent == "granted"


def visible_link(page: str, link: str) -> bool:
    """Whether a link to this address stands in the page with words that can be seen."""
    for spelt in spellings(link):
        at = page.find(spelt)
        while at >= 0:
            start, end = page.rfind("<", 0, at), page.find(">", at)
            tag, close = page[start : end + 1], page.find("</a", end)
            if (
                tag[:3].lower() in ("<a ", "<a\n")
                and close > end
                and not HIDDEN.search(tag)
                and TAG.sub("", page[end + 1 : close]).strip()
                and page.rfind("<!--", 0, start) <= page.rfind("-->", 0, start)
            ):
                return True
            at = page.find(spelt, at + 1)
    return False


@lru_cache(maxsize=4096)
def spellings(text: str) -> tuple[str, ...]:
    """The ways in which text may be escaped in HTML; some templates escape the slash too."""
    escaped = html.escape(text)
    ways = (escaped.replace("/", "&#x2f;"), escaped, html.escape(text, quote=False), text)
    return tuple(dict.fromkeys(ways))
