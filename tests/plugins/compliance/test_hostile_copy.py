"""Copy that hides a claim from the checks and not from the eye: tags, entities, what is invisible, lookalikes."""

from __future__ import annotations

import html
import time
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from plugins.compliance import claims, frame
from plugins.compliance.facts import Facts
from plugins.compliance.html_words import words
from plugins.compliance.seen import fold, plain

FACTS = Facts(datetime(2026, 11, 24, 9, tzinfo=UTC), "EUR")
SHOP = frame.Shop("alpha", ("Hauptstr. 1",), ("shop.example.com",))
FALSE = (
    "Save 20 % with your code", "Sie sparen 15 Euro", "This is your last chance", "Letzte Chance",
    "The offer ends tonight", "Alles zum halben Preis", "The offer is valid until Sunday", "Nur heute: das Angebot",
)  # fmt: skip
HONEST = (
    "Our new coats came in this morning", "Wir sind bis Montag geschlossen", "Made of 100 % cotton",
    "Order by 18 December for delivery in time", "Le manteau est en laine", "The last days of summer",
)  # fmt: skip
LIKE = {
    "a": "аɑａ𝐚ᴀ", "c": "сｃ𝐜ᴄ", "e": "еｅ𝐞ᴇ", "i": "іıｉ𝐢ɪ", "o": "оοｏ𝐨ᴏ", "p": "рｐ𝐩ᴘ", "s": "ѕｓ𝐬ꜱ", "t": "тτｔᴛ",
    "n": "ｎ𝐧ɴ", "l": "ӏⅼｌ", "h": "һｈ𝐡ʜ", "u": "υｕ𝐮ᴜ", "y": "уｙ𝐲ʏ", "%": "％﹪٪", "2": "２𝟐②", "1": "１𝟏①", "0": "０𝟎",
    "L": "ＬᏞ𝐋🅻", "T": "ТΤＴ", "S": "ЅＳ", "A": "АΑＡ", "C": "СＣ", "N": "ΝＮ", " ": "\u00a0\u2009\u3000",
}  # fmt: skip
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u061c\u034f\u180e\ufe0f\u3164\u2063"
STRUCK = "\u0336\u0332\u0335"
BETWEEN = (
    "<b>{}</b>", "<i><b>{}</b></i>", "<span title='a>b'>{}</span>", "<!-- x -->{}", "{}<wbr>", "<font color=red>{}</font>",
    "<span style=\"display:none\">zz</span>{}", "{}<span style='font-size:0'>q</span>", "<a><u>{}</u></a>", "<B CLASS=x>{}</B>",
)  # fmt: skip


@st.composite
def disguised(draw: st.DrawFn, texts: tuple[str, ...]) -> tuple[str, str]:
    """A text whose characters are replaced and padded so that the eye reads the same, and the text as it was."""
    text = draw(st.sampled_from(texts))
    out = []
    for char in text:
        how = draw(st.integers(0, 5))
        shown = draw(st.sampled_from(LIKE[char])) if how == 1 and char in LIKE else char
        if how == 2:
            shown += draw(st.text(st.sampled_from(UNSEEN), min_size=1, max_size=3))
        elif how == 3 and char.isalpha():
            shown += draw(st.sampled_from(STRUCK))
        elif how == 4:
            shown = shown.upper() if char.isascii() else shown
        out.append(shown)
    if draw(st.booleans()):
        return "\u202e" + "".join(reversed(out)) + "\u202c", text
    return "".join(out), text


@st.composite
def marked_up(draw: st.DrawFn, texts: tuple[str, ...]) -> tuple[str, str]:
    """The same as a page: characters as entities, tags between and around them."""
    source, text = draw(disguised(texts))
    out = []
    for char in source:
        how = draw(st.integers(0, 4))
        shown = html.escape(char)
        if how == 1:
            shown = draw(st.sampled_from((f"&#{ord(char)};", f"&#x{ord(char):X};")))
        elif how == 2:
            shown = draw(st.sampled_from(BETWEEN)).format(shown)
        elif how == 3 and char == " " and source[0] != "\u202e":  # a break ends what is turned
            shown = draw(st.sampled_from(("<br>", "&nbsp;", " \n ", "</td><td>", "<br/>\t")))
        out.append(shown)
    return f"<html><body><p>{''.join(out)}</p></body></html>", text


def held(subject: str, page: str, text: str) -> bool:
    said = frame.read(SHOP, subject, page, text)
    return any(not claims.backed(claim, {"offer_ends": ""}, FACTS) for claim in said.claims)


@settings(max_examples=150, deadline=None)
@given(disguised(FALSE))
@example(("1ast chance: this is your 1ast chance", ""))
@example(("L A S T   C H A N C E", ""))
@example(("DERNIERE CHANCE", ""))
@example(("Lást chánce", ""))
@example(("FR33 gift", ""))
def test_a_subject_or_text_in_disguise_is_held(case: tuple[str, str]) -> None:
    """Washington CEMA, UCPD: what counts is what people read."""
    assert held(case[0], "", "")
    if case[1]:
        assert held("News", "", case[0])


@settings(max_examples=150, deadline=None)
@given(marked_up(FALSE))
@example(("<p>la<!-- > -->st ch<b>anc</b>e</p>", ""))
@example(("<p><bdo dir=rtl>ecnahc tsal</bdo></p>", ""))
@example(("<!--[if mso]><p>Save 20 %</p><![endif]-->", ""))
@example(('<img src=x alt="Last chance">', ""))
@example(("<p>2<![CDATA[x]]>0 %</p>", ""))
@example(('<div style="display:none">Last chance</div>', ""))
@example(('<span style="display:none;display:inline">la</span>st chance', ""))
@example(("<head><p>x</head><body>Last chance", ""))
@example(("Last chance<b", ""))
def test_a_page_in_disguise_is_held(case: tuple[str, str]) -> None:
    assert held("News", case[0], "")


@settings(max_examples=150, deadline=None)
@given(marked_up(HONEST), disguised(HONEST))
def test_no_disguise_makes_a_claim(page: tuple[str, str], text: tuple[str, str]) -> None:
    assert not held(text[0], page[0], text[0])


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_and_any_page_can_be_read(text: str) -> None:
    """Never an error, which would keep all mail back, and the same when it is read again."""
    assert fold(fold(text)) == fold(fold(fold(text)))
    words(f"<p>{text}<!--[if {text}")
    frame.read(SHOP, text, text, text)


@pytest.mark.parametrize(
    "piece", ["1 ", "a ", "until ", "until 30 november ", "20 % ", "<", "<b>", "a1$", "CODE ", "l.", "&#49;"]
)  # fmt: skip
def test_long_texts_are_read_in_time(piece: str) -> None:
    """Seconds grow with the length and not with its square, which would be minutes."""
    text, begun = piece * (20_000 // len(piece)), time.process_time()
    frame.read(SHOP, piece, text, text)
    assert time.process_time() - begun < 8


@pytest.mark.parametrize(
    "text",
    ["Grüße aus Köln", "Déjà vu à la plage", "Größe 38, 1.299,00 €", "Łódź", "naïve café — 5 °C", "S M L XL"],
)  # fmt: skip
def test_real_words_stay_what_they_are(text: str) -> None:
    expected = text.lower().replace("ł", "l")
    assert plain(text) == expected
