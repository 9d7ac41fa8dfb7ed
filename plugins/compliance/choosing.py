"""The public address of the preference centre: GET and HEAD show, POST saves. No session, no cookie.

The token in the address says whose choices they are; nobody else's browser knows it.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING, Any

from litestar import HttpMethod, Request, post, route
from litestar.response import Template

from kernel.sdk import Context
from plugins.compliance import page, preferences, unsubscribe
from plugins.compliance.suppression import may_undo

if TYPE_CHECKING:
    from plugins.compliance.preferences import Choices

LARGEST = 10_000
"""Bytes of the form; ours has not 100."""
WORDS: dict[str, dict[str, str]] = tomllib.loads(
    resources.files(__package__)
    .joinpath("templates", "compliance", "preferences.toml")
    .read_text("utf-8")
)


@route("/p/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def show_choices(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """What is chosen today. Changes nothing: scanners follow every link of a mail."""
    found = await preferences.choices(ctx, token)
    if found is None:
        return _gone(ctx, request)
    return draw(ctx, found, _language(request, found))


@post("/p/{token:str}", status_code=200, request_max_body_size=LARGEST)
async def save_choices(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """Saves the form, and shows what holds now. Anything but our form changes nothing."""
    found = await preferences.choices(ctx, token)
    if found is None:
        return _gone(ctx, request)
    language = _language(request, found)
    wanted = preferences.read(await request.body())
    if wanted is None:
        return draw(ctx, found, language, "bad", status=400)
    if found.email is None:
        return draw(ctx, found, language)
    saved = await preferences.save(ctx, found, wanted, language)
    action = ""
    if not saved.on and await may_undo(ctx, saved.email, saved.message_id):
        action = unsubscribe.undo_path(ctx, saved.message_id)
    return draw(ctx, saved, language, "saved", action)


def draw(
    ctx: Context,
    found: Choices,
    language: str,
    note: str = "",
    action: str = "",
    status: int = 200,
) -> Template:
    """The page: what holds, and the form to change it.

    Args:
        ctx: the tenant.
        found: what holds.
        language: one of WORDS.
        note: the text of WORDS that is said first: saved or bad.
        action: where the button that takes an unsubscription back posts to; empty for none.
        status: of the answer.
    """
    shop, words = page.shop_of(ctx), WORDS[language]
    email = page.masked(found.email) if found.email else ""
    named = {"shop": shop, "email": email}
    text = "text"
    if found.blocked or found.stopped:
        text = "blocked" if found.blocked else "stopped"
    if found.email is None:
        text = "empty_text"
    return page.framed(
        ctx,
        "compliance/preferences.html",
        {
            "lang": language,
            "words": words,
            "title": words["title" if found.email else "empty_title"],
            "text": words[text].format(**named),
            "note": words[note] if note else "",
            "action": action,
            "form": found.email is not None,
            "topics": () if found.blocked else preferences.TOPICS,
            "on": found.on,
            "tracking": found.tracking,
        },
        status,
    )


def _language(request: Request[Any, Any, Any], found: Choices) -> str:
    accepts = request.headers.get("accept-language", "")
    return page.choose(f"{found.locale},{accepts}", WORDS)


def _gone(ctx: Context, request: Request[Any, Any, Any]) -> Template:
    accepts = request.headers.get("accept-language", "")
    return page.render(ctx, "gone", languages=accepts, status=404)
