"""One message: the mail as the customer sees it, its headers, its text, and why."""

from __future__ import annotations

from uuid import UUID

from litestar import Response, get
from litestar.response import Template

from admin_ui.panels import draw
from admin_ui.preview import answer, look_of
from admin_ui.view import Req, page
from kernel.pipeline import messages, why
from kernel.sdk import Conflict, Context


@get("/messages/{message_id:uuid}")
async def message(ctx: Context, request: Req, message_id: UUID, variant: str = "") -> Template:
    """The mail in a sandboxed frame, its text and headers, and its decision."""
    found = await messages.get(ctx, message_id)
    told = await why.stories(ctx, [found.decision_id]) if found.decision_id else {}
    rendered, cannot = None, ""
    try:
        rendered = await messages.preview(ctx, message_id, variant)
    except Conflict as error:
        cannot = str(error)
    return await page(
        request,
        "message.html",
        message=found,
        rendered=rendered,
        cannot=cannot,
        variant=variant,
        story=told.get(found.decision_id) if found.decision_id else None,
        panels=await draw(request, "message", found),
    )


@get("/messages/{message_id:uuid}/mail")
async def mail(ctx: Context, request: Req, message_id: UUID, variant: str = "") -> Response[str]:
    """The HTML alone, under a policy that lets nothing in it act."""
    return answer(await messages.preview(ctx, message_id, variant), look_of(request))
