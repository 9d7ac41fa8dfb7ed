"""Where SendGrid posts its events: what its signature proves is stored, and nothing else is done."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post

from kernel.sdk import Context, Forbidden, enqueue
from plugins.sendgrid import whole
from plugins.sendgrid.manifest import MANIFEST, SendGridSettings
from plugins.sendgrid.signature import SIGNATURE, TIMESTAMP, signed

LARGEST = 4_000_000
"""Bytes a post may have. SendGrid sends what it has at 768 KB."""
GATHER = 1.0
"""Seconds of machine time in which further posts join the same fold."""


@post("/events", status_code=204, request_max_body_size=LARGEST)
async def take_events(ctx: Context, request: Request[Any, Any, Any]) -> Response[None]:
    """`POST /t/<tenant>/sendgrid/events`: 204 once stored. Safe to be posted again.

    Raises:
        Forbidden: the signature is not that of the tenant's key, or there is no key. SendGrid posts
            again for a day, so nothing is lost while a key is being set.
    """
    body = await request.body()
    headers = request.headers
    key = ctx.settings(SendGridSettings).webhook_key
    if not signed(key, headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, ""), body):
        raise Forbidden(
            "This is not signed with the verification key of this shop.",
            "Turn on the signed event webhook at SendGrid and copy its key into the settings.",
        )
    if large := len(body) >= whole.LARGE:
        await whole.keep(ctx, body)
    if large or await whole.store(ctx, body):
        await enqueue(ctx, f"{MANIFEST.name}.fold", key="fold", delay=GATHER)
    return Response(None, status_code=204)
