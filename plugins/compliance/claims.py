"""What a mail claims, and whether the values of its slots bear it out.

Washington CEMA (RCW 19.190.020) and CAN-SPAM 15 USC 7704(a)(2) forbid subjects that mislead; UWG and the
UCPD forbid prices that are not so. The slots are filled from what was really offered, so a claim that
stands in no slot is one that somebody made up.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from plugins.compliance import catalogue, dates, seen
from plugins.compliance import claim_words as words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kernel.sdk import Scalar
    from plugins.compliance.facts import Facts

OFFER = ("offer_code", "offer_value", "offer_ends")
NO_AMOUNTS = frozenset(
    [
        "first_name",
        "last_name",
        "shop_name",
        "sender_name",
        "postal_address",
        "footer_reason",
        "offer_code",
        "offer_ends",
        "link",
        "home_link",
    ]
)
"""Slots whose numbers are none of an offer: a house number bears out no discount."""
URL = re.compile(r"(?<!\w)(?:https?://|www\.)[^\s\"'<>()\]]+", re.IGNORECASE)
_BREAK = re.compile(r"(?<!\d)[.!?…]\s|\s[–—|•]\s")
AROUND = 160
"""Characters on each side of a claim that may belong to its sentence."""
FEW = 5
"""Words of a fragment: what it is about stands in the sentence before."""


class Claim(NamedTuple):
    """Something that must be true. `said` is what stands in the mail."""

    rule: str
    """`subject` or `claims`."""
    kind: str
    """`amount`, `words`, `urgent`, `deadline`, `free`, `code` or `link`."""
    said: str
    near: str = ""
    """The sentence of a price: it may name a product of the catalogue."""


def in_subject(subject: str) -> Iterator[Claim]:
    """Percentages, prices, urgency, ends, free things and codes."""
    yield from _numbers("subject", subject)
    low = seen.plain(subject)
    for reading in seen.readings(subject):
        for kind, pattern in (("urgent", words.URGENT), ("free", words.FREE)):
            for said in words.matches(pattern, reading, low):
                if said not in words.NO_END:
                    yield Claim("subject", kind, said)
        for named in dates.named(reading):
            if _of_an_offer(reading, named, alone=True):
                yield Claim("subject", "deadline", named.said)
    rest = words.AMOUNT.sub(" ", seen.readings(subject)[0])
    for _, pattern in words.IN_WORDS:
        for found in pattern.finditer(rest):
            yield Claim("subject", "words", found[0])
        rest = pattern.sub(" ", rest)
    for said in words.matches(words.SHARES, rest):
        yield Claim("subject", "words", said)


def in_body(text: str) -> Iterator[Claim]:
    """Numbers with a percent sign or a currency, codes, ends of offers, and addresses written out."""
    yield from _numbers("claims", text)
    for reading in seen.readings(text):
        for _, pattern in words.IN_WORDS:
            for found in pattern.finditer(reading):
                yield Claim("claims", "words", found[0])
        for found in words.CLOSING.finditer(reading):
            if not _elsewhere(_sentence(reading, found.start(), found.end())):
                yield Claim("claims", "urgent", found[0])
        for named in dates.named(reading):
            if _of_an_offer(reading, named):
                yield Claim("claims", "deadline", named.said)
    for url in URL.findall(text):
        yield Claim("claims", "link", url)


def closing(subject: str, text: str) -> str:
    """The words by which a mail announces that its offer is about to end; empty where none do.

    An end in the subject does, whether in words or a slot. In the body that is the terms of a code, unless it
    says `only`, or how much time is left.
    """
    for part, whole in ((subject, True), (text, False)):
        for reading in seen.readings(part):
            for found in words.CLOSING.finditer(reading):
                if not _elsewhere(_sentence(reading, found.start(), found.end())):
                    return found[0]
            for named in dates.named(reading):
                if (whole or named.pressing) and _of_an_offer(reading, named, alone=whole):
                    return reading[named.start : named.end]
            for found in dates.SLOT_END.finditer(reading):
                if whole or dates.ONLY.search(reading[max(0, found.start() - 24) : found.start()]):
                    return found[0].removesuffix(" slot")
    return ""


def _numbers(rule: str, text: str) -> Iterator[Claim]:
    low = seen.plain(text)
    for found in words.AMOUNT.finditer(low):
        if not words.MADE_OF.match(low, found.start()):
            near = "" if "%" in found[0] else _sentence(low, found.start(), found.end())
            yield Claim(rule, "amount", found[0], near)
    for code in words.CODE.finditer(seen.fold(text)):
        yield Claim(rule, "code", code["named"] or code["ours"])


def _of_an_offer(text: str, named: dates.Named, alone: bool = False) -> bool:
    """Whether an end in words is that of an offer, and not of opening hours, a delivery or a holiday.

    Args:
        text: what it was found in.
        named: where.
        alone: in a subject there is no sentence before that says what it is about.
    """
    sentence = _sentence(text, named.start, named.end)
    if _offering(sentence):
        return True
    if words.ELSEWHERE.search(sentence) or named.weak:
        return False
    if alone:
        return True
    if len(sentence.split()) > FEW:
        return False
    if named.pressing:
        return True
    before = text[max(0, named.start - AROUND) : named.start].rstrip(" .!?…–—|•")
    return _offering(_sentence(before, len(before), len(before)))


def _offering(sentence: str) -> bool:
    return bool(
        words.OFFERING.search(sentence)
        or words.AMOUNT.search(sentence)
        or words.DISCOUNT_PLAIN.search(sentence)
    )


def _elsewhere(sentence: str) -> bool:
    return bool(words.ELSEWHERE.search(sentence)) and not _offering(sentence)


def _sentence(text: str, start: int, end: int) -> str:
    head, tail = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    begin = max((found.end() for found in _BREAK.finditer(head)), default=0)
    stop = _BREAK.search(tail)
    return head[begin:] + text[start:end] + (tail[: stop.start()] if stop else tail)


def backed(claim: Claim, slots: Mapping[str, Scalar], facts: Facts) -> bool:
    """Whether slots and catalogue bear the claim out.

    Urgency needs an offer that ends; an end, that it is the offer's; an amount, the same number with the same
    unit in some slot (`offer_value`, a price) or the price of the product it stands by; a code or an address, a
    slot that holds it. What is free must be so in `offer_value`.
    """
    if claim.kind == "urgent":
        return bool(slots.get("offer_ends"))
    if claim.kind == "deadline":
        ends = _words(slots.get("offer_ends", ""))
        meant = dates.days(claim.said, facts.now)
        return bool(ends) and (claim.said in ends or bool(meant & dates.days(ends, facts.now)))
    if claim.kind in ("free", "words"):
        return (
            claim.said in seen.plain(str(slots.get("offer_value", "")))
            or claim.said in _words(slots.get("offer_value", ""))
            or any(
                same(("%", Decimal(number)), one)
                for number, pattern in words.IN_WORDS
                if pattern.fullmatch(claim.said)
                for one in _values(slots)
            )
        )
    if claim.kind == "amount":
        meant_amount = worth(claim.said)
        if any(same(meant_amount, one) for one in _values(slots)):
            return True
        return bool(claim.near) and catalogue.sells(claim.near, meant_amount, facts)
    return any(claim.said in value for value in slots.values() if isinstance(value, str))


@lru_cache(maxsize=1024)
def _words(value: Scalar) -> str:
    return seen.unaccented(seen.plain(str(value)))


def worth(said: str) -> tuple[str, Decimal]:
    """Unit and number of an amount such as `1.299,00 €`; the unit is `%`, a currency, or empty."""
    found = words.UNIT.search(said)
    return (words.UNITS.get(found[0].replace(" ", ""), found[0]) if found else ""), number(said)


def same(one: tuple[str, Decimal], other: tuple[str, Decimal]) -> bool:
    """Whether two amounts are the same; a bare number has any unit, a dollar may be any country's."""
    units = {one[0], other[0]}
    dollars = "$" in units and bool(units & words.DOLLARS)
    return one[1] == other[1] and (len(units) == 1 or "" in units or dollars)


