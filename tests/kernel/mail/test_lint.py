"""Every rule finds what it is for, and nothing in a mail that is as it should be."""

from __future__ import annotations

import msgspec
import pytest

from kernel.contracts.campaigns import Copy
from kernel.contracts.delivery import MessageVars, Rendered
from kernel.mail.lint import CLIPPED, LARGE, addresses, blocking, link_fault, lint
from kernel.pipeline import filling
from tests.kernel.mail.test_sharing import SHOP, slots

WORDS = "Dear {{ first_name }},\n\nwe have put together what is new on our shelves, and chose it with care."


def mail(**words: str) -> Rendered:
    given: dict[str, str] = {
        "subject": "News from the shop",
        "body": WORDS,
        "button": "Look",
        **words,
    }
    return filling.build(SHOP, Copy(**given)).render(MessageVars(slots=slots("Ada")))


def rules(made: Rendered, address: str = SHOP.postal_address) -> dict[str, str]:
    return {one.rule: one.severity for one in lint(made, postal_address=address)}


def test_nothing_in_a_good_mail() -> None:
    assert lint(mail(), postal_address=SHOP.postal_address) == []


@pytest.mark.parametrize(
    ("words", "rule", "severity"),
    [
        ({"subject": "WIN THIS NOW"}, "subject-capitals", "warn"),
        ({"subject": "Look at this!!!"}, "subject-marks", "warn"),
        ({"subject": "a long word " * 8}, "subject-length", "warn"),
        ({"body": WORDS + " Click here."}, "spam-words", "warn"),
        ({"body": WORDS + " Jetzt kaufen."}, "spam-words", "warn"),
        ({"body": WORDS + " Cliquez ici."}, "spam-words", "warn"),
        ({"link": "http://shop.example/"}, "https", "block"),
        ({"link": "https://bit.ly/x"}, "shortener", "block"),
        ({"link": "https://192.0.2.1/x"}, "bare-ip", "block"),
        ({"body": WORDS + " See http://shop.example/a."}, "https", "block"),
        ({"body": (WORDS + "\n\n") * 800}, "size", "block"),
    ],
)
def test_each_rule_of_words_and_links(words: dict[str, str], rule: str, severity: str) -> None:
    assert rules(mail(**words)) == {rule: severity}


def test_size_warns_before_it_blocks() -> None:
    made = mail()
    for size, wanted in (
        (LARGE, {}),
        (LARGE + 1, "warn"),
        (CLIPPED, "warn"),
        (CLIPPED + 1, "block"),
    ):
        page = made.html + "x" * (size - len(made.html.encode()))
        found = rules(msgspec.structs.replace(made, html=page))
        assert found == ({"size": wanted} if wanted else {})


def test_what_only_a_template_can_lack() -> None:
    made = mail()
    assert rules(msgspec.structs.replace(made, text=""))["text"] == "block"
    assert rules(made, "Elsewhere 9\n10115 Berlin") == {"address": "block"}
    assert rules(made, "") == {"address": "block"}
    bare = made.html.replace("https://shop.example/u/x", "https://shop.example/")
    assert rules(msgspec.structs.replace(made, html=bare)) == {"unsubscribe": "block"}
    cut = msgspec.structs.replace(made, html=bare)
    assert lint(cut, postal_address=SHOP.postal_address, transactional=True) == []


def test_images() -> None:
    made = mail()
    image = '<img src="https://shop.example/a.png"></body>'
    dumb = msgspec.structs.replace(made, html=made.html.replace("</body>", image))
    assert rules(dumb) == {"alt": "warn"}
    spoken = image.replace(">", ' alt="A jug">', 1)
    assert rules(msgspec.structs.replace(made, html=made.html.replace("</body>", spoken))) == {}
    pixel = '<img src="https://shop.example/o" width="1" height="1"></body>'
    assert rules(msgspec.structs.replace(made, html=made.html.replace("</body>", pixel))) == {}
    alone = msgspec.structs.replace(made, html=f"<body>{spoken}")
    assert rules(alone)["image-only"] == "block"


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://shop.example/x?a=1", ""), ("mailto:a@b.example", ""), ("https://2130706433/", "bare-ip"),
        ("https://0x7f.1/", "bare-ip"), ("https://[::1]/", "bare-ip"), ("https://www.bit.ly/x", "shortener"),
        ("https://BIT.LY./x", "shortener"), ("https://orbit.ly/x", ""), ("javascript:x", "https"),
        ("//shop.example", "https"), ("", "https"), ("https://[", "link"), ("https:///x", "https"),
    ],
)  # fmt: skip
def test_links(url: str, rule: str) -> None:
    fault = link_fault(url)
    assert (fault[0] if fault else "") == rule


def test_links_of_our_own_may_be_anything_and_hidden_ones_are_looked_at() -> None:
    made = mail(link="http://localhost:8000/x")
    assert "http://localhost:8000/x" in addresses(made)
    address = SHOP.postal_address
    assert lint(made, postal_address=address, own=("http://localhost:8000/",)) == []
    [found] = blocking(lint(mail(), postal_address=address, links=["https://bit.ly/x"]))
    assert found.rule == "shortener" and found.advice
