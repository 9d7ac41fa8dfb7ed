"""The names of variants: `tone[.offer][.segment-<slug>][.<language>]`, made and read here alone."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kernel.contracts.campaigns import Copy
    from kernel.contracts.decisions import Action, Candidate

BASE = "en"
"""The language of a name without one: what our own templates are written in."""
LANGUAGES = ("en", "de", "fr")
"""Those whose words can be checked (kernel/pipeline/wording.py), so those that anybody may write in."""
SEGMENT = "trait:rfm.segment"
_SEGMENT = "segment-"
_LANGUAGE = re.compile(r"[a-z]{2}")


class Name(Frozen):
    """What a variant's name says."""

    tone: str
    offer: bool = False
    segment: str = ""
    """The slug of a segment: `at-risk`."""
    language: str = ""
    """Two letters, or empty for the base language."""

    def __str__(self) -> str:
        parts = [self.tone, "offer" if self.offer else "", self.language]
        if self.segment:
            parts.insert(2, _SEGMENT + self.segment)
        return ".".join(part for part in parts if part)

    @property
    def segment_title(self) -> str:
        """The segment as people read it: `At Risk`."""
        return self.segment.replace("-", " ").title()


def parse(name: str) -> Name:
    """What the name says. Anything at all is a tone: names come from campaign types and merchants."""
    tone, *parts = name.split(".")
    language = parts.pop() if parts and _LANGUAGE.fullmatch(parts[-1]) else ""
    offer = bool(parts) and parts[0] == "offer"
    parts = parts[1:] if offer else parts
    segment = ""
    if parts and parts[0].startswith(_SEGMENT):
        segment = parts.pop(0).removeprefix(_SEGMENT)
    if parts:
        return Name(tone=name)
    return Name(tone=tone, offer=offer, segment=segment, language=language)


def slug(text: str) -> str:
    """At most 40 of a-z, 0-9 and dashes: `At Risk` becomes `at-risk`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:40].strip("-")


def languages(copies: Iterable[str], writers: bool) -> frozenset[str]:
    """The languages that names may end in.

    Args:
        copies: the variants that the campaign type has words for.
        writers: whether some plugin writes copy.
    """
    own = {parse(name).language for name in copies} - {""}
    return frozenset(own | (set(LANGUAGES) - {BASE} if writers else set()))


def of(
    action: Action, candidate: Candidate, locale: str, *, spoken: frozenset[str], writers: bool
) -> str:
    """The variant of a message.

    Args:
        action: what is sent.
        candidate: to whom; the segment is a feature.
        locale: the customer's, such as `de-AT`; empty for unknown.
        spoken: see `languages`.
        writers: whether some plugin writes copy; only then is there a word for each segment.
    """
    language = locale[:2].lower()
    segment = candidate.features.get(SEGMENT) if writers else None
    name = Name(
        tone=action.tone,
        offer=bool(action.offer),
        segment=slug(segment) if isinstance(segment, str) else "",
        language=language if language in spoken else "",
    )
    return str(name)


def find(copies: Mapping[str, Copy], name: Name) -> tuple[Name, Copy] | None:
    """The words that come nearest, and what they really are: exact, else without segment, language,
    offer, in this order; those of another tone rather than none, but never an offer that is not made.
    """
    plain = [parse(one) for one in sorted(copies) if not parse(one).offer]
    for one in (
        name,
        Name(tone=name.tone, offer=name.offer, language=name.language),
        Name(tone=name.tone, offer=name.offer),
        Name(tone=name.tone, language=name.language),
        Name(tone=name.tone),
        *plain,
    ):
        if str(one) in copies:
            return one, copies[str(one)]
    return None
