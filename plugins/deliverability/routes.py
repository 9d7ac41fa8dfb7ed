"""The page of the sender, its button, and the end of a pause, for signed-in merchants."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Request, get, post
from litestar.response import Redirect, Template

from kernel.sdk import Context, InvalidInput
from plugins.deliverability import checks, health, pages, repo
from plugins.deliverability.manifest import DeliverabilitySettings

GAP = timedelta(minutes=1)
"""The least time between two checks that a person asks for."""
SAID = {
    "checked": "Checked just now.",
    "soon": "It was checked less than a minute ago. New records take some minutes to be seen anyway.",
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
    """Ask the DNS now. One question takes five seconds at most, and all are asked side by side."""
    if not await repo.begin(ctx, "check", GAP):
        return _back("soon")
    await repo.save(ctx, await checks.run(ctx.settings(DeliverabilitySettings), checks.asked(ctx)))
    return _back("checked")


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
