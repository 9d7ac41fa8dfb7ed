"""What is wrong with a finished mail before anybody gets it: pure, the same mail always gets the same answer.

`block` stops the approval: the mail would be cut, refused or unlawful, or its links do harm. `warn` is told.
"""

from __future__ import annotations

import html
import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kernel.contracts.delivery import Finding
from kernel.mail.spam_words import SPAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.contracts.delivery import Rendered

LARGE = 90 * 1024
CLIPPED = 102 * 1024
"""Bytes of a page from which Gmail cuts it, and with it the way to unsubscribe."""
SUBJECT = 70
"""Characters that most programs show."""
LITTLE = 80
"""Characters of text below which a mail with images is an image."""
SHORTENERS = frozenset({
    "bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "buff.ly", "rebrand.ly", "cutt.ly",
    "rb.gy", "t.ly", "tiny.cc", "v.gd", "s.id", "shorturl.at", "bl.ink", "lnkd.in", "soo.gd", "x.co",
    "clck.ru", "kurzelinks.de",
})  # fmt: skip

_TAG = re.compile(r"<[^>]*>")
_ATTRIBUTE = re.compile(r"""\b(?:href|src)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_IN_TEXT = re.compile(r"\bhttps?://[^\s<>\"]+", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"\salt\s*=", re.IGNORECASE)
_PIXEL = re.compile(r"""\s(?:width|height)\s*=\s*["']?1["'\s>]""", re.IGNORECASE)
_UNSEEN = re.compile(
    r"<!--.*?-->|<(style|head|script)\b.*?</\1>|<div style=\"display:none.*?</div>",
    re.DOTALL | re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")


def lint(
    rendered: Rendered,
    *,
    postal_address: str,
    own: Sequence[str] = (),
    links: Sequence[str] = (),
    transactional: bool = False,
) -> list[Finding]:
    """What is wrong with the mail, blocking findings first.

    Args:
        rendered: the mail of one customer.
        postal_address: the sender's, which must stand in it.
        own: what addresses of this installation begin with; they may be anything.
        links: where links lead that were rewritten before they came into the mail.
        transactional: it need not say how to unsubscribe.
    """
    found = [*_subject(rendered.subject), *_size(rendered.html), *_text(rendered)]
    found += _images(rendered.html)
    found += _links([*addresses(rendered), *links], own)
    found += _spam(f"{rendered.subject}\n{rendered.text.partition(chr(10) + '--' + chr(10))[0]}")
    found += _foot(rendered, postal_address, transactional)
    return sorted(found, key=lambda one: one.severity != "block")


def blocking(findings: Sequence[Finding]) -> list[Finding]:
    """Those that stop an approval."""
    return [one for one in findings if one.severity == "block"]


def addresses(rendered: Rendered) -> list[str]:
    """Every address in the page and the text, once, as it is and not as HTML spells it."""
    page = [html.unescape(one or other) for one, other in _ATTRIBUTE.findall(rendered.html)]
    text = [url.rstrip(".,;:!?)") for url in _IN_TEXT.findall(rendered.text)]
    return list(dict.fromkeys(url.strip() for url in (*page, *text)))


def seen(page: str) -> str:
    """The words a reader sees in a page."""
    return " ".join(html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", page))).split())


def _subject(subject: str) -> Iterator[Finding]:
    words = _WORD.findall(subject)
    if not subject.strip():
        yield _block("subject", "The subject is empty.", "Write one.")
    if len(subject) > SUBJECT:
        yield _warn(
            "subject-length",
            f"The subject has {len(subject)} characters; programs show about {SUBJECT}.",
            "Shorten it.",
        )
    if len(words) > 1 and sum(map(len, words)) > 6 and all(word.isupper() for word in words):
        yield _warn(
            "subject-capitals", "The subject is all in capitals.", "Write it as a sentence."
        )
    if re.search(r"[!?]\s*!|!\s*[!?]", subject) or subject.count("!") > 1:
        yield _warn(
            "subject-marks", "The subject has several exclamation marks.", "Keep one, or none."
        )


def _size(page: str) -> Iterator[Finding]:
    size = len(page.encode())
    if size > CLIPPED:
        yield _block(
            "size",
            f"The page is {size / 1024:.0f} KB: Gmail cuts it at 102 KB, and with it the "
            "way to unsubscribe.",
            "Shorten the words.",
        )
    elif size > LARGE:
        yield _warn(
            "size",
            f"The page is {size / 1024:.0f} KB; Gmail cuts at 102 KB.",
            "Shorten the words.",
        )


def _text(rendered: Rendered) -> Iterator[Finding]:
    if not rendered.text.strip():
        yield _block(
            "text", "The mail has no text part.", "Give its template one: filters ask for it."
        )


def _images(page: str) -> Iterator[Finding]:
    images = [tag for tag in _IMAGE.findall(page) if not _PIXEL.search(tag)]
    blank = sum(not _ALT.search(tag) for tag in images)
    if blank:
        yield _warn(
            "alt",
            f"{blank} of {len(images)} images say nothing when they are off.",
            "Give each an `alt`, empty where it only decorates.",
        )
    words = seen(page)
    if images and len(words) < LITTLE:
        yield _block(
            "image-only",
            f"The mail is images and {len(words)} characters of text.",
            "Say it in words: filters refuse it, and who has images off reads nothing.",
        )


def _links(urls: Sequence[str], own: Sequence[str]) -> Iterator[Finding]:
    # The same address with and without what counts clicks is one.
    for url in {url.partition("?")[0]: url for url in urls}.values():
        if any(url.startswith(start) for start in own):
            continue
        if fault := link_fault(url):
            yield _block(fault[0], f"{_short(url)} {fault[1]}", fault[2])


def link_fault(url: str) -> tuple[str, str, str] | None:
    """(rule, what it is, what to do) for an address that has no place in a mail, else None."""
    if url.lower().startswith(("mailto:", "tel:")):
        return None
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return "link", "is no address.", "Correct it."
    if parts.scheme.lower() != "https" or not host:
        return "https", "does not begin with https://.", "Use https."
    if host.removeprefix("www.") in SHORTENERS:
        return "shortener", "hides where it leads.", "Link to the page itself."
    if _number(host):
        return "bare-ip", "is a number, not a name.", "Link to a name of your shop's."
    return None


def _number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:  # 0x7f000001 and 2130706433 are addresses to a browser, too
        return bool(re.fullmatch(r"(0x[0-9a-f]+|\d+)(\.(0x[0-9a-f]+|\d+))*", host, re.IGNORECASE))
    return True


def _spam(words: str) -> Iterator[Finding]:
    low = _IN_TEXT.sub(" ", words).lower().replace("’", "'")
    hits = list(dict.fromkeys(match[0] for match in SPAM.finditer(low)))
    if hits:
        listed = ", ".join(f"“{hit}”" for hit in hits[:5])
        yield _warn("spam-words", f"Filters take this for spam: {listed}.", "Say it another way.")


def _foot(rendered: Rendered, postal_address: str, transactional: bool) -> Iterator[Finding]:
    way = str(rendered.slots.get("unsubscribe_url", ""))
    linked = [html.unescape(one or other) for one, other in _ATTRIBUTE.findall(rendered.html)]
    if not transactional and (not way or way not in linked or way not in rendered.text):
        yield _block(
            "unsubscribe",
            "The page or the text does not say how to unsubscribe.",
            "Put `{{ unsubscribe_url }}` into the template's foot.",
        )
    lines = [line for line in map(_flat, postal_address.splitlines()) if line]
    whole = _flat(seen(rendered.html)), _flat(rendered.text)
    if not lines:
        yield _block(
            "address",
            "The shop has no postal address.",
            "Enter it in the shop's settings.",
        )
    elif any(line not in part for line in lines for part in whole):
        yield _block(
            "address",
            "The mail does not show the postal address.",
            "Put `{{ postal_address }}` into the template's foot.",
        )


def _block(rule: str, sentence: str, advice: str) -> Finding:
    return Finding(severity="block", rule=rule, sentence=sentence, advice=advice)


def _warn(rule: str, sentence: str, advice: str) -> Finding:
    return Finding(severity="warn", rule=rule, sentence=sentence, advice=advice)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _short(url: str) -> str:
    return url if len(url) <= 80 else f"{url[:77]}…"
