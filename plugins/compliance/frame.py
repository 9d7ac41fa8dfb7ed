"""The part of a mail that all of one variant have in common, judged once for all of them."""

from __future__ import annotations

import html
import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from kernel.sdk import public_url
from plugins.compliance import claim_words, claims, html_words, seen
from plugins.compliance.claims import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernel.sdk import Context, Rendered, Shared

KEPT = 512
SLOT = "slot"
"""What stands for a value where words are looked for."""


class Said(NamedTuple):
    """What the words of a mail say, its values apart."""

    claims: tuple[Claim, ...] = ()
    promotion: str = ""
    """The first word that makes it an advertisement."""
    sensitive: tuple[tuple[str, str], ...] = ()
    """Subject and word."""
    closing: str = ""
    """The words that announce the end of its offer."""


NOTHING = Said()


@dataclass(frozen=True, slots=True)
class Frame:
    """What is known of a mail before its values."""

    fault: tuple[str, str] | None
    """Rule and sentence: what stops all its mails."""
    said: Said
    pixel: bool
    parts: tuple[tuple[str, ...], ...] = ()
    """Of subject, html and text: literal, mark, literal, mark, …"""
    marks: tuple[tuple[str, str, bool], ...] = ()
    """Mark, slot, whether escaped."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What the gate must know of a tenant: made once for a batch."""

    tenant: str
    address: tuple[str, ...]
    """The lines of the postal address."""
    hosts: tuple[str, ...]
    """Where links may lead: ours, and the shop's."""


def shop_of(ctx: Context) -> Shop:
    """The tenant as it stands now."""
    tenant = ctx.tenant
    urls = (
        public_url(ctx, "compliance", "u/"),
        public_url(ctx, "compliance", "-"),
        tenant.brand.website,
        f"https://{tenant.sender.email.rpartition('@')[2]}",
    )
    hosts = dict.fromkeys(filter(None, map(host_of, urls)))
    lines = tuple(line.strip() for line in tenant.postal_address.splitlines() if line.strip())
    return Shop(tenant.id, lines, tuple(hosts))


def host_of(url: str) -> str:
    """The host of an address, without `www.`; empty where it has none."""
    try:
        host = urlsplit(url if "//" in url[:8] else f"//{url}").hostname or ""
    except ValueError:
        return ""
    return host.lower().removeprefix("www.")


_frames: OrderedDict[tuple[Shop, str], Frame] = OrderedDict()


def frame_of(shop: Shop, rendered: Rendered, link: str) -> Frame:
    """The frame of a mail, from those seen before where it can be shared.

    A mail that is not exactly its shared one with the slots filled is judged by itself: whatever changed
    it, what goes out is what was judged.
    """
    shared = rendered.shared
    if shared is not None:
        key = (shop, shared.key)
        frame = _frames.get(key)
        if frame is None:
            frame = _shared(shop, shared, written(rendered))
            _frames[key] = frame
            if len(_frames) > KEPT:
                _frames.popitem(last=False)
        if same(frame, rendered):
            return frame
    fault = missing(rendered.html, rendered.text, (link, link), (shop.address, shop.address))
    pixel = html_words.has_pixel(rendered.html)
    if not rendered.slots:  # a word may be a customer's name: nothing can be held against it
        return Frame(fault, NOTHING, pixel)
    return Frame(fault, read(shop, *literal(rendered), written(rendered)), pixel)


def literal(rendered: Rendered) -> tuple[str, str, str]:
    """Subject, page and text with a word for each value: what was written and not filled in."""
    values = sorted(map(str, rendered.slots.values()), key=len, reverse=True)
    both = [way for value in values if len(value) > 2 for way in {value, html.escape(value)}]
    return (
        bare(rendered.subject, both),
        bare(rendered.html, both),
        bare(rendered.text, both),
    )


