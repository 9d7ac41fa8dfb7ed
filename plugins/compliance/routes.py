"""The public addresses: GET shows, POST acts (RFC 8058). No session, no cookie, no redirect.

A mail program that unsubscribes for its user posts `List-Unsubscribe=One-Click` as one kind of form or
the other. We read no body at all: whoever posts to the address means it.
"""

from __future__ import annotations

from typing import Any

from litestar import HttpMethod, Request, post, route
from litestar.response import Template

from kernel.sdk import Context
from plugins.compliance import page, unsubscribe


def _accepts(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("accept-language", "")


def _gone(ctx: Context, request: Request[Any, Any, Any], text: str = "gone") -> Template:
    return page.render(ctx, text, languages=_accepts(request), status=404)


@route("/u/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD])
async def show(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """Asks whether to unsubscribe. Changes nothing: scanners follow every link of a mail."""
    who = await unsubscribe.reader(ctx, token)
    if who is None:
        return _gone(ctx, request)
    languages = f"{who.locale},{_accepts(request)}"
    text = "already" if who.unsubscribed else "ask"
    return page.render(ctx, text, languages=languages, email=who.email)


@post("/u/{token:str}", status_code=200)
async def act(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """Unsubscribes at once, without a further question."""
    who = await unsubscribe.reader(ctx, token)
    if who is None:
        return _gone(ctx, request)
    undo = await unsubscribe.unsubscribe(ctx, who.message_id, who.customer_id)
    languages = f"{who.locale},{_accepts(request)}"
    if not undo:
        return page.render(ctx, "already", languages=languages, email=who.email)
    action = unsubscribe.undo_path(ctx, who.message_id)
    return page.render(ctx, "done", languages=languages, email=who.email, action=action, quiet=True)


@post("/r/{token:str}", status_code=200)
async def undo(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """Takes an unsubscription back, for those who pressed the button on its page within a day."""
    who = await unsubscribe.undoer(ctx, token)
    if who is None:
        return _gone(ctx, request, "expired")
    languages = f"{who.locale},{_accepts(request)}"
    # Pressed twice: it is done, and saying so again is the truth.
    if not who.subscribed and not await unsubscribe.resubscribe(ctx, who):
        return _gone(ctx, request, "expired")
    return page.render(ctx, "undone", languages=languages, email=who.email)
