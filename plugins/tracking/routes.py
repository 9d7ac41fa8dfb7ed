"""The public addresses of links and images, and the page of the plugin.

GET changes nothing but the log of hits, which tells only that it happened; that is written when the
answer is out.
"""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get, route
from litestar.enums import HttpMethod
from litestar.response import Template

from kernel.sdk import Context, Formats
from plugins.tracking import pages, repo, tokens
from plugins.tracking.gone import ALONE, page
from plugins.tracking.hits import Raw, recorder
from plugins.tracking.scanners import agent_of

if TYPE_CHECKING:
    from uuid import UUID

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")


@route("/c/{token:str}", http_method=[HttpMethod.GET, HttpMethod.HEAD], status_code=302)
async def follow(ctx: Context, request: Request[Any, Any, Any], token: str) -> Response[Any]:
    """`GET /c/<message>.<link>.<mac>`: 302 to the stored address; a page with 404 for any other."""
    found = tokens.read_click(ctx, token)
    url = await repo.url_of(ctx, found[1]) if found else None
    if found is None or url is None:
        return _gone(request)
    _note(ctx, request, "click", *found)
    return Response(b"", status_code=302, headers={**ALONE, "Location": url})


@get("/o/{name:str}")
async def image(ctx: Context, request: Request[Any, Any, Any], name: str) -> Response[Any]:
    """`GET /o/<message>.<mac>.gif`: one transparent pixel."""
    message_id = tokens.read_open(ctx, name)
    if message_id is None:
        return _gone(request)
    _note(ctx, request, "open", message_id, tokens.PIXEL)
    return Response(GIF, media_type="image/gif", headers=ALONE)


@get("/")
async def overview(ctx: Context) -> Template:
    """`GET /app/x/tracking/`: what is counted, and why."""
    context = {"f": Formats(ctx), **await pages.overview(ctx)}
    return Template("tracking/overview.html", context=context)


def _gone(request: Request[Any, Any, Any]) -> Template:
    return page(request.headers.get("accept-language", ""))


def _note(
    ctx: Context, request: Request[Any, Any, Any], kind: str, message_id: UUID, link_id: int
) -> None:
    agent = agent_of(request.headers.get("user-agent", ""))
    head = request.method == "HEAD"
    hit = Raw(kind=kind, message_id=message_id, link_id=link_id, at=ctx.now, head=head, agent=agent)
    ctx.after_commit(partial(recorder().keep, ctx, hit))