def number(said: str) -> Decimal:
    """The number in a text such as `1.299,00 €` or `€ 1,299`; -1 where there is none."""
    found = re.search(words.NUMBER, said)
    if found is None:
        return Decimal(-1)
    whole = re.sub(r"['’\s]", "", found[0])
    head, mark, tail = (
        whole[: (at := max(whole.rfind("."), whole.rfind(",")))],
        whole[at : at + 1],
        "",
    )
    if at >= 0:
        tail = whole[at + 1 :]
        if len(tail) == 3 and mark:  # thousands
            head, tail = head + tail, ""
        return Decimal(re.sub(r"[.,]", "", head) + (f".{tail}" if tail else ""))
    return Decimal(whole)


def _values(slots: Mapping[str, Scalar]) -> frozenset[tuple[str, Decimal]]:
    """The amounts in all slots that may tell of one."""
    return _amounts(
        tuple(
            str(value)
            for name, value in slots.items()
            if not isinstance(value, bool) and name not in NO_AMOUNTS and not name.endswith("_url")
        )
    )


@lru_cache(maxsize=1024)
def _amounts(values: tuple[str, ...]) -> frozenset[tuple[str, Decimal]]:
    found: set[tuple[str, Decimal]] = set()
    for value in values:
        low = seen.plain(value)
        if re.fullmatch(words.NUMBER, low):
            found.add(("", number(low)))
        found.update(worth(one[0]) for one in words.AMOUNT.finditer(low))
    return frozenset(found)


def sentence(claim: Claim, facts: Facts) -> str:
    """What is wrong with a claim that nothing backs, and what to do."""
    where = "The subject" if claim.rule == "subject" else "The mail"
    if claim.near and (told := catalogue.contradiction(claim.near, claim.said, facts)):
        return f"{where} {told}"
    need, fix = {
        "urgent": ("sounds urgent, and no offer ends", "Say it another way."),
        "deadline": (
            "names an end that is not the offer's",
            "Write {{ offer_ends }} in its place, or leave it out.",
        ),
        "free": ("promises something for nothing", "Say it another way."),
        "words": ("names an amount that is not the offer's", "Write {{ offer_value }}."),
        "code": ("tells of a code that was not made for it", "Write {{ offer_code }}."),
        "link": (
            "links to a place that is neither ours nor the shop's",
            "Link to the shop, or to {{ shop_url }}.",
        ),
    }.get(claim.kind, ("names a number that no slot holds", "Write {{ offer_value }}, or the price of a product by its title."))  # fmt: skip
    return f"{where} {need}: “{claim.said[:60]}”. {fix}"