def same(frame: Frame, rendered: Rendered) -> bool:
    """Whether the mail is the frame with its marks filled, to the letter."""
    slots, values = rendered.slots, {}
    for mark, slot, escaped in frame.marks:
        if slot not in slots:
            return False
        value = str(slots[slot])
        values[mark] = html.escape(value) if escaped else value
    for parts, whole in zip(
        frame.parts, (rendered.subject, rendered.html, rendered.text), strict=True
    ):
        filled = list(parts)
        filled[1::2] = [values[mark] for mark in parts[1::2]]
        if "".join(filled) != whole:
            return False
    return True


def _shared(shop: Shop, shared: Shared, links: tuple[str, ...]) -> Frame:
    texts = (shared.subject, shared.html, shared.text)
    by_slot = {value: mark for mark, value in shared.marks.items()}
    link = by_slot.get(("unsubscribe_url", True), ""), by_slot.get(("unsubscribe_url", False), "")
    page, text = by_slot.get(("postal_address", True)), by_slot.get(("postal_address", False))
    address = (page,) if page else shop.address, (text,) if text else shop.address
    if shared.marks:
        pattern = re.compile(f"({'|'.join(map(re.escape, shared.marks))})")
        parts = tuple(tuple(pattern.split(text)) for text in texts)
    else:
        parts = tuple((text,) for text in texts)
    said = read(shop, *(bare(text, shared.marks) for text in texts), links)
    fault = missing(shared.html, shared.text, link, address)
    marks = tuple((mark, slot, escaped) for mark, (slot, escaped) in shared.marks.items())
    return Frame(fault, said, html_words.has_pixel(shared.html), parts, marks)


def written(rendered: Rendered) -> tuple[str, ...]:
    """Where the links of the template lead, as it says; the button's is the words' own."""
    return tuple(url for slot, url in rendered.links.items() if slot != "link")


@lru_cache(maxsize=KEPT)
def read(shop: Shop, subject: str, page: str, text: str, links: tuple[str, ...] = ()) -> Said:
    """What the words say, a word standing for each value. Links to us and to the shop are no claims;
    `links` are those that became values.
    """
    words = html_words.words(page)
    found = [*claims.in_subject(subject), *claims.in_body(words), *claims.in_body(text)]
    found += [
        Claim("claims", "link", url)
        for url in (*html_words.links(page), *links)
        if url.lower().startswith(("http:", "https:", "//"))
    ]
    low = seen.plain(f"{subject}\n{words}\n{text}")
    return Said(
        claims=tuple(
            claim
            for claim in dict.fromkeys(found)
            if claim.kind != "link" or not ours(shop, claim.said)
        ),
        promotion=next(claim_words.matches(claim_words.PROMOTION, low), ""),
        sensitive=tuple(
            (kind, hit[0])
            for kind, pattern in claim_words.SENSITIVE.items()
            if (hit := pattern.search(low))
        ),
        closing=claims.closing(subject, f"{words}\n{text}"),
    )


def missing(
    page: str,
    text: str,
    link: tuple[str, str],
    address: tuple[tuple[str, ...], tuple[str, ...]],
) -> tuple[str, str] | None:
    """What must stand in every mail and does not."""
    if not text.strip():
        return "text_part", "The text part is missing."
    if not link[0] or not html_words.visible_link(page, link[0]):
        return "visible_link", "The HTML shows no unsubscribe link."
    if not link[1] or link[1] not in text:
        return "visible_link", "The text shows no unsubscribe link."
    for line in address[0]:
        if not any(way in page for way in html_words.spellings(line)):
            return "postal_address", "The HTML does not show the postal address."
    for line in address[1]:
        if line not in text:
            return "postal_address", "The text does not show the postal address."
    return None


def bare(text: str, values: Iterable[str]) -> str:
    """The text with a word in place of each mark or value."""
    for value in values:
        text = text.replace(value, SLOT)
    return text


def ours(shop: Shop, url: str) -> bool:
    """Whether an address leads to us or to the shop."""
    host = host_of(url)
    return any(host == one or host.endswith(f".{one}") for one in shop.hosts)
