"""The public page: the words in the reader's language, the looks of the shop, no script at all."""

from __future__ import annotations

import base64
import hashlib
import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from litestar.response import Template
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Container

    from kernel.sdk import Context


def _words(name: str) -> dict[str, dict[str, str]]:
    file = resources.files(__package__).joinpath("templates", "compliance", name)
    return tomllib.loads(file.read_text("utf-8"))


_CONFIRM = _words("confirm.toml")
WORDS = {name: {**said, **_CONFIRM[name]} for name, said in _words("words.toml").items()}
STYLE = (
    resources.files(__package__).joinpath("templates", "compliance", "page.css").read_text("utf-8")
)


def render(
    ctx: Context,
    text: str,
    *,
    languages: str,
    email: str | None = None,
    status: int = 200,
    action: str = "",
    quiet: bool = False,
) -> Template:
    """The page that says `text`, one of the headings of words.toml.

    Args:
        ctx: the tenant, whose name and colours are shown.
        text: the name of the text: ask, done, already, undone, gone or expired.
        languages: what the reader understands: a locale, or an Accept-Language header.
        email: whose mails it is about; shown in part only, since mails are passed on.
        status: of the answer.
        action: where the form of the page posts to; empty for the address of the page itself.
        quiet: True for a plain button, where the page does not want the reader to press it.
    """
    language = choose(languages)
    words, shop = WORDS[language], shop_of(ctx)
    shown = masked(email) if email else words["this_address"]
    return framed(
        ctx,
        "compliance/page.html",
        {
            "lang": language,
            "title": words[f"{text}_title"].format(shop=shop, email=shown),
            "text": words[f"{text}_text"].format(shop=shop, email=shown),
            "button": words.get(f"{text}_button", ""),
            "question": words.get(f"{text}_question", ""),
            "action": action,
            "quiet": quiet,
        },
        status,
    )


def framed(ctx: Context, template: str, context: dict[str, Any], status: int = 200) -> Template:
    """A page of ours (a template that extends compliance/frame.html) in the looks of the shop.

    Args:
        ctx: the tenant.
        template: its name.
        context: what it shows; `lang` and `title` at least.
        status: of the answer.
    """
    style = STYLE.replace("#1f4d3a", ctx.tenant.brand.colour).replace(
        "#fefefe", ink_on(ctx.tenant.brand.colour)
    )
    context = {
        **context,
        "shop": shop_of(ctx),
        "tenant": ctx.tenant,
        "style": Markup(style),  # noqa: S704 - our own file, with two colours checked by the Struct
    }
    return Template(template, context=context, status_code=status, headers=headers(style))


def shop_of(ctx: Context) -> str:
    """The name of the shop as its customers know it."""
    return ctx.tenant.brand.name or ctx.tenant.name


def headers(style: str) -> dict[str, str]:
    """What keeps the page alone: no script, no frame, no cache, and its address told to nobody."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; "
        "img-src https: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "Cache-Control": "no-store",
    }


def choose(languages: str, words: Container[str] = WORDS) -> str:
    """The first language of a locale or an Accept-Language header that we have words in, or English."""
    for wanted in languages.lower().split(","):
        code = wanted.strip()[:2]
        if code in words:
            return code
    return "en"


def masked(email: str) -> str:
    """`a•••@example.com`: enough for its owner to know it, not for a stranger to use it."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}"


def ink_on(colour: str) -> str:
    """Black or white, whichever can be read better on `colour`.

    Source: relative luminance and contrast of WCAG 2.2.
    """
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 else "#111111"
