"""What customers ask for by law, with its deadlines; and who changed what in this shop."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.response import Redirect, Template

from admin_ui.view import Req, back, page, query, text_of
from kernel.profiles import requests
from kernel.sdk import Context, InvalidInput
from kernel.tenancy import audit

PAGE = 50
MOST = 200
"""Requests that wait, on one page."""
LIST = "/app/rights"
WORDS = {
    "session.in": "signed in",
    "session.out": "signed out",
    "page.posted": "sent the form",
    "command.run": "ran the command",
}
"""Actions on the trail whose names read badly; the others are told by their names."""


@get("/rights")
async def listing(ctx: Context, request: Req, after: int | None = None) -> Template:
    """What waits, the most urgent first, and what was done."""
    found = list(await requests.page(ctx, after, PAGE + 1))
    shown = found[:PAGE]
    return await page(
        request,
        "rights.html",
        waiting=await requests.open_ones(ctx, MOST) if after is None else (),
        most=MOST,
        done=[one for one in shown if one.done_at is not None],
        now=ctx.now,
        days=requests.DAYS,
        first=LIST if after is not None else "",
        next=query(LIST, after=shown[-1].id) if len(found) > PAGE else "",
    )


@post("/customers/{customer_id:int}/rights")
async def ask(ctx: Context, request: Req, customer_id: int) -> Redirect:
    """Note that a customer asked, so that the deadline runs."""
    kind = text_of(await request.form(), "kind")
    if kind not in ("export", "erase"):
        raise InvalidInput("There is no such right.", "Ask for a copy, or to be forgotten.")
    asked = await requests.ask(ctx, customer_id, kind, "admin")  # type: ignore[arg-type]
    said = f"Noted. It must be answered by {asked.due_at:%d %B %Y}; do so below."
    return back(request, LIST, said)


@post("/rights/{request_id:int}/copy", status_code=200)
async def copy(ctx: Context, request_id: int) -> Response[bytes]:
    """The copy as a file; the request is answered by it."""
    asked, found = await requests.copy(ctx, request_id)
    body = msgspec.json.format(msgspec.json.encode(found), indent=2)
    return _file(body, f"customer-{asked.customer_id}.json")


@post("/rights/{request_id:int}/erase")
async def erase(ctx: Context, request: Req, request_id: int) -> Redirect:
    """Forget the customer; asks to be meant."""
    if text_of(await request.form(), "sure") != "yes":
        return back(request, LIST, "Tick the box first: this cannot be undone.", "bad")
    done = await requests.erase(ctx, request_id)
    if failed := done.receipt["failed"]:
        said = f"Not complete: {', '.join(failed)} could not answer. It is tried again every day."
        return back(request, LIST, said, "bad")
    return back(request, LIST, "Forgotten. The receipt names nobody; keep it as your proof.")


@get("/rights/{request_id:int}/receipt")
async def receipt(ctx: Context, request_id: int) -> Response[bytes]:
    """The receipt as a file."""
    found = await requests.get(ctx, request_id)
    body = msgspec.json.format(msgspec.json.encode(found.receipt), indent=2)
    return _file(body, f"receipt-{found.id}.json")


@get("/audit")
async def trail(ctx: Context, request: Req, after: str = "", by: str = "") -> Template:
    """Who changed what, newest first; `by` one person or part."""
    by = by.strip()[:100]
    found = await audit.page(ctx, after, PAGE, actor=by)
    path = "/app/audit"
    return await page(
        request,
        "audit.html",
        lines=found.rows,
        words=WORDS,
        by=by,
        first=query(path, by=by) if after else "",
        next=query(path, by=by, after=found.next) if found.next else "",
    )


def _file(body: bytes, name: str) -> Response[Any]:
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type="application/json", headers=headers)
