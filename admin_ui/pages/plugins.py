"""Plugins: what is on, and a form for the settings of each, made from its Struct."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.response import Redirect, Template

from admin_ui.forms import fields, read
from admin_ui.view import Req, back, lists, page
from kernel.plugboard.parts import Plugin
from kernel.sdk import Conflict, Context, NoSettings, NotFound
from kernel.tenancy import health, switches
from kernel.tenancy.checks import Fault
from kernel.web.mounting import page_url
from kernel.web.visit import visit

KINDS = {
    "campaign": "Campaigns",
    "intelligence": "Customer intelligence",
    "decider": "Deciders",
    "gate": "Gates",
    "channel": "Channels",
    "source": "Sources",
    "tool": "Tools",
}


@get("/plugins")
async def listing(ctx: Context, request: Req) -> Template:
    """Every installed plugin by kind, with its switch."""
    found: dict[str, list[Plugin]] = {kind: [] for kind in KINDS}
    for plugin in visit(request).core.board.plugins.values():
        found[plugin.manifest.kind].append(plugin)
    return await page(
        request,
        "plugins.html",
        groups=[(KINDS[kind], some) for kind, some in found.items() if some],
        on=ctx.enabled,
    )


@get("/plugins/{name:str}")
async def settings(ctx: Context, request: Req, name: str) -> Template:
    """One plugin: what it is, and its settings."""
    return await _page(ctx, request, _plugin(request, name))


@post("/plugins/{name:str}/switch")
async def switch(ctx: Context, request: Req, name: str) -> Redirect:
    """On or off, as the form's `to` says."""
    plugin = _plugin(request, name)
    on = (await request.form()).get("to") == "on"
    try:
        await switches.set_plugin(ctx, name, on)
    except Conflict as error:
        return back(request, "/app/plugins", str(error), "bad")
    said = f"{plugin.manifest.title} is {'on' if on else 'off; what it keeps is kept'}."
    return back(request, "/app/plugins", said)


@post("/plugins/{name:str}/settings")
async def save(ctx: Context, request: Req, name: str) -> Response[Any]:
    """Keep new settings, or show what is wrong with each."""
    plugin = _plugin(request, name)
    form = await request.form()
    given = read(plugin.manifest.settings, form, lists(form))
    try:
        await switches.set_plugin(ctx, name, name in ctx.enabled, given)
    except switches.WrongSettings as error:
        return await _page(ctx, request, plugin, given, error.faults, code=422)
    return back(request, f"/app/plugins/{name}", f"Saved. {plugin.manifest.title} uses them now.")


def _plugin(request: Req, name: str) -> Plugin:
    plugin = visit(request).core.board.plugins.get(name)
    if plugin is None:
        raise NotFound(f"There is no plugin “{name}”.", "See the list of plugins.")
    return plugin


async def _page(
    ctx: Context,
    request: Req,
    plugin: Plugin,
    given: Mapping[str, Any] | None = None,
    faults: list[Fault] | None = None,
    *,
    code: int = 200,
) -> Template:
    kind = plugin.manifest.settings
    if given is None:
        given = await switches.stored_settings(ctx, plugin.name)
    board = (await health.page(ctx, limit=50)).rows
    return await page(
        request,
        "plugin.html",
        code=code,
        plugin=plugin,
        manifest=plugin.manifest,
        on=plugin.name in ctx.enabled,
        pages=[(one.title, page_url(plugin.name, one)) for one in plugin.manifest.pages],
        about=(kind.__doc__ or "").strip() if kind is not NoSettings else "",
        fields=fields(kind, msgspec.to_builtins(given), faults or []),
        failures=[row for row in board if row["plugin"] == plugin.name],
        wrong=len(faults or []),
    )
