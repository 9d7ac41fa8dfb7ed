"""What a mail claims, and whether the values of its slots bear it out.

Washington CEMA (RCW 19.190.020) and CAN-SPAM 15 USC 7704(a)(2) forbid subjects that mislead; UWG and the
UCPD forbid prices that are not so. The slots are filled from what was really offered, so a claim that
stands in no slot is one that somebody made up.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from plugins.compliance import claim_words as words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kernel.sdk import Scalar

OFFER = ("offer_code", "offer_value", "offer_ends")
URL = re.compile(r"(?<!\w)(?:https?://|www\.)[^\s\"'<>()\]]+", re.IGNORECASE)


class Claim(NamedTuple):
    """Something that must be true. `said` is what stands in the mail."""

    rule: str
    """`subject` or `claims`."""
    kind: str
    """`amount`, `words`, `urgent`, `deadline`, `free`, `code` or `link`."""
    said: str


def in_subject(subject: str) -> Iterator[Claim]:
    """Percentages, prices, urgency, ends, free things and codes."""
    low = plain(subject)
    yield from _numbers("subject", subject)
    for kind, pattern in (("urgent", words.URGENT), ("free", words.FREE)):
        for said in words.matches(pattern, low):
            yield Claim("subject", kind, said)
    for said in words.matches(words.SHARES, words.AMOUNT.sub(" ", low)):
        yield Claim("subject", "words", said)
    for found in words.DEADLINE.finditer(low):
        yield Claim("subject", "deadline", found["day"] or found["only"])


def in_body(text: str) -> Iterator[Claim]:
    """Numbers with a percent sign or a currency, codes, and addresses written out."""
    yield from _numbers("claims", text)
    for url in URL.findall(text):
        yield Claim("claims", "link", url)


def _numbers(rule: str, text: str) -> Iterator[Claim]:
    low = plain(text)
    for found in words.AMOUNT.finditer(low):
        if not words.ALL.match(low, found.start()):
            yield Claim(rule, "amount", found[0])
    for code in words.CODE.finditer(unicodedata.normalize("NFKC", text)):
        yield Claim(rule, "code", code["named"] or code["ours"])


def plain(text: str) -> str:
    """In lower case, compatible forms made one, spaces single."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("’", "'")
    return " ".join(text.lower().split())


def backed(claim: Claim, slots: Mapping[str, Scalar]) -> bool:
    """Whether the slots bear the claim out.

    Urgency needs an offer that ends; an amount, the same number in some slot (`offer_value`, a price); an
    end, a code or an address, a slot that holds it. What is free must be so in `offer_value`.
    """
    if claim.kind == "urgent":
        return bool(slots.get("offer_ends"))
    if claim.kind == "deadline":
        return claim.said in plain(str(slots.get("offer_ends", "")))
    if claim.kind in ("free", "words"):
        return claim.said in plain(str(slots.get("offer_value", "")))
    if claim.kind == "amount":
        return number(claim.said) in _values(slots)
    return any(claim.said in value for value in slots.values() if isinstance(value, str))


def number(said: str) -> Decimal:
    """The number in a text such as `1.299,00 €` or `€ 1,299`; -1 where there is none."""
    found = re.search(words.NUMBER, said)
    if found is None:
        return Decimal(-1)
    whole = re.sub(r"['’  ]", "", found[0])
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


def _values(slots: Mapping[str, Scalar]) -> set[Decimal]:
    found: set[Decimal] = set()
    for value in slots.values():
        if isinstance(value, str):
            if len(value) < 200 and not value.startswith("http"):
                found.update(number(one) for one in re.findall(words.NUMBER, plain(value)))
        elif not isinstance(value, bool):
            found.add(Decimal(str(value)))
    return found


def sentence(claim: Claim) -> str:
    """What is wrong with a claim that nothing backs."""
    where = "The subject" if claim.rule == "subject" else "The mail"
    need = {
        "urgent": "sounds urgent, and no offer ends",
        "deadline": "names an end that is not the offer's",
        "free": "promises something for nothing",
        "code": "tells of a code that was not made for it",
        "link": "links to a place that is neither ours nor the shop's",
    }.get(claim.kind, "names a number that no slot holds")
    return f"{where} {need}: “{claim.said[:60]}”."
