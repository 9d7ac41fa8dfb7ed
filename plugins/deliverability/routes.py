"""The page of the sender, its button, and the end of a pause, for signed-in merchants."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, Template

from kernel.sdk import Context, InvalidInput, enqueue
from plugins.deliverability import health, jobs, pages, repo

GAP = timedelta(minutes=1)
"""The least time between two checks that a person asks for."""
SAID = {
    "asked": "The DNS is being asked. What it says appears below.",
    "soon": "The DNS was asked less than a minute ago. New records take some minutes to be seen anyway.",
    "lifted": "Mail goes on. Only what is accepted from now on counts.",
    "none": "Mail to this provider was not paused.",
    "reason": "Say why mail should go on: it is kept in the audit trail.",
}
Req = Request[Any, Any, Any]


@get("/")
async def overview(ctx: Context, said: str = "") -> Template:
    """`GET /app/x/deliverability/`: every record, how providers take the mail, and pauses."""
    text, tone = SAID.get(said, ""), "bad" if said == "reason" else "good"
    context = await pages.overview(ctx) | {"said": [(text, tone)] if text else []}
    return Template("deliverability/overview.html", context=context)


@post("/check")
async def check(ctx: Context) -> Redirect:
    """Have the DNS asked now. A job does it: answers may take seconds, and no page waits for them."""
    if not await repo.begin(ctx, "check", GAP):
        return _back("soon")
    await enqueue(ctx, jobs.CHECK, {"asked": True}, key=jobs.ASKED)
    return _back("asked")


@post("/lift")
async def lift(ctx: Context, request: Req) -> Redirect:
    """End the pause of a mailbox provider, with a reason.

    Raises:
        InvalidInput: there is no such provider.
    """
    form = await request.form()
    mailbox, reason = str(form.get("mailbox", "")), str(form.get("reason", "")).strip()[:300]
    if mailbox not in health.MAILBOXES:
        raise InvalidInput("There is no such mailbox provider.", "Choose one on the page.")
    if not reason:
        return _back("reason")
    return _back("lifted" if await health.lift(ctx, mailbox, reason) else "none")


def _back(said: str) -> Redirect:
    return Redirect(f"{pages.PATH}?said={said}", status_code=303)
