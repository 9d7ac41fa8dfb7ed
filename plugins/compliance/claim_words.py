"""What claims look like in English, German and French: all three in every mail, whatever its language.

Patterns are searched in lower case, but for codes. The lists of urgent and free words are the kernel's.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from kernel.sdk import wordlists
from plugins.compliance.seen import unaccented

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = r"\d+(?:[.,'’  ]\d+){0,4}"
_UNIT = (
    r"%|‰|[$€£¥]|(?:eur|usd|gbp|chf|cad|aud|euros?|dollars?|pounds?|pfund|franken|francs?|livres?"
    r"|prozent|percent|per cent|pour ?cent)\b"
)
UNIT = re.compile(_UNIT)
UNITS = {
    "prozent": "%", "percent": "%", "pourcent": "%", "€": "eur", "euro": "eur", "euros": "eur", "dollar": "$",
    "dollars": "$", "£": "gbp", "pound": "gbp", "pounds": "gbp", "pfund": "gbp", "livre": "gbp", "livres": "gbp",
    "franken": "chf", "franc": "chf", "francs": "chf",
}  # fmt: skip
"""Words and signs of a unit -> how it is compared."""
DOLLARS = frozenset(("usd", "cad", "aud"))
AMOUNT = re.compile(
    rf"(?:[$€£¥]|(?<!\w)(?:eur|usd|gbp|chf|cad|aud))\s?(?P<after>{NUMBER})"
    rf"|(?<![\w.,])(?P<before>{NUMBER})\s?-?(?:{_UNIT})"
)
"""A number with a percent sign or a currency."""
MADE_OF = re.compile(
    r"(?:100\s?(?:%|prozent|percent|per cent|pour ?cent)"
    r"|\d+(?:[.,]\d+)?\s?(?:%|prozent|percent|per cent|pour ?cent)\s?(?:de |d'|of |our |pure |certified |reine[rs]? |von )?"
    r"(?:\w*cotton|\w*wool|silk|linen|cashmere|\w*polyester|viscose|elast\w+|cocoa|cacao|fat|alcohol|vol|abv|organic"
    r"|recycled|natural|merino|arabica|juice|humidity|waterproof|vegan|leinen|\w*baumwolle|\w*wolle|seide|kaschmir"
    r"|kakao\w*|fett|alkohol|bio\w*|recycelt\w*|naturrein|wasserdicht|coton|laine|soie|lin|cachemire|recyclee?s?"
    r"|naturels?|naturelles?|biologiques?|of (?:our|you|all|customers)|unserer|aller kund\w+|des client\w*|de nos))"
    r"(?!\s*(?:off|rabatt|discount|de remise|less))\b"
    r"|100\s?%(?!\s*(?:off|rabatt|discount|de remise|less))"
)
"""What something is made of, or who agrees, is no discount: `100 %`, `72 % cocoa`."""

URGENT = wordlists.URGENT
NO_END = frozenset(
    ("right now", "immediately", "as soon as possible", "sofort", "immediatement", "immédiatement", "tout de suite")
)  # fmt: skip
"""Urgent words that say nothing of an end: `sofort lieferbar`, `what we read right now`."""
FREE = wordlists.FREE
SHARES = wordlists.AMOUNTS
"""Amounts in words: half price, zwanzig Prozent."""
_WORTH = {
    5: "five|funf|cinq", 10: "ten|zehn|dix", 15: "fifteen|funfzehn|quinze", 20: "twenty|zwanzig|vingt",
    25: "twenty[ -]five|funfundzwanzig|vingt-cinq", 30: "thirty|dreissig|trente", 40: "forty|vierzig|quarante",
    50: "fifty|funfzig|cinquante", 60: "sixty|sechzig|soixante", 70: "seventy|siebzig|soixante-dix",
    75: "seventy[ -]five|funfundsiebzig", 80: "eighty|achtzig|quatre-vingts?", 90: "ninety|neunzig",
}  # fmt: skip
HALF = r"half[ -](?:the )?(?:price|off)|halbe[rnm]? preis|(?:um|zur) (?:die )?halfte|moitie[ -]prix"
IN_WORDS = (
    *(
        (number, re.compile(rf"(?<![\w-])(?:{said})[ -](?:per ?cent|prozent|pour ?cent)(?!\w)"))
        for number, said in _WORTH.items()
    ),
    (50, re.compile(rf"(?<!\w)(?:{HALF})(?!\w)")),
)
"""Percentages in words, without accents."""

CLOSING = re.compile(
    r"(?<![\w-])(?:(?:last|final) (?:chance|opportunity|call)|final (?:hours|reminder)|last day(?=[!:]| to )"
    r"|ends (?:very )?soon|about to (?:end|expire)|(?:ends|expires) (?:today|tonight|tomorrow|at midnight)"
    r"|now or never|(?:today|tonight) only|only today"
    r"|(?:aller)?letzte[rn]? (?:chance|gelegenheit|aufruf)|letzte stunden|letzter tag|nur noch heute|nur heute"
    r"|endet (?:heute|morgen|bald|in kurze)|lauft (?:heute|morgen|bald|in kurze) ab|jetzt oder nie"
    r"|derniere chance|dernieres heures|dernier (?:jour pour|rappel|jour ?[!:])|derniers jours pour"
    r"|(?:se termine|expire|prend fin) (?:ce soir|demain|bientot|aujourd'hui)|maintenant ou jamais"
    r"|aujourd'hui seulement|lastchance|letztechance|dernierechance)(?!\w)"
)
"""What says that an offer is about to end, in any part of a mail; without accents."""

OFFERING = re.compile(
    r"(?<!\w)(?:per ?cent|prozent|pour ?cent|offers?|deals?|sale|prices?|codes?|coupons?|vouchers?|valid|redeem\w*|save|discounts?|free|saving"
    r"|(?:\w+-)?angebote?|aktion(?!\w)|\w*preise?|gutschein\w*|gilt|gelten|gultig|einlos\w*|spar\w*|\w*rabatte?"
    r"|\w*frei|gratis|kostenlos|offres?|prix|promos?|promotion|valables?|remises?|reductions?|profite\w*|gratuit\w*"
    r"|economis\w+|soldes|(?:it|this|that|which|er|sie|es|das|il|elle|cela|ca) (?:ends|expires|endet|lauft|expire"
    r"|se termine))(?!\w)"
)
"""What makes an end one of an offer."""
ELSEWHERE = re.compile(
    r"(?<!\w)(?:closed|holidays?|vacation|open(?:ing)?|deliver\w*|ship\w*|arriv\w*|dispatch\w*|in time for|returns?"
    r"|returned|exchange\w*|exhibition|market|workshop|event|regist\w+|sign up|rsvp|guarantee|warranty|trial|tickets?"
    r"|geschlossen|urlaub|betriebsferien|geoffnet|offnungszeiten|\w*liefer\w*|versand\w*|versend\w*|verschick\w*"
    r"|rechtzeitig|punktlich|ruckgabe\w*|zuruck\w*|umtausch\w*|ausstellung|\w*markt|anmeld\w*|garantie|ferme\w*"
    r"|vacances|conges|ouvert\w*|ouverture|livr\w+|expedi\w+|retour\w*|renvo\w+|echang\w+|inscri\w+|exposition|atelier"
    r"|marche)(?!\w)"
)
"""What has ends of its own, which no offer is asked for: opening hours, delivery, returns, events."""

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


DISCOUNT_PLAIN = re.compile(unaccented(wordlists.DISCOUNT.pattern))


_OF = re.compile(r" of (?!(?:the |our |this )?(?:sale|offer|deal|discount))")
"""`The last days of summer` are no end of an offer."""


@lru_cache(maxsize=16)
def _unaccented(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(unaccented(pattern.pattern))


def matches(pattern: re.Pattern[str], *texts: str) -> Iterator[str]:
    """What the pattern finds in the texts, with and without its accents; but for compounds such as
    `sugar-free`.
    """
    for text in texts:
        for one in dict.fromkeys((pattern, _unaccented(pattern))):
            for found in one.finditer(text):
                rest = text[found.end() :]
                if text[found.start() - 1 : found.start()] != "-" and not _OF.match(rest):
                    yield found[0]
