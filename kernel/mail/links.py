"""The links of a page, found when a mail is built: where each leads becomes a slot of its own.

So whatever wrote a link (a plugin's template, a shop's, the words), there is one place where it can be
rewritten to be counted, and mails of one variant are still shared.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.mail.slots import SLOT, literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

NEVER = frozenset({"unsubscribe_url", "preferences_url"})
"""Slots whose links are nobody's to rewrite."""
FAR = 4_000
"""Characters of a page in which the words of a link end."""
_ANCHOR = re.compile(r"<(?:a|area)\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
_HREF = re.compile(r"(?<=\s)href\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_ALONE = re.compile(r"\srel\s*=\s*[\"'][^\"']*\bnofollow\b", re.IGNORECASE)
_WEB = re.compile(r"https?://|\{\{ ", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_ALT = re.compile(r"\salt=\"([^\"]*)\"", re.IGNORECASE)


class Found(Frozen):
    """A page whose links are slots."""

    page: str
    sources: dict[str, str]
    """Slot -> where it leads, as it was written: with the slots in it, not escaped."""
    words: dict[str, str]
    """Slot -> what the reader sees of the link, as template source for plain text; may be empty."""


def named(page: str, known: Mapping[str, str], taken: Collection[str] = ()) -> Found:
    """The page with its links named: `link` and `home_link` keep their names, others are `link_1` and on.

    Left as they are: what is no web address, what unsubscribes or leads to the preferences, and links with
    `rel="nofollow"`. Equal addresses have one name.

    Args:
        page: template source.
        known: slot -> address, for slots that are links already.
        taken: names of slots that no link may get.
    """
    names = {source: name for name, source in reversed(list(known.items()))}
    sources, words, alts = dict(known), dict[str, str](), dict[str, str]()
    numbers = (name for n in range(1, len(page)) if (name := f"link_{n}") not in taken)

    def anchor(tag: re.Match[str]) -> str:
        href = _HREF.search(tag[0])
        if href is None:
            return tag[0]
        written = html.unescape(href[1] or href[2] or "").strip()
        source = SLOT.sub(lambda m: known.get(m[1], f"{{{{ {m[1]} }}}}"), written)
        slots = SLOT.findall(source)
        if "{{" in SLOT.sub("", source) or not _WEB.match(source) or NEVER.intersection(slots):
            return tag[0]
        if _ALONE.search(tag[0]):
            target = literal(source, as_html=True)
        else:
            exact = SLOT.fullmatch(written)
            name = exact[1] if exact and exact[1] in known else names.get(source, "")
            name = name or names.setdefault(source, next(numbers))
            sources[name] = source
            said, alt = _words(page, tag.end())
            words[name], alts[name] = words.get(name) or said, alts.get(name) or alt
            target = f"{{{{ {name} }}}}"
        return f'{tag[0][: href.start()]}href="{target}"{tag[0][href.end() :]}'

    whole = _ANCHOR.sub(anchor, page)
    told = {name: said or alts[name] for name, said in words.items()}
    return Found(page=whole, sources=sources, words=told)


def _words(page: str, start: int) -> tuple[str, str]:
    """What a link says, and what its images say when they are off."""
    inside = page[start : start + FAR].partition("</a")[0]
    both = _TAG.sub(" ", inside), " ".join(_ALT.findall(inside))
    said, alt = (" ".join(html.unescape(text).split()) for text in both)
    return said, alt
