"""The names of variants, the words that come nearest, and the words of offers."""

from __future__ import annotations

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.base import new_id
from kernel.contracts.campaigns import Copy
from kernel.contracts.decisions import Action, Candidate
from kernel.pipeline import offer_words, variant_names
from kernel.pipeline.variant_names import Name

SLUG = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
TONES = st.sampled_from(["professional", "friendly", "urgent", "conversational", "warm"])


@given(TONES, st.booleans(), st.just("") | SLUG, st.sampled_from(["", "de", "fr"]))
def test_what_is_made_is_read_again(tone: str, offer: bool, segment: str, language: str) -> None:
    name = Name(tone=tone, offer=offer, segment=segment, language=language)
    assert variant_names.parse(str(name)) == name


@given(st.text(string.ascii_lowercase + ".-/", max_size=30))
def test_every_text_is_a_name(text: str) -> None:
    assert str(variant_names.parse(text)) == text or "." in text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("friendly", Name(tone="friendly")),
        ("friendly.de", Name(tone="friendly", language="de")),
        ("friendly.offer.de", Name(tone="friendly", offer=True, language="de")),
        (
            "a.offer.segment-at-risk.de",
            Name(tone="a", offer=True, segment="at-risk", language="de"),
        ),
        ("a.segment-x", Name(tone="a", segment="x")),
        ("odd.thing", Name(tone="odd.thing")),
        ("", Name(tone="")),
    ],
)
def test_names(text: str, name: Name) -> None:
    assert variant_names.parse(text) == name
    assert str(name) == text


def test_slugs() -> None:
    assert variant_names.slug("At Risk") == "at-risk"
    assert variant_names.slug(" Gefährdet!! ") == "gefahrdet"
    assert variant_names.slug("../../.de") == "de"
    assert variant_names.slug("客户") == ""
    assert Name(tone="x", segment="at-risk").segment_title == "At Risk"


def copy(subject: str) -> Copy:
    return Copy(subject=subject, body="x")


COPIES = {
    name: copy(name)
    for name in (
        "friendly",
        "friendly.de",
        "friendly.offer",
        "friendly.offer.de",
        "plain",
        "plain.fr",
    )
}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("friendly", "friendly"),
        ("friendly.segment-x", "friendly"),
        ("friendly.segment-x.de", "friendly.de"),
        ("friendly.fr", "friendly"),
        ("friendly.offer.segment-x.de", "friendly.offer.de"),
        ("friendly.offer.fr", "friendly.offer"),
        ("plain.offer.segment-x.fr", "plain.fr"),
        ("plain.offer.de", "plain"),
        ("urgent", "friendly"),
        ("urgent.offer.de", "friendly"),
    ],
)
def test_the_nearest_words(wanted: str, found: str) -> None:
    nearest = variant_names.find(COPIES, variant_names.parse(wanted))
    assert nearest is not None
    assert (str(nearest[0]), nearest[1].subject) == (found, found)


def test_an_offer_that_is_not_made_is_never_told() -> None:
    assert variant_names.find({"friendly.offer": copy("x")}, Name(tone="friendly")) is None


def test_variants_of_messages() -> None:
    someone = Candidate(
        message_id=new_id(),
        customer_id=1,
        step=1,
        occasion="x",
        features={"trait:rfm.segment": "At Risk"},
    )
    send = Action(send=True, campaign_type="x", tone="friendly")
    spoken = variant_names.languages(["friendly", "friendly.nl"], writers=False)
    assert spoken == {"nl"}
    assert variant_names.languages([], writers=True) == {"de", "fr"}
    for locale, writers, offer, name in (
        ("nl-BE", False, "", "friendly.nl"),
        ("de-AT", False, "", "friendly"),
        ("", True, "percent/10", "friendly.offer.segment-at-risk"),
        ("nl_NL", True, "percent/10", "friendly.offer.segment-at-risk.nl"),
    ):
        action = msgspec.structs.replace(send, offer=offer)
        found = variant_names.of(action, someone, locale, spoken=spoken, writers=writers)
        assert found == name


OFFER = Copy(
    subject="Your {{ offer_value }} ends on {{ offer_ends }}",
    heading="A hello",
    body="Hello you. The code {{ offer_code }} works until {{ offer_ends }}. Take care.\n\n"
    "Code: {{ offer_code }}\nUntil: {{ offer_ends }}\n\n{{ sender_name }}",
)


def test_sentences_and_lines_about_the_end_go_when_there_is_none() -> None:
    told = offer_words.timeless(OFFER, "en")
    assert told.subject == "A hello"
    assert told.body == "Hello you. Take care.\n\nCode: {{ offer_code }}\n\n{{ sender_name }}"
    assert not offer_words.names_end(told)


@pytest.mark.parametrize("language", ["en", "de", "fr", "nl"])
def test_an_offer_is_told_whatever_goes(language: str) -> None:
    only = msgspec.structs.replace(
        OFFER, body="Take {{ offer_code }} by {{ offer_ends }}.\n\n{{ sender_name }}"
    )
    told = offer_words.timeless(only, language)
    assert "offer_code" in told.body
    assert "offer_value" in told.body
    assert "offer_ends" not in told.body
    assert told.body.endswith("{{ sender_name }}")
    assert offer_words.with_offer(OFFER, language) == OFFER
