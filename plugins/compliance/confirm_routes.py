"""The address in the confirmation mail: GET shows a button and changes nothing, POST subscribes."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.response import Template

from kernel.sdk import Context
from plugins.compliance import confirm, page


@get("/d/{token:str}")
async def ask(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """Shows the button. Changes nothing: scanners follow every link of a mail."""
    who = await confirm.asked(ctx, token)
    accepts = request.headers.get("accept-language", "")
    if who is None:
        return page.render(ctx, "confirm_gone", languages=accepts, status=404)
    text = {"pending": "confirm_ask", "subscribed": "confirm_done"}.get(who.state, "confirm_stays")
    return page.render(ctx, text, languages=f"{who.locale},{accepts}", email=who.email)


@post("/d/{token:str}", status_code=200)
async def act(ctx: Context, request: Request[Any, Any, Any], token: str) -> Template:
    """Subscribes. Pressed twice, it says so again."""
    done = await confirm.confirm(ctx, token)
    accepts = request.headers.get("accept-language", "")
    who = await confirm.asked(ctx, token)
    if done is None or who is None:
        return page.render(ctx, "confirm_gone", languages=accepts, status=404)
    text = "confirm_done" if done == "confirmed" else "confirm_stays"
    return page.render(ctx, text, languages=f"{who.locale},{accepts}", email=who.email)
