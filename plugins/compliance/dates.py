"""Ends that are named in words: what stands in a mail, and the days it may mean.

English, German and French, in lower case and without accents (`seen.readings`). A day without a year is the
next one; `03/04` may be read either way.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MONTHS = (
    "january|januar|janner|janvier|janv|jan", "february|februar|fevrier|fevr|feb", "march|marz|mars|mrz|mar",
    "april|avril|apr|avr", "may|mai", "june|juni|juin|jun", "july|juli|juillet|juil|jul", "august|aout|aug",
    "september|septembre|sept|sep", "october|oktober|octobre|oct|okt", "november|novembre|nov",
    "december|dezember|decembre|dec|dez",
)  # fmt: skip
_WEEKDAYS = (
    "monday|montag|lundi|mon", "tuesday|dienstag|mardi|tues?", "wednesday|mittwoch|mercredi|wed",
    "thursday|donnerstag|jeudi|thu(?:rs?)?", "friday|freitag|vendredi|fri",
    "saturday|samstag|sonnabend|samedi|sat", "sunday|sonntag|dimanche|sun",
)  # fmt: skip
_COUNTS = (
    "one|einen?|eine[rm]?|une?", "two|zwei|deux", "three|drei|trois", "four|vier|quatre", "five|funf|cinq",
    "six|sechs", "seven|sieben|sept", "eight|acht|huit", "nine|neun|neuf", "ten|zehn|dix",
)  # fmt: skip
_MONTH, _WEEKDAY = "|".join(_MONTHS), "|".join(_WEEKDAYS)
_COUNT = rf"(?:\d{{1,3}}|{'|'.join(_COUNTS)})"
_YEAR = r"(?:,? ?(?P<y{0}>20\d\d))?"
_EXACT = (
    r"(?<![\d-])(?P<y1>20\d\d)-(?P<m1>\d\d)-(?P<d1>\d\d)(?!\d)",
    r"(?<![\d.])(?P<d2>\d{1,2})\.\s?(?P<m2>\d{1,2})\.\s?(?P<y2>20\d\d|\d\d(?![\d:]))?",
    r"(?<![\d/])(?P<d3>\d{1,2})/(?P<m3>\d{1,2})(?:/(?P<y3>20\d\d|\d\d))?(?![\d/])",
    rf"(?<!\d)(?P<d4>\d{{1,2}})(?:st|nd|rd|th|er|\.)?\s?(?:of )?(?P<m4>{_MONTH})\b\.?" + _YEAR.format(4),
    rf"(?P<m5>{_MONTH})\b\.? (?:the )?(?P<d5>\d{{1,2}})(?:st|nd|rd|th)?(?![\d%:])" + _YEAR.format(5),
    rf"(?:end of|ende|fin) (?:of )?(?P<m6>{_MONTH})\b",
)  # fmt: skip
_RELATIVE = (
    (r"(?P<today>today|tonight|heute(?: abend| nacht)?|aujourd'hui|ce soir|cette nuit|midnight|mitternacht|minuit"
     r"|noon|midday)"),
    r"(?P<tomorrow>tomorrow|morgen|demain)",
    (r"(?P<week>(?:this |the |dieses |am |ce )?(?:week-?end|wochenende)"
    r"|(?:end of )?(?:the |this )week|ende (?:der|dieser) woche|fin de (?:la |cette )?semaine)"),
    r"(?P<month>(?:end of )?(?:the |this )month|(?:zum )?monatsende|ende (?:des|dieses) monats|fin du mois)",
    rf"(?P<next>next |nachsten |kommenden )?(?P<weekday>{_WEEKDAY})\b(?P<after> prochain)?",
)  # fmt: skip
_SPAN = rf"(?P<count>{_COUNT})[ -]?(?P<unit>h(?:ours?|rs?|eures?)?|stunden?|std\.?|days?|tage?n?|jours?|weeks?|wochen?|semaines?)\b"
_ON = rf"(?:(?:{_WEEKDAY})\.?,? (?:the |den |dem |le )?)?"
_DAY = rf"(?:{_ON}(?:{'|'.join(_EXACT)})|{'|'.join(_RELATIVE)})"
_UNNAMED = re.sub(r"\(\?P<\w+>", "(?:", _DAY)
_UNNAMED_SPAN = re.sub(r"\(\?P<\w+>", "(?:", _SPAN)

WEAK = ("by", "before", "avant", "vor", "am", "on")
"""Words before a day that make it an end only where an offer is spoken of."""
_CLOCK = r"(?:\d{1,2}(?:[:.h]\d{2})? ?(?:uhr|a\.?m\.?|p\.?m\.?|h)?,? |(?:midnight|noon|mitternacht|minuit),? )?"
_FILL = r"(?:(?:on|at|the|and including|including|einschliesslich|inklusive|noch|nur|zum|am|den|dem|diesen|ce|cet|le|a|au|only|ende des) ){0,3}"
_LEAD = (
    r"until|till|'til|til|through|by|before|ends?|ending|expires?|expiring|closes?|closing|over|last day:?|runs out|gone"
    r"|bis|endet|enden|ablauf|lauft|vor|nur|letzter tag:?|jusqu'(?:a|au)|jusqu'a ce|avant|au plus tard|se termine(?:nt)?"
    r"|expire(?:nt)?|prend fin|finit|dernier jour ?:?|seulement|only|just"
)
NAMED = re.compile(
    rf"(?<![\w-])(?P<lead>{_LEAD}) {_FILL}{_CLOCK}{_FILL}(?P<day>{_UNNAMED})(?![\w-])"
    rf"|(?<![\w-])(?P<only>{_UNNAMED}) (?:only|seulement|is the last day|ist (?:schluss|der letzte tag)|est le dernier jour)(?!\w)"
    rf"|(?<![\w-])(?:only|just|nur(?: noch)?|noch|plus que|encore|(?:valid|good) for|gultig fur|valables?(?: pendant)?"
    rf"|(?:ends?|ending|expires?|endet|lauft|expire|se termine|prend fin) (?:in|dans))"
    rf" (?:the |next |die |nachsten |les |prochain(?:e?s) )?(?P<span>{_UNNAMED_SPAN})"
    rf"|(?<![\w-])(?P<hours>{_COUNT}[ -]?(?:hours?|hrs?|stunden|heures))(?: only| left| remaining| to go| seulement)?(?!\w)"
    rf"|(?<![\w-])(?P<left>{_UNNAMED_SPAN})(?: only| left| remaining| to go| seulement| gultig| noch)(?!\w)"
)
SLOT_END = re.compile(
    r"(?<!\w)(?:until|till|ends?(?: on)?|expires?(?: on)?|bis(?: zum)?|endet(?: am)?|jusqu'au|se termine(?: le)?"
    r"|expire(?: le)?) slot(?!\w)"
)
"""An end told by a slot."""
_READ = re.compile(rf"(?:{'|'.join(_EXACT)})|{_SPAN}|(?<!\w)(?:{'|'.join(_RELATIVE)})(?!\w)")
_FROM = re.compile(rf"(?<!\w)(?:{_WEEKDAY}|\d{{1,2}}[:.h]\d\d|uhr|[ap]m)\.? $")
"""Before `bis` or `until`: a range such as `Montag bis Freitag`."""
ONLY = re.compile(r"(?<!\w)(?:only|just|nur(?: noch)?|seulement|uniquement) $")


class Named(NamedTuple):
    """An end somebody names: the words that tell it, and where they stand in the text."""

    said: str
    weak: bool
    """It is an end only where an offer is spoken of: `by Sunday`."""
    pressing: bool
    """It says `only`, or how much time is left."""
    start: int
    end: int


def named(text: str) -> Iterator[Named]:
    """Every end in a text that was made plain."""
    for found in NAMED.finditer(text):
        lead = found["lead"] or ""
        before = text[max(0, found.start() - 24) : found.start()]
        if lead in ("bis", "until", "till", "through") and _FROM.search(before):
            continue
        said = next(filter(None, found.group("day", "only", "span", "hours", "left")))
        hours = bool(found["hours"]) and found["hours"] == found[0]
        pressing = lead in ("only", "nur", "seulement", "just") or not (lead or hours)
        pressing = pressing or bool(ONLY.search(before))
        yield Named(said, lead in WEAK or hours, pressing, found.start(), found.end())


@lru_cache(maxsize=2048)
def days(said: str, hour: datetime) -> frozenset[date]:
    """The last days that are meant by what `named` found, or that stand in a slot; empty for none there is.

    Args:
        said: the words, made plain and without accents.
        hour: now, in the tenant's zone.
    """
    today = hour.date()
    found = _READ.search(said)
    if found is None:
        return frozenset()
    if found["count"]:
        return _span(found["count"], found["unit"], hour)
    if found["weekday"]:
        ahead = (_index(_WEEKDAYS, found["weekday"]) - today.weekday()) % 7
        either = ahead == 0 or found["next"] or found["after"]
        return frozenset({today + timedelta(ahead), today + timedelta(ahead + 7 * bool(either))})
    sunday = today + timedelta(6 - today.weekday())
    for name, day in (
        ("today", today),
        ("tomorrow", today + timedelta(1)),
        ("week", sunday),
        ("month", _last_of_month(today.year, today.month)),
    ):
        if found[name]:
            return frozenset({day})
    if found["m6"]:
        month = _index(_MONTHS, found["m6"]) + 1
        return frozenset({_last_of_month(today.year + (month < today.month), month)})
    return frozenset(_exact(found, today))


def _exact(found: re.Match[str], today: date) -> Iterator[date]:
    for n in "12345":
        day, month = found[f"d{n}"], found[f"m{n}"]
        if not day:
            continue
        number = int(month) if month.isdigit() else _index(_MONTHS, month) + 1
        year = found[f"y{n}"]
        ways = {(int(day), number), (number, int(day))} if n == "3" else {(int(day), number)}
        for d, m in ways:
            at = _date(int(year) % 100 + 2000 if year else today.year, m, d)
            if at is not None and not year and at < today:
                at = _date(today.year + 1, m, d)
            if at is not None:
                yield at


def _span(count: str, unit: str, hour: datetime) -> frozenset[date]:
    """So many hours or days from now. Offers end at midnight, so that 48 hours are two nights; who says less than
    a day is taken at their word, give or take three hours.
    """
    number = int(count) if count.isdigit() else _index(_COUNTS, count) + 1
    if unit[0] == "h" or unit.startswith("st"):
        end = hour + timedelta(hours=number)
        if number < 24:
            midnight = hour.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(1)
            near = abs(midnight - end) <= timedelta(hours=3)
            return frozenset({hour.date()} if near else ())
        return frozenset({(end - timedelta(hours=2)).date()})
    number *= 7 if unit[0] in "ws" else 1
    return frozenset(hour.date() + timedelta(number - less) for less in (0, 1))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _last_of_month(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(1)


@lru_cache(maxsize=512)
def _index(names: tuple[str, ...], said: str) -> int:
    return next(at for at, one in enumerate(names) if re.fullmatch(one, said))
