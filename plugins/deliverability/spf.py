"""SPF records: read without trusting them, and followed as a receiver would (RFC 7208)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plugins.deliverability.resolver import Resolver

MOST = 10
"""Look-ups that a receiver makes for one record; with more it gives up (RFC 7208, 4.6.4)."""
LOOKS_UP = frozenset({"include", "a", "mx", "ptr", "exists", "redirect"})
_TERM = re.compile(
    r"([+\-~?]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?::([^/\s]\S*?))?((?:/\d{1,3})?(?://\d{1,3})?)",
    re.IGNORECASE,
)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(\S*)")
_NEEDS = frozenset({"include", "exists", "ip4", "ip6"})


class Term(Frozen):
    """One word of a record: `-all` is qualifier `-` and name `all`."""

    name: str
    value: str = ""
    qualifier: str = "+"


class Record(Frozen):
    """A record that was read. Where `problem` is set, receivers refuse all of it."""

    terms: tuple[Term, ...] = ()
    problem: str = ""

    @property
    def ending(self) -> str:
        """The qualifier of `all`, or empty where the record has no `all`."""
        return next((one.qualifier for one in self.terms if one.name == "all"), "")


@dataclass
class Followed:
    """What a record comes to, with all that it includes."""

    records: list[str] = field(default_factory=list)
    """Those of the domain itself: there must be one."""
    record: Record = field(default_factory=Record)
    hosts: set[str] = field(default_factory=set)
    """Every domain whose senders are allowed, and where its record stands after CNAMEs."""
    lookups: int = 0
    problem: str = ""
    failed: bool = False
    """The DNS did not answer somewhere: nobody knows."""


def is_spf(text: str) -> bool:
    """Whether a TXT record claims to be one of SPF."""
    return text.split(" ", 1)[0].lower() == "v=spf1"


def parse(text: str) -> Record:
    """The terms of a record; never raises, whatever the text."""
    if not is_spf(text):
        return Record(problem="It does not begin with v=spf1.")
    terms: list[Term] = []
    for word in text.split(" ")[1:]:
        if not word:
            continue
        if found := _TERM.fullmatch(word):
            qualifier, name, value, size = found.groups()
            name, value = name.lower(), (value or "").rstrip(".")
            if (name in _NEEDS and not value) or (
                name in ("ip4", "ip6") and not _network(name, value + size)
            ):
                return Record(terms=tuple(terms), problem=f"“{word[:60]}” is not complete.")
            terms.append(Term(name=name, value=value, qualifier=qualifier or "+"))
        elif modifier := _MODIFIER.fullmatch(word):
            terms.append(Term(name=modifier[1].lower(), value=modifier[2].rstrip(".")))
        else:
            return Record(terms=tuple(terms), problem=f"“{word[:60]}” means nothing in SPF.")
    if sum(one.name == "redirect" for one in terms) > 1:
        return Record(terms=tuple(terms), problem="It has two redirects.")
    return Record(terms=tuple(terms))


def repaired(texts: Sequence[str], include: str = "") -> str:
    """One record of all that can be read in these, with this include, and an ending that refuses others."""
    words: dict[str, None] = {}
    ending = "~all"
    for word in (word for text in texts for word in text.split()[1:]):
        if word.lower().lstrip("+-~?") == "all":
            ending = word.lower() if word[0] in "-~" else ending
        elif not parse(f"v=spf1 {word}").problem:
            # A redirect counts only without `all`: as an include it means the same beside one.
            redirects = word.lower().startswith("redirect=") and word[9:]
            words[f"include:{word[9:]}" if redirects else word] = None
    if include and f"include:{include}" not in [word.lower().lstrip("+") for word in words]:
        words[f"include:{include}"] = None
    return " ".join(["v=spf1", *words, ending])


async def follow(resolver: Resolver, domain: str) -> Followed:
    """The record at `domain` and all that it includes, asked of the DNS."""
    result = Followed()
    await _follow(resolver, domain, result, ())
    return result


async def _follow(
    resolver: Resolver, domain: str, result: Followed, above: tuple[str, ...]
) -> None:
    answer = await resolver.ask(domain, "TXT")
    result.failed |= answer.state == "failed"
    texts = [text for text in answer.values if is_spf(text)]
    if not above:
        result.records = texts
    if answer.state == "failed":
        return
    if len(texts) != 1:
        if above:
            result.problem = result.problem or (
                f"It includes {domain}, which has {'no SPF record' if not texts else 'two'}."
            )
        return
    record = parse(texts[0])
    if not above:
        result.record = record
    result.hosts |= {domain.lower(), answer.name}
    if record.problem:
        result.problem = result.problem or (
            record.problem if not above else f"The record of {domain}: {record.problem}"
        )
        return
    has_all = bool(record.ending)
    for term in record.terms:
        if term.name not in LOOKS_UP or (term.name == "redirect" and has_all):
            continue
        result.lookups += 1
        if result.lookups > MOST:
            result.problem = result.problem or (
                f"It takes more than {MOST} look-ups, and receivers give up at {MOST}."
            )
            return
        if term.name not in ("include", "redirect") or "%" in term.value:
            continue
        if term.value.lower() in above or term.value.lower() == domain.lower():
            result.problem = result.problem or f"It includes {term.value} in a circle."
            return
        await _follow(resolver, term.value, result, (*above, domain.lower()))
        if result.problem:
            return


def _network(name: str, value: str) -> bool:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return network.version == (4 if name == "ip4" else 6)
