"""Putting the substitutions into what is shared gives the very mail, whatever a customer is called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.campaigns import Copy
from kernel.contracts.delivery import MailLinks, MessageVars
from kernel.contracts.errors import InvalidInput
from kernel.contracts.tenancy import Sender, Tenant
from kernel.mail import compiling
from kernel.mail.sharing import substitutions
from kernel.pipeline import filling

AT = datetime(2026, 11, 24, tzinfo=UTC)
SHOP = Tenant(
    id="alpha", reseller_id="r", name="Alpha", timezone="UTC", currency="EUR", country="DE",
    sender=Sender(name="Mia", email="mia@shop.example"), postal_address="Street 1\n10115 Berlin",
)  # fmt: skip
COPY = Copy(
    subject="Hello {{ first_name }}", body="Dear {{ first_name }},\n\n{see} <this>", button="Go"
)
MAIL = filling.build(SHOP, COPY)


def slots(name: str) -> dict[str, str | int | float | bool]:
    return {
        "first_name": name, "shop_url": "https://shop.example/?a=1&b=2", "shop_name": "Alpha & Co",
        "sender_name": "Mia", "postal_address": SHOP.postal_address, "footer_reason": name,
        "unsubscribe_url": "https://shop.example/u/x",
    }  # fmt: skip


@given(st.text(max_size=40))
def test_substitutions_give_the_same_bytes(name: str) -> None:
    made = MAIL.render(MessageVars(slots=slots(name)))
    if made.shared is None:
        assert made.subject != f"Hello {name}"
        return
    subject, page, text = made.shared.subject, made.shared.html, made.shared.text
    for mark, value in substitutions(made).items():
        subject, page, text = (part.replace(mark, value) for part in (subject, page, text))
    assert (subject, page, text) == (made.subject, made.html, made.text)


def test_a_name_that_holds_a_mark_goes_alone() -> None:
    assert MAIL.render(MessageVars(slots=slots(f"%t.{MAIL.tag}.shop_name%"))).shared is None


def test_all_mails_of_a_variant_share_one_object() -> None:
    one, other = (MAIL.render(MessageVars(slots=slots(name))) for name in ("Ada", "Bo"))
    assert one.shared is not None
    assert one.shared is other.shared


def test_mail_links_come_back_into_page_and_text() -> None:
    links = MailLinks(
        links={"link": "https://l.example/c/1", "home_link": "https://l.example/c/2"},
        pixel="https://l.example/o/1",
        honeypot="https://l.example/h/1",
    )
    made = MAIL.render(MessageVars(slots=slots("Ada")), links)
    assert 'href="https://l.example/c/1"' in made.html and "https://l.example/c/1" in made.text
    other = MAIL.render(MessageVars(slots=slots("Bo")), links)
    assert made.shared is not None and made.shared is other.shared
    page = made.shared.html
    for mark, value in substitutions(made).items():
        page = page.replace(mark, value)
    assert page == made.html
    assert "https://l.example/o/1" in made.html and "https://l.example/h/1" in made.html


@pytest.mark.parametrize(
    "bad", ["<script>x</script>", '<mj-include path="/etc/passwd" />', '<a href="javascript:x">']
)
def test_templates_that_fetch_or_act_are_refused(bad: str) -> None:
    with pytest.raises(InvalidInput, match="line"):
        compiling.compiled("bad", compiling.kernel_file("default.mjml") + bad, compiling.Look())


def test_right_to_left_and_readable_text_on_any_brand() -> None:
    main = compiling.kernel_file("default.mjml")
    page = compiling.compiled("x", main, compiling.Look(language="ar")).html
    assert '<html lang="ar" dir="rtl"' in page
    assert "fonts.googleapis" not in page
    assert len(page) < compiling.LARGEST
    for colour in ("#777777", "#c8553d", "#ffff00", "#000000", "#1f4d3a"):
        assert compiling.contrast(compiling.readable(colour), colour) >= 4.5
