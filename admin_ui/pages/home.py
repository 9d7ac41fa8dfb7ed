"""Home: what the engine did and why, and what waits for the merchant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Response, get
from litestar.response import Template

from admin_ui import brand
from admin_ui.panels import draw
from admin_ui.view import Req, page
from kernel.events.dead import dead_count
from kernel.jobs.progress import progress_page
from kernel.pipeline import campaigns, messages
from kernel.profiles.repo import customers_page
from kernel.sdk import Context
from kernel.tenancy import health
from kernel.web.visit import visit

DAY = timedelta(days=1)


@get("/")
async def home(ctx: Context, request: Req) -> Template:
    """The last day in words, what waits, what runs, what fails."""
    recent = await campaigns.page(ctx, limit=30)
    today = [one for one in recent if one.proposed_at > ctx.now - DAY]
    return await page(
        request,
        "home.html",
        waits=await campaigns.page(ctx, "waiting", limit=5),
        recent=recent[:6],
        today=today,
        counted={key: sum(getattr(one.law, key) for one in today) for key in _COUNTED},
        reasons=await messages.reasons(ctx, [one.id for one in today], limit=4) if today else [],
        running=[one for one in await progress_page(ctx, limit=5) if one.state == "running"],
        failures=(await health.page(ctx, limit=5)).rows,
        dead=await dead_count(ctx),
        begin=not recent and not (await customers_page(ctx, limit=1)).customers,
        how=_how(request),
        panels=await draw(request, "home"),
    )


_COUNTED = (
    "audience",
    "sent",
    "skipped",
    "suppressed",
    "capped",
    "held_out",
    "deferred",
    "waiting",
)


def _how(request: Req) -> dict[str, Any]:
    """Who decides and which way out there is, by the plugins' own words."""
    here = visit(request)
    board, enabled = here.core.board, here.ctx.enabled
    on = [plugin for plugin in board.plugins.values() if plugin.name in enabled]
    channels = {owned.plugin for owned in board.channels.values()}
    types = {owned.plugin for owned in board.campaign_types.values()}
    return {
        "deciders": [p.manifest for p in on if "decide" in p.hooks],
        "channels": [p.manifest for p in on if p.name in channels],
        "types": [p.manifest for p in on if p.name in types],
    }


@get("/brand.css", media_type="text/css")
async def brand_css(ctx: Context) -> Response[str]:
    """The tenant's colours as custom properties; the address changes with them."""
    return Response(
        brand.stylesheet(ctx.tenant.brand.colour, ctx.tenant.brand.accent),
        media_type="text/css",
        headers={"Cache-Control": "private, max-age=31536000, immutable"},
    )
