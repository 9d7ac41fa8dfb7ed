"""The page of the events, for signed-in merchants."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, Formats, public_url
from plugins.sendgrid import pages
from plugins.sendgrid.manifest import MANIFEST, SendGridSettings
from plugins.sendgrid.signature import public_key

PATH = f"/app/x/{MANIFEST.name}/events"


@get("/events")
async def events_page(ctx: Context, after: str = "") -> Template:
    """`GET /app/x/sendgrid/events`: what came, what belongs to nobody, and how events are set up."""
    shown = ctx.settings(SendGridSettings).webhook_key
    stray, following = await pages.stray(ctx, after)
    return Template(
        "sendgrid/events.html",
        context={
            "f": Formats(ctx),
            "days": pages.DAYS,
            "standing": await pages.standing(ctx),
            "stray": stray,
            "key": "missing" if not shown else "good" if public_key(shown) else "wrong",
            "address": public_url(ctx, MANIFEST.name, "events"),
            "first": PATH if after else "",
            "next": f"{PATH}?{urlencode({'after': following})}" if following else "",
        },
    )
