"""Templates of a shop: what may stand in them, and what is refused, with its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernel.mail import compiling, overrides

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard

BASE = compiling.kernel_file("base.mjml")
MAIN = compiling.kernel_file("default.mjml")
FOOT = '<a href="{{ unsubscribe_url }}"'


def test_the_kernels_own_and_the_plugins_templates_pass(board: Plugboard) -> None:
    assert overrides.check(board, {"base": BASE, "welcome": MAIN}) == {}
    for kind in board.campaign_types:
        owned = board.campaign_types[kind]
        package = board.plugins[owned.plugin].module.__package__ or ""
        main = compiling.plugin_file(package, owned.plugin, kind)
        assert overrides.check(board, {kind: main}) == {}, kind


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("<script>x</script>", "`<script` is not allowed"),
        ('<mj-include path="/etc/passwd" />', "mj-include"),
        ('<mj-image src="data:image/png;base64,x" />', "data:"),
        ('<a href="&#106;avascript:x">a</a>', "javascript:"),
        ("<img src='x' onerror='x'>", "onerror"),
        ('<meta http-equiv="refresh">', "http-equiv"),
        ("{% raw %}", "{%"),
        ("{# {{ postal_address }} #}", "{#"),
        ("{{ secrets }}", "no slot"),
        ("{{ first_name | upper }}", "no slot"),
        ("{{ link }}", r"[[if button]]"),
        ("{{ offer_code }}", r"[[if offer]]"),
        ("[[heddin]]", "not known"),
        ("[[if vip]]a[[end]]", "not known"),
        ('<p style="display: none">x</p>', "display: none"),
    ],
)
def test_hostile_and_broken_sections_are_refused_with_their_line(
    board: Plugboard, bad: str, said: str
) -> None:
    found = overrides.check(board, {"welcome": f"{MAIN}\n{bad}"})["welcome"]
    assert any(line == MAIN.count("\n") + 2 and said in text for line, text in found), found


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (BASE.replace(FOOT, "<a"), "unsubscribe_url"),
        (BASE.replace(FOOT, "<!--" + FOOT + ">x</a>--><a"), "unsubscribe_url"),
        (BASE.replace("{{ postal_address }}", ""), "postal_address"),
        (BASE.replace("{{ postal_address }}", "<!-- {{ postal_address }} -->"), "postal_address"),
        (BASE.replace("[[main]]", ""), "[[main]]"),
        (BASE.replace("</mj-body>", ""), "does not compile"),
        (BASE.replace("[[main]]", "[[main]]" + "<mj-raw>" + "x" * 90_000 + "</mj-raw>"), "90000"),
        (BASE.replace("[[end]]", "", 1), "[[end]]"),
    ],
)
def test_a_page_without_the_way_out_or_that_does_not_compile_is_refused(
    board: Plugboard, source: str, said: str
) -> None:
    found = overrides.check(board, {"base": source})["base"]
    assert any(said in text for _, text in found), found
