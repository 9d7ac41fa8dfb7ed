"""MJML to one HTML page with its styles inlined; nothing is fetched and nothing is included."""

from __future__ import annotations

import html
import re
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

import css_inline
import minijinja
import mjml

from kernel.contracts.base import Frozen, digest
from kernel.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Container

FILLER = "&#847;&zwnj;&nbsp;" * 60
"""What follows the preheader in an inbox's list, so that no words of the page do."""
RTL = {"ar", "he", "fa", "ur"}
EARLY = ("button", "offer", "preferences", "logo", "no_logo")
"""Blocks that stay or go when a template is compiled; others, when a recipient's slots are known."""
BLOCK = re.compile(r"\[\[if (\w+)\]\](.*?)\[\[end\]\]", re.DOTALL)
_LATE = re.compile(r"<!--\[\[if (\w+)\]\]-->(.*?)<!--\[\[end\]\]-->", re.DOTALL)
WORD = re.compile(r"\[\[(\w+)\]\]")
FORBIDDEN = re.compile(
    r"<\s*(script|mj-include|iframe|object|embed|applet|form|link|base|svg|input)\b|http-equiv"
    r"|\b(data|javascript|vbscript):|[\s\"']on\w+\s*=|@import|\bexpression\(",
    re.IGNORECASE,
)
REQUIRED = ("[[heading]]", "[[body]]", "{{ unsubscribe_url }}", "{{ postal_address }}")
LARGEST = 90_000
"""Bytes of a page at most: programs cut longer mails, and with them the way to unsubscribe."""
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=True)


class Look(Frozen):
    """What is fixed when a template is compiled: its blocks, its language and the brand."""

    flags: tuple[str, ...] = ()
    """Names of the blocks that stay: `button`, `offer`, `preferences`."""
    language: str = "en"
    colour: str = "#1f4d3a"
    logo_url: str = ""
    shop: str = ""


class Template(Frozen):
    """A frozen version: the page and the text with words as `[[name]]` and slots as `{{ name }}`."""

    name: str
    digest: str
    source_digest: str
    html: str
    text: str


@lru_cache(maxsize=256)
def compiled(name: str, main: str, look: Look, base: str = "") -> Template:
    """The template, compiled once for each look.

    Args:
        name: of the campaign type.
        main: MJML sections that stand between the shop's name and the foot.
        look: blocks, language, brand.
        base: the page around them; empty for the kernel's.

    Raises:
        InvalidInput: it does not compile, with the compiler's word.
    """
    whole = (base or kernel_file("base.mjml")).replace("[[main]]", main)
    faults = problems(whole)
    if faults:
        raise InvalidInput(f"The template `{name}` cannot be used.", "Correct it.", tuple(faults))
    logo = "logo" if look.logo_url.startswith("https://") else "no_logo"
    blocks = {*look.flags, logo}
    rtl = look.language[:2] in RTL
    fixed = {
        "language": look.language,
        "dir": "rtl" if rtl else "ltr",
        "start": "right" if rtl else "left",
        "colour": look.colour,
        "on_colour": readable(look.colour),
        "logo_url": _attribute(look.logo_url),
        "shop": _attribute(look.shop),
    }
    source = WORD.sub(lambda m: fixed.get(m[1], m[0]), chosen(whole, blocks))
    try:
        page = _INLINER.inline(mjml.mjml2html(source, disable_comments=False))
    except (ValueError, TypeError, css_inline.InlineError) as error:
        raise InvalidInput(f"The template `{name}` does not compile.", str(error)) from error
    page = page.replace("[[preheader]]", f"[[preheader]]{FILLER}", 1)
    page = re.sub(r"^<!doctype html>", "<!doctype html>", page, flags=re.IGNORECASE)
    text = chosen(kernel_file("mail.txt"), blocks)
    return Template(
        name=name, digest=digest([page, text]), source_digest=digest(source), html=page, text=text
    )


def problems(source: str) -> list[str]:
    """What is wrong with a whole template, each with its line; empty when nothing is."""
    found = [
        f"line {source.count(chr(10), 0, hit.start()) + 1}: `{hit[0].strip()}` is not allowed."
        for hit in FORBIDDEN.finditer(source)
    ]
    found += [f"`{slot}` is missing." for slot in REQUIRED if slot not in source]
    if len(source.encode()) > LARGEST:
        found.append(f"It is longer than {LARGEST} bytes.")
    plain = html.unescape(source)  # "&#123;%" is a tag once it is compiled
    if "{%" in plain or "{#" in plain:
        found.append("Only slots, `{{ name }}`, may stand in braces.")
    return found


def chosen(source: str, blocks: set[str]) -> str:
    """The source with only those of the early `[[if name]] … [[end]]` that are in `blocks`. Of late ones
    the ends become comments, which neither MJML nor the inliner moves.
    """

    def block(found: re.Match[str]) -> str:
        if found[1] in EARLY:
            return found[2] if found[1] in blocks else ""
        return f"<!--[[if {found[1]}]]-->{found[2]}<!--[[end]]-->"

    return BLOCK.sub(block, source)


def late(page: str) -> tuple[str, ...]:
    """Names of the late blocks in a compiled page: each is the slot whose value lets it stay."""
    return tuple(dict.fromkeys(name for name, _ in _LATE.findall(page)))


def staying(page: str, blocks: Container[str]) -> str:
    """A compiled page with only those late blocks that are in `blocks`."""
    return _LATE.sub(lambda m: m[2] if m[1] in blocks else "", page)


@lru_cache
def kernel_file(name: str) -> str:
    """A template of the kernel's."""
    return resources.files("kernel.mail").joinpath("templates", name).read_text("utf-8")


@lru_cache
def plugin_file(package: str, plugin: str, kind: str) -> str:
    """The MJML sections of a plugin for a campaign type, or the kernel's."""
    try:
        path = resources.files(package).joinpath("templates", plugin, "mail", f"{kind}.mjml")
    except (ImportError, TypeError):  # a plugin that is no package holds no files
        return kernel_file("default.mjml")
    return path.read_text("utf-8") if path.is_file() else kernel_file("default.mjml")


def contrast(one: str, other: str) -> float:
    """Of two colours `#rrggbb`, by WCAG: 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable(colour: str) -> str:
    """The colour of text on this one: near white or near black, whichever stands out more."""
    best = max(("#fefefe", "#111315"), key=lambda text: contrast(text, colour))
    if contrast(best, colour) >= 4.5:
        return best
    return max(("#ffffff", "#000000"), key=lambda text: contrast(text, colour))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _attribute(text: str) -> str:
    return str(minijinja.escape(text)).replace("{", "").replace("[", "")
