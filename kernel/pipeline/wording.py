"""What must not stand in copy: claims that no slot provides, pressure, spam, and what cannot be read.

Pure: the same words always get the same answer. All of it refuses copy that a model wrote (`problems`);
of the merchant's own words, what could harm is refused when they are saved (`compose.check_copy`), and
the rest of this list is told as `warnings`.

Reading ease is Flesch's formula and its versions for German and French, whose constants are those of
Flesch 1948, Amstad 1978 and Kandel & Moles 1958; syllables are counted as groups of vowels.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from kernel.mail.slots import SLOT
from kernel.pipeline import wordlists
from kernel.pipeline.compose import SLOTS, check_copy
from kernel.pipeline.offer_words import OFFER_SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.contracts.campaigns import CampaignType, Copy

LENGTHS = {"subject": 80, "preheader": 140, "heading": 100, "body": 2500, "button": 30}
"""Characters at most; a slot counts as ten."""
WORDS = (8, 250)
"""Words of the body, at least and at most."""
SENTENCE = 40
"""Words of a sentence at most."""
EASE = {"en": (206.835, 1.015, 84.6, 40.0), "de": (180.0, 1.0, 58.5, 25.0), "fr": (207.0, 1.015, 73.6, 35.0)}  # fmt: skip
"""Language -> constant, weight of words a sentence, weight of syllables a word, and the least score: what
is "difficult" and worse is refused. Checked for bodies of 30 words and more."""

_URL = re.compile(
    r"//|\\|\bwww\b|\b(?:https?|hxxps?|ftp|mailto|tel|sms|javascript|data|file)\s*:"
    r"|\w\s?[.。｡․]\s?(?:com|net|org|info|biz|shop|store|io|co|de|fr|eu|uk|at|ch)\b(?![’'])|\w[.。｡․][^\W\d_]{2,}"
    r"|slot(?:/|[?#&=]\w)|[\[(]?\b(?:dot|punkt|point)\b[\])]?\s?(?:com|net|org|de|fr|io|shop)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(
    r"<[a-z/!?]|&#?\w+;|\*\*|__|`|\]\(|^\s*#+\s|\[\[|\]\]", re.IGNORECASE | re.MULTILINE
)
_SPACED = re.compile(r"(?<!\w)\w(?:[^\w\n]{1,2}\w){3,}(?!\w)")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouyäöüéèêëàâîïôûùœæ]+")
_TEXTS = ("subject", "preheader", "heading", "body", "button")
_ALLOWED_CONTROL = "\n"


def slots_of(kind: CampaignType, offer: bool) -> tuple[str, ...]:
    """The slots that words of this type may hold."""
    return (*SLOTS, *kind.slots, *(OFFER_SLOTS if offer else ()))


def problems(
    copy: Copy, *, slots: Sequence[str], offer: bool, offer_ends: bool, language: str
) -> dict[str, str]:
    """What forbids to use words that a model wrote: field -> a sentence that says what to change.

    Args:
        copy: the words.
        slots: all that may be used (`Brief.slots`).
        offer: whether the variant tells of an offer; then its code, value and end must be in the body.
        offer_ends: whether that offer really ends; only then may the words sound urgent.
        language: `en`, `de` or `fr`: how its sentences are measured. Claims are found in all three.
    """
    found = check_copy(copy, [name for name in slots if name not in OFFER_SLOTS], offer)
    return found | {
        field: sentence
        for field, sentence in _advice(copy, offer, offer_ends, language).items()
        if field not in found
    }


def warnings(copy: Copy, *, offer: bool, offer_ends: bool, language: str) -> dict[str, str]:
    """The same list for words that the merchant wrote: their own word, so they may, but should know."""
    return _advice(copy, offer, offer_ends, language)


def _advice(copy: Copy, offer: bool, offer_ends: bool, language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in _TEXTS:
        text: str = getattr(copy, field)
        for sentence in _faults(field, text, offer, offer_ends):
            found.setdefault(field, sentence)
            break
    if not re.fullmatch(r"\{\{\s*\w+_url\s*\}\}", copy.link):
        found.setdefault("link", "The link is a slot, such as {{ shop_url }}, and nothing else.")
    for sentence in _body(copy.body, offer, language):
        found.setdefault("body", sentence)
    return found


def _faults(field: str, text: str, offer: bool, offer_ends: bool) -> Iterator[str]:
    bare = SLOT.sub(" slot ", text)
    if any(_hidden(char) for char in bare if char not in _ALLOWED_CONTROL):
        yield "No control characters and nothing invisible."
    plain = _plain(text)
    if any(unicodedata.category(char)[0] == "N" for char in bare + plain):
        yield "Numbers come from slots; write none yourself."
    if re.search(r"[%‰٪]", bare + plain) or any(
        unicodedata.category(char) == "Sc" for char in bare + plain
    ):
        yield "Percentages and prices come from slots."
    if "@" in plain or _URL.search(plain):
        yield "Links and addresses come from slots."
    if _MARKUP.search(bare):
        yield "Plain text only, no markup."
    if any(char.isalpha() and not unicodedata.name(char, "").startswith("LATIN") for char in plain):
        yield "Only letters of the Latin alphabet."
    if _SPACED.search(plain):
        yield "No words in single letters."
    low = plain.lower().replace("’", "'")
    for kind, sentence in _RULES:
        if match := kind.search(low):
            yield sentence.format(match[0])
    if (match := wordlists.DISCOUNT.search(low)) and not offer:
        yield f"“{match[0]}” promises a discount, and there is none."
    if (match := wordlists.URGENT.search(low)) and not offer_ends:
        yield f"“{match[0]}” sounds urgent, and no offer ends."
    if "offer_ends" in SLOT.findall(text) and field != "body" and not offer_ends:
        yield "{{ offer_ends }} may be empty here: name it in the body only."
    yield from _shouting(field, plain)
    if len(SLOT.sub("0123456789", text)) > LENGTHS[field]:
        yield f"At most {LENGTHS[field]} characters."
    if text.strip() and not _WORD.search(SLOT.sub(" ", text)) and field in ("subject", "body"):
        yield "This says nothing of its own."


_RULES = (
    (wordlists.ORDERS, "“{}” gives orders to programs, or asks for what nobody should give."),
    (wordlists.AMOUNTS, "“{}” is a number that no slot provides."),
    (wordlists.DATES, "“{}” is a date or deadline that no slot provides."),
    (wordlists.SCARCE, "“{}” is a claim that no slot provides."),
    (wordlists.FREE, "“{}” promises something for nothing."),
    (wordlists.SPAM, "“{}” is taken for spam."),
)


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def _plain(text: str) -> str:
    """The text as it is read: compatible forms made one, slots as a word, spaces single but lines."""
    folded = unicodedata.normalize("NFKC", SLOT.sub("slot", text))
    return re.sub(r"[^\S\n]+", " ", folded)


def _shouting(field: str, plain: str) -> Iterator[str]:
    words = _WORD.findall(plain)
    loud = [len(word) > 1 and word.isupper() for word in words]
    for index, word in enumerate(words):
        if loud[index] and (len(word) > 4 or loud[index + 1 : index + 2] == [True]):
            yield f"“{word}” shouts: no words in capitals."
            break
    marks = plain.count("!")
    if re.search(r"[!?]\s*!|!\s*\?", plain) or marks > (2 if field == "body" else 1):
        yield "Too many exclamation marks."


def _body(body: str, offer: bool, language: str) -> Iterator[str]:
    used = set(SLOT.findall(body))
    if offer and not {"offer_code", "offer_value"} <= used:
        yield "The body must hold {{ offer_code }} and {{ offer_value }}, or nobody learns of the offer."
    elif offer and "offer_ends" not in used:
        yield "The body must hold {{ offer_ends }}, in a sentence that goes where the offer has no end."
    plain = _plain(body)
    words = _WORD.findall(plain)
    least, most = WORDS
    if len(words) < least or len(set(map(str.lower, words)) - {"slot"}) < least // 2:
        yield f"At least {least} words."
    if len(words) > most:
        yield f"At most {most} words."
    if "offer_ends" in used and len(_WORD.findall(_without_ends(body))) < least:
        yield "Say more than when the offer ends: that sentence is left out where it does not."
    sentences = [len(found) for part in _sentences(plain) if (found := _WORD.findall(part))]
    if any(count > SENTENCE for count in sentences):
        yield f"A sentence has more than {SENTENCE} words."
    if (
        len(words) >= 30
        and (score := reading_ease(plain, language)) < EASE.get(language, EASE["en"])[3]
    ):
        yield f"Hard to read (reading ease {score:.0f}): shorter words and sentences."


def reading_ease(text: str, language: str) -> float:
    """About 0 (very difficult) to 100 (very easy); 100 for no words. English where unknown."""
    base, sentence_weight, syllable_weight, _ = EASE.get(language, EASE["en"])
    words = _WORD.findall(text)
    if not words:
        return 100.0
    count = sum(1 for part in _sentences(text) if _WORD.search(part))
    syllables = sum(_syllables(word.lower(), language) for word in words)
    return base - sentence_weight * len(words) / count - syllable_weight * syllables / len(words)


def _syllables(word: str, language: str) -> int:
    if language != "de" and len(word) > 3:
        word = re.sub(r"(?<![aeiouyl])e[sd]?$|(?<=[aeiouy]l)es?$", "", word)  # silent
    return max(1, len(_VOWELS.findall(word)))


def _sentences(text: str) -> list[str]:
    return re.split(r"[.!?:…]+\s|\n\s*\n", text)


def _without_ends(body: str) -> str:
    return " ".join(part for part in re.split(r"(?<=[.!?…])\s", body) if "offer_ends" not in part)
