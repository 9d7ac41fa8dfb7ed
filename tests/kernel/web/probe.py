"""A plugin whose routes and panels do what a route must not: fail, hang, write on GET."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Request, Response, get, post
from litestar.response import Redirect, Template

from kernel.sdk import Context, InvalidInput, Manifest, Panel, hookimpl

MANIFEST = Manifest(
    name="probe", version="1.0.0", title="Probe", summary="Tries the walls.", kind="tool"
)
RENAME = "UPDATE tenancy_tenant SET postal_address = $2 WHERE tenant_id = $1"
ADDRESS = "SELECT postal_address FROM tenancy_tenant WHERE tenant_id = $1"


@get("/who")
async def who(ctx: Context) -> str:
    return f"{ctx.actor} of {ctx.tenant.id}"


@get("/boom")
async def boom() -> str:
    raise RuntimeError("secret inside: ada@example.com")


@get("/wrong")
async def wrong() -> str:
    raise InvalidInput("That is wrong.", "Make it right.", ("first fault", "second <fault>"))


@get("/hang")
async def hang() -> str:
    await asyncio.sleep(60)
    return "too late"


@get("/write")
async def write_on_get(ctx: Context) -> str:
    await ctx.db.execute(RENAME, ctx.tenant.id, "changed by GET")
    return "changed"


@post("/rename")
async def rename(ctx: Context, fail: str = "") -> Response[Any]:
    await ctx.db.execute(RENAME, ctx.tenant.id, "renamed")
    if fail == "raise":
        raise RuntimeError
    if fail == "status":
        return Response("no", status_code=422)
    if fail == "commit":  # checked at the end of the transaction only
        await ctx.db.execute(
            "CREATE TEMP TABLE late (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
        )
        await ctx.db.execute("INSERT INTO late VALUES (1), (1)")
    return Redirect("/app/x/probe/page", status_code=303)


@get("/page")
async def page() -> Template:
    return Template("probe/page.html", context={"name": "<script>alert(1)</script>"})


@get("/missing")
async def missing() -> Template:
    return Template("probe/page.html")


@get("/framed")
async def framed() -> Template:
    return Template("probe/framed.html")


@get("/hello")
async def hello(ctx: Context) -> str:
    return f"hello from {ctx.tenant.id} to {ctx.actor}"


@post("/hook")
async def webhook(ctx: Context, request: Request[Any, Any, Any]) -> str:
    return f"{len(await request.body())} bytes for {ctx.tenant.id}"


@post("/upload")
async def upload(request: Request[Any, Any, Any]) -> str:
    file: Any = (await request.form())["file"]
    return f"{file.filename}: {len(await file.read())} bytes"


@hookimpl
def routes() -> list[Any]:
    return [who, boom, wrong, hang, write_on_get, rename, page, missing, framed]


@hookimpl
def public_routes() -> list[Any]:
    return [hello, webhook, rename, upload]


async def _fine(ctx: Context, subject: Any) -> dict[str, Any]:
    return {"name": f"<i>{subject}</i>", "seen": await ctx.db.fetchval(ADDRESS, ctx.tenant.id)}


async def _bad_sql(ctx: Context, subject: Any) -> dict[str, Any]:
    return {"name": await ctx.db.fetchval("SELECT no_such_column")}


async def _nothing(ctx: Context, subject: Any) -> None:
    return None


@hookimpl
def admin_panels() -> list[Panel]:
    def panel(name: str, data: Any, order: int) -> Panel:
        template = "probe/panel.html"
        return Panel(
            name=name, title=name.title(), place="home", template=template, data=data, order=order
        )

    return [panel("broken", _bad_sql, 1), panel("fine", _fine, 2), panel("absent", _nothing, 3)]
