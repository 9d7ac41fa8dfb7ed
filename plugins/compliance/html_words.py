"""Reading a finished HTML page: its visible words, its links, its images."""

from __future__ import annotations

import html
import re
from functools import lru_cache

HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d]*[1-9])|mso-hide|\shidden"
    r"|opacity\s*:\s*0(?![.\d]*[1-9])",
    re.IGNORECASE,
)
TAG = re.compile(r"<[^>]*>")
UNSEEN = re.compile(r"<!--.*?-->|<(head|style|script)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
PIXEL = re.compile(
    r"""\s(?:width|height)\s*=\s*["']?[01](?!\d)|(?:width|height)\s*:\s*[01](?:px)?\s*[;"']"""
    r"|display\s*:\s*none|visibility\s*:\s*hidden",
    re.IGNORECASE,
)
HREF = re.compile(r"""<a\b[^>]*?\shref\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)


def words(page: str) -> str:
    """What a reader of the page may see, as plain text."""
    return html.unescape(TAG.sub(" ", UNSEEN.sub(" ", page)))


def links(page: str) -> list[str]:
    """Where its links lead."""
    return [html.unescape(url) for url in HREF.findall(page)]


def has_pixel(page: str) -> bool:
    """Whether an image of a pixel, or a hidden one, stands in the page: it can only count opens."""
    return any(PIXEL.search(image[0]) for image in IMAGE.finditer(page))


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
