"""Text as the eye reads it: whatever is invisible gone, and letters that look alike made one."""

from __future__ import annotations

import re
import unicodedata

_ALIKE = (
    # Cyrillic
    "аa бb вb еe ёe з3 кk мm нh оo пn рp сc тt уy хx іi їi јj ѕs һh ԁd ԛq ԝw ӏl",
    "АA ВB ЕE ЁE КK МM НH ОO РP СC ТT УY ХX ІI ЇI ЈJ ЅS ԚQ ԜW ӀI",
    # Greek
    "αa βb γy εe ηn ιi κk νv οo ρp τt υu χx ωw ϲc ϳj ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX",
    # Armenian, Cherokee
    "օo սu հh ոn ցg ᎪA ᎬE ᎢT ᏞL ᏟC ᏚS ᎻH ᏦK ᏢP ᎡR",
    # Other Latin letters, and small capitals
    "ıi ɩi ɑa ɡg łl ŁL đd ĐD ħh ŧt ƒf ɛe ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ɢg ʜh ɪi ᴊj ᴋk ʟl ᴍm ɴn ᴏo ᴘp ʀr ꜱs ᴛt ᴜu ᴠv ᴡw ʏy ᴢz",
    # Signs
    "٪% ⁒% ǀl ∣l ⏐l ℮e ’' ʼ' ′' ‘' ∕/ ⁄/ ‐- ‑- ‒- −-",
)
LOOKALIKES = str.maketrans(
    {pair[0]: pair[1] for pair in " ".join(_ALIKE).split()}
    | {chr(0x1F150 + n): chr(65 + n) for n in range(26)}  # white on black circles
    | {chr(0x1F170 + n): chr(65 + n) for n in range(26)}  # and squares
)
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800"
"""Letters and marks that show nothing. What shows nothing as a format character is found by category."""
_TURNED = re.compile("\u202e([^\u202c\u202d\n]*)[\u202c\u202d]?")
_SPACED = re.compile(r"(?<!\w)(?:[^\W\d_][ .·•*_~|-]){3,}[^\W\d_](?!\w)")
_LEET = (
    str.maketrans("01345@$I|!", "oleasaslll"),
    str.maketrans("01345@$|!", "oieasasli"),
)
_MIXED = re.compile(r"(?<!\S)(?=\S*[A-Za-z])(?=\S*[\d@$I|!])\S+")


def fold(text: str) -> str:
    """The text with compatible and lookalike characters made one, digits made ours, and nothing
    invisible. Letters keep their case and the accents of European languages.
    """
    if not text.isascii():
        if "\u202e" in text:  # all that follows is shown from right to left
            text = _TURNED.sub(lambda found: found[1][::-1], text)
        text = unicodedata.normalize("NFKC", text)
        text = "".join(map(_one, text)).translate(LOOKALIKES)
    return _SPACED.sub(lambda found: re.sub(r"[\W_]", "", found[0]), text)


def _one(char: str) -> str:
    if char.isascii():
        return char
    kind = unicodedata.category(char)
    if kind in ("Cf", "Cc", "Mn", "Me") or char in _BLANK:
        return ""
    digit = unicodedata.digit(char, None) if kind[0] in "NS" else None
    return char if digit is None else str(digit)


def plain(text: str) -> str:
    """Folded, in lower case, spaces single."""
    return " ".join(fold(text).lower().split())


def unaccented(text: str) -> str:
    """Without accents: what is searched when people may have left them out, or put some in."""
    if text.isascii():
        return text
    return "".join(
        char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char)
    ).replace("ß", "ss")


def readings(text: str) -> tuple[str, ...]:
    """Plain and unaccented, first as it stands and then with digits and signs read as the letters
    they resemble: `1ast chance`, `FR33`.
    """
    folded = unaccented(fold(text))
    ways = [folded]
    if _MIXED.search(folded):
        ways += [
            _MIXED.sub(lambda found, table=table: found[0].translate(table), folded)  # type: ignore[misc]
            for table in _LEET
        ]
    return tuple(dict.fromkeys(" ".join(way.lower().split()) for way in ways))
