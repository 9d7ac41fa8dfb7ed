"""Every link of a page is a slot that can be rewritten; what unsubscribes, or asks to be left alone, is none."""

from __future__ import annotations

import html
import time

import pytest

from kernel.contracts.campaigns import Copy
from kernel.contracts.delivery import MailLinks, MessageVars
from kernel.mail import compiling
from kernel.mail.links import named
from kernel.mail.sharing import substitutions
from kernel.pipeline import filling
from tests.kernel.mail.test_sharing import SHOP, slots

KNOWN = {"link": "https://shop.example/sale", "home_link": "{{ shop_url }}"}
SALE = "https://shop.example/c/tea?a=1&b={{ product_title }}"
PRODUCT = """
<mj-section><mj-column><mj-text>
<a href="https://shop.example/c/tea?a=1&amp;b={{ product_title }}">All <b>tea</b></a>
<a href='https://shop.example/c/tea?a=1&amp;b={{ product_title }}'>Tea again</a>
<a href="https://shop.example/pages/who" rel="noopener nofollow">Who we are</a>
<a href="mailto:help@shop.example">Write</a> <a href="tel:+49301">Call</a> <a href="#top">Up</a>
[[if product_title]]<a href="{{ product_url }}"><img src="https://shop.example/p.png" alt="{{ product_title }}" /></a>[[end]]
</mj-text></mj-column></mj-section>
"""
MAIN = compiling.kernel_file("default.mjml") + PRODUCT


def made(
    title: str = "Tea pot", links: MailLinks | None = None, **copy: str
) -> tuple[filling.Mail, MessageVars]:
    words = Copy(**{"subject": "Hello", "body": "{see} this", "button": "Go", **copy})
    values = MessageVars(
        slots={**slots("Ada"), "product_title": title, "product_url": "https://shop.example/p/1"}
    )
    return filling.build(SHOP, words, main=MAIN).suited(values), values


def test_each_address_of_a_page_has_a_name_and_equal_ones_have_one() -> None:
    mail, values = made()
    assert mail.links(values).links == {
        "link": "https://shop.example/?a=1&b=2",
        "home_link": "https://shop.example/?a=1&b=2",
        "link_1": "https://shop.example/c/tea?a=1&b=Tea pot",
        "link_2": "https://shop.example/p/1",
    }
    assert mail.sources["link_1"] == SALE


def test_what_is_rewritten_stands_in_page_and_text_and_the_rest_as_it_was() -> None:
    mail, values = made()
    links = {name: f"https://l.example/{name}" for name in mail.links(values).links}
    sent = mail.render(values, MailLinks(links=links))
    for name in links:
        assert f'href="https://l.example/{name}"' in sent.html
    assert sent.html.count('href="https://l.example/link_1"') == 2
    assert "shop.example/c/tea" not in sent.html and "shop.example/p/1" not in sent.html
    for kept in ("https://shop.example/pages/who", "mailto:help@shop.example", "tel:+49301", "#top",
                 "https://shop.example/u/x"):  # fmt: skip
        assert f'href="{kept}"' in sent.html
    assert (
        "Go: https://l.example/link\n\nAll tea: https://l.example/link_1\n"
        "Tea pot: https://l.example/link_2\n\n--\n" in sent.text
    )
    assert sent.text.count("https://shop.example/u/x") == 1
    assert sent.links["link_1"] == SALE


def test_who_has_no_such_slot_has_neither_the_block_nor_its_link() -> None:
    mail, values = made(title="")
    sent = mail.render(values)
    assert "p.png" not in sent.html and "/p/1" not in sent.html + sent.text
    assert "link_2" not in mail.links(values).links
    assert "[[" not in sent.html and "[[" not in sent.text
    other, more = made()
    assert "p.png" in other.render(more).html
    assert made(title="Tea")[0] is other


def test_mails_with_the_same_blocks_are_shared_and_substitutions_give_the_same_bytes() -> None:
    seen = set()
    for number in range(2):
        mail, values = made(title=f"Tea {number} & <b>")
        links = {name: f"https://l.example/{number}/{name}" for name in mail.links(values).links}
        sent = mail.render(values, MailLinks(links=links))
        assert sent.shared is not None
        seen.add(sent.shared.key)
        page, text = sent.shared.html, sent.shared.text
        assert "l.example" not in page + text
        for mark, value in substitutions(sent).items():
            page, text = page.replace(mark, value), text.replace(mark, value)
        assert (page, text) == (sent.html, sent.text)
    assert len(seen) == 1


def test_addresses_with_braces_stand_as_they_were_written() -> None:
    mail, values = made(link="https://shop.example/{sale}?x={{ product_title }}")
    assert mail.links(values).links["link"] == "https://shop.example/{sale}?x=Tea pot"


def test_a_slot_that_nobody_fills_is_named() -> None:
    mail, values = made()
    with pytest.raises(KeyError, match="product_url"):
        mail.links(MessageVars(slots={k: v for k, v in values.slots.items() if k != "product_url"}))


@pytest.mark.parametrize(
    "kept",
    [
        "{{ unsubscribe_url }}", "{{ preferences_url }}", "https://x.example/?to={{ unsubscribe_url }}",
        "mailto:a@b.example", "tel:1", "//shop.example/", "/relative", "", "sms:1",
        "https://a.example/{{ '{' }}", "javascript:x",
    ],
)  # fmt: skip
def test_left_as_it_is(kept: str) -> None:
    page = f'<p><a class="x > y" href="{kept}">a</a><a>b</a></p>'
    found = named(page, KNOWN)
    assert (found.page, found.sources) == (page, KNOWN)


@pytest.mark.parametrize(
    ("tag", "source"),
    [
        ('<a href="https://a.example/?a=1&amp;b=2">', "https://a.example/?a=1&b=2"),
        ("<A HREF='HTTPS://a.example/'>", "HTTPS://a.example/"),
        ('<a title="a > b" data-href="https://no.example/" href = "https://a.example/">', "https://a.example/"),
        ('<area shape="rect"\nhref=" https://a.example/ ">', "https://a.example/"),
        ("<!--[if mso]><a href='https://a.example/'><![endif]-->", "https://a.example/"),
        ('<a href="{{ home_link }}/new?x={{a}}">', "{{ shop_url }}/new?x={{ a }}"),
        ('<a href="{{ product_url }}">', "{{ product_url }}"),
    ],
)  # fmt: skip
def test_a_link_however_it_is_spelt(tag: str, source: str) -> None:
    found = named(f"{tag}Words</a>", KNOWN, taken={"link_1"})
    assert found.sources == {**KNOWN, "link_2": source}
    assert found.page.count('"{{ link_2 }}"') == 1
    assert html.unescape(source) == source


def test_the_button_with_nofollow_is_left_alone_too() -> None:
    found = named('<a rel="nofollow" href="{{ link }}">x</a>', KNOWN)
    assert found.page == '<a rel="nofollow" href="https://shop.example/sale">x</a>'


def test_hostile_pages_take_no_time() -> None:
    for part in ("<a ", "<a '", '<a "', '<a href="', "<a x='\"", "<a href='https://a.example/'>"):
        page, begun = part * (90_000 // len(part)), time.process_time()
        named(page, KNOWN)
        assert time.process_time() - begun < 2, part


def test_a_tag_of_the_template_language_in_other_letters_is_refused() -> None:
    for hidden in ("&#123;% for x in range(9) %}", "&lbrace;# x #}", "{&#37; x %}"):
        source = f"{MAIN}<mj-text>{hidden}</mj-text>"
        assert any("braces" in said for said in compiling.problems(source)), hidden
