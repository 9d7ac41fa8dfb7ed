"""What claims look like in English, German and French: all three in every mail, whatever its language.

Patterns are searched in lower case, but for codes. The lists of urgent and free words are the kernel's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kernel.sdk import wordlists

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = r"\d+(?:[.,'’  ]\d+)*"
_UNIT = (
    r"%|‰|[$€£¥]|(?:eur|usd|gbp|chf|cad|aud|euros?|dollars?|pounds?|pfund|franken|francs?|livres?"
    r"|prozent|percent|per cent|pour ?cent)\b"
)
AMOUNT = re.compile(
    rf"(?:[$€£¥]|(?<!\w)(?:eur|usd|gbp|chf|cad|aud))\s?(?P<after>{NUMBER})"
    rf"|(?<![\w.,])(?P<before>{NUMBER})\s?-?(?:{_UNIT})"
)
"""A number with a percent sign or a currency."""
ALL = re.compile(
    r"100\s?(?:%|prozent|percent|per cent|pour ?cent)(?!\s*(?:off|rabatt|discount|de remise|less))"
)
"""`100 % cotton` is no discount."""

URGENT = wordlists.URGENT
FREE = wordlists.FREE
SHARES = wordlists.AMOUNTS
"""Amounts in words: half price, zwanzig Prozent."""
_DAY = (
    r"today|tonight|tomorrow|midnight|noon|(?:this |the )?weekend|(?:this |next )?(?:week|month)"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|heute|morgen|mitternacht|wochenende"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|ce soir|demain|minuit|(?:lun|mar|mercre|jeu|vendre|same)di"
    r"|dimanche|aujourd'hui"
)
DEADLINE = re.compile(
    rf"(?<!\w)(?:until|till|by|before|ends?|ending|expires?|expiring|closes|bis|endet|nur(?: noch)?|jusqu'à|jusqu'au"
    rf"|avant|only)\s(?P<day>{_DAY})(?!\w)|(?<!\w)(?P<only>{_DAY}) (?:only|seulement)(?!\w)"
)
"""An end in words: what the slot `offer_ends` is for."""

CODE = re.compile(
    r"(?<!\w)(?:[Cc]ode|CODE|[Cc]oupon|[Vv]oucher|[Gg]utscheincode|[Gg]utschein)\b[\s:„“\"'«]*"
    r"(?P<named>(?=[A-Z0-9-]*[A-Z])[A-Z0-9][A-Z0-9-]{3,})(?![a-z\w])"
    r"|(?<![\w-])(?P<ours>[A-Z0-9]{4}-[A-Z0-9]{4})(?![\w-])"
)
"""What customers are told to type in: after the word, or as our own codes look."""

PROMOTION = re.compile(f"{wordlists.DISCOUNT.pattern}|{wordlists.URGENT.pattern}")
"""What makes a mail an advertisement."""

SENSITIVE: dict[str, re.Pattern[str]] = {
    "health": re.compile(
        r"(?<!\w)(?:(?:your|my) (?:illness|disease|diagnosis|symptoms|medication|pregnancy|disability|depression"
        r"|diabetes|cancer|weight problem)|diabetics?|diabet(?:es|iker\w*|iques?)|hiv|chemotherapy|chemotherapie"
        r"|antidepress\w+|depressionen?|dépressi(?:on|f|ve)s?|erectile|erektions\w+|érectile|infertil\w+"
        r"|unfruchtbar\w*|cancer|krebserkrankung|ihre[mnrs]? (?:krankheit|erkrankung|diagnose|schwangerschaft|beschwerden)"
        r"|votre (?:maladie|diagnostic|grossesse|handicap|traitement)|suffer(?:ing)? from|leiden sie (?:an|unter)"
        r"|souffrez-vous)(?!\w)"
    ),
    "minors": re.compile(
        r"(?<!\w)(?:ask (?:your|mum|mom|dad|mum and dad) (?:parents|mum|mom|dad)|tell your (?:parents|mum|mom|dad)"
        r"|(?:under|younger than) (?:13|16|18)|minors|underage|frag(?:t)? (?:deine|eure) eltern|minderjährige?n?"
        r"|unter (?:13|14|16|18)(?: jahren?)?|demande à tes parents|mineure?s|moins de (?:13|15|16|18) ans)(?!\w)"
    ),
    "politics": re.compile(
        r"(?<!\w)(?:vote for|voting for|your vote|democrats?|republicans?|election campaign|left-wing|right-wing"
        r"|wahlkampf|bundestagswahl\w*|ihre stimme für|wählen sie die|parteimitglied\w*|votez (?:pour|contre)"
        r"|élections? (?:présidentielles?|législatives?|municipales?)|(?:de|à) (?:gauche|droite) politique"
        r"|trade union members?|gewerkschaftsmitglied\w*|syndiqués?)(?!\w)"
    ),
    "religion": re.compile(
        r"(?<!\w)(?:muslims?|moslems?|muslime?n?|musulman\w*|christians|christen|chrétien(?:ne)?s|jews|jewish|juden"
        r"|jüdische\w*|juifs?|juives?|hindus|buddhists|catholics|katholiken|catholiques|protestants?|your faith"
        r"|ihr(?:em|en)? glauben?|votre foi|as a believer|fellow believers)(?!\w)"
    ),
}
"""GDPR Art. 9 and what may not be said to children. Short on purpose: what stands here stops a mail."""


def matches(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """What the pattern finds, but for compounds such as `sugar-free`."""
    for found in pattern.finditer(text):
        if text[found.start() - 1 : found.start()] != "-":
            yield found[0]
