"""Reading a finished HTML page: its visible words, its links, its images."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from html.parser import HTMLParser

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
HREF = re.compile(r"""<a\b[^>]*?\shref\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)


INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "center",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
"""Tags that divide no word: any other is a break."""
VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
UNREAD = frozenset(("head", "style", "script", "title", "template", "noscript"))
CONDITION = re.compile(r"\[if [^\]]*\]>(.*)", re.DOTALL)


def words(page: str) -> str:
    """What a reader of the page may see, as plain text: also the words of pictures, and what only Outlook
    shows. Where something is hidden, first without it and then with it: an inbox shows hidden previews.
    """
    reader = _Reader()
    reader.feed(page.replace("<![", "<!x["))
    reader.close()
    seen = "".join(reader.seen)
    return f"{seen}\n{''.join(reader.all)}" if reader.hid else seen


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.all: list[str] = []
        self.hid = False
        self._open: list[tuple[str, str]] = []
        """Open tags, each with what it does to the words in it: `hidden`, `unread`, `turned` or nothing."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._open.clear()
        given = {name: value or "" for name, value in attrs}
        if tag not in INLINE:
            self._say("\n")
        if tag == "img" and given.get("alt"):
            self._say(f" {given['alt']} ")
        effect = ""
        if tag in UNREAD:
            effect = "unread"
        elif "hidden" in given or HIDDEN.search(given.get("style", "")):
            effect = "hidden"
        elif tag == "bdo" and given.get("dir", "").lower() == "rtl":
            effect = "turned"
        if tag not in VOID:
            self._open.append((tag, effect))

    def handle_endtag(self, tag: str) -> None:
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at][0] == tag:
                del self._open[at:]
                break
        if tag not in INLINE:
            self._say("\n")

    def handle_data(self, data: str) -> None:
        self._say(data)

    def handle_comment(self, data: str) -> None:
        if found := CONDITION.match(data):
            self._say(f"\n{words(found[1].partition('<!')[0])}\n")

    def _say(self, data: str) -> None:
        effects = {effect for _, effect in self._open}
        if "unread" in effects:
            return
        if "turned" in effects:
            data = data[::-1]
        self.all.append(data)
        if "hidden" not in effects:
            self.seen.append(data)
        elif data.strip():
            self.hid = True


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
