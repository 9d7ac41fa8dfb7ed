"""Autonomy: how much runs without asking, what is missing for more, and every change of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from litestar import get, post
from litestar.response import Redirect, Template

from admin_ui.forms import Field, fields
from admin_ui.view import Req, back, page, query, text_of
from kernel.pipeline import autonomy, confidence, shadow
from kernel.pipeline.shadow import Shadow
from kernel.sdk import Conflict, Context, InvalidInput
from kernel.tenancy import switches
from kernel.web.visit import visit

PATH = "/app/autonomy"
PAGE = 25
SHADOWS = 8
STOPS = tuple(range(50, 101, 5))
"""Where the slider of the threshold stops, in percent."""

_ONE_CLICK = (
    "One click approves all campaigns that reach the threshold. The others wait until you have looked "
    "at them. Once a day a digest tells what waits."
)
_AUTOMATIC = (
    "Campaigns that reach the threshold go out by themselves. The others wait for you. What goes wrong "
    "lowers the level again."
)
LEVELS = (
    ("manual", "Manual", "Every campaign waits for you, however sure the engine is."),
    ("one_click", "One click", _ONE_CLICK),
    ("automatic", "Automatic", _AUTOMATIC),
)
"""A level, its name, and what happens next."""


@get("/autonomy")
async def overview(ctx: Context, request: Req, before: int | None = None) -> Template:
    """Levels, thresholds, how far the confidence can be trusted, and the log."""
    changes = await autonomy.changes(ctx, before, PAGE + 1)
    lines = await autonomy.state(ctx)
    history = await shadow.judged(ctx)
    judged = await confidence.judged(ctx)
    passed = {
        line.campaign_type: _passed(history, confidence.scale(judged, line.campaign_type), line)
        for line in lines
    }
    return await page(
        request,
        "autonomy.html",
        levels=LEVELS,
        lines=lines,
        passed=passed,
        causes=await autonomy.causes(ctx),
        curve=_curve(await autonomy.reliability(ctx)),
        enough=confidence.ENOUGH,
        shadows=await shadow.rows(ctx, limit=SHADOWS),
        guards=await _guards(ctx, request),
        changes=changes[:PAGE],
        first=PATH if before else "",
        next=query(PATH, before=changes[PAGE - 1].id) + "#log" if len(changes) > PAGE else "",
    )


@post("/autonomy/level")
async def level(ctx: Context, request: Req) -> Redirect:
    """Choose a level for one type, or for all."""
    form = await request.form()
    kind = text_of(form, "type")
    try:
        found = await autonomy.set_level(ctx, kind, text_of(form, "level"), text_of(form, "reason"))
    except (Conflict, InvalidInput) as error:
        return back(request, _at(kind), str(error), "bad")
    return back(request, _at(kind), f"Saved. {found.why}")


@post("/autonomy/threshold")
async def threshold(ctx: Context, request: Req) -> Redirect:
    """Choose from which confidence on no review is needed; empty: as for all types."""
    form = await request.form()
    kind, given = text_of(form, "type"), text_of(form, "threshold")
    if given and not given.isdecimal():
        return back(request, _at(kind), f"“{given}” is no percentage.", "bad")
    value = int(given[:4]) / 100 if given and not form.get("inherit") else None
    try:
        await autonomy.set_threshold(ctx, kind, value, text_of(form, "reason"))
    except InvalidInput as error:
        return back(request, _at(kind), str(error), "bad")
    said = f"The threshold is {value:.0%} now." if value else "The threshold is that of all types."
    return back(request, _at(kind), said)


@post("/autonomy/needed")
async def needed(ctx: Context, request: Req) -> Redirect:
    """Choose how many approved campaigns automatic takes."""
    form = await request.form()
    given = text_of(form, "needed")
    if not given.isdecimal():
        return back(request, PATH, f"“{given}” is no number.", "bad")
    try:
        await autonomy.set_needed(ctx, int(given[:6]), text_of(form, "reason"))
    except InvalidInput as error:
        return back(request, PATH, str(error), "bad")
    return back(request, PATH, f"Automatic takes {int(given)} approved campaigns now.")


def _at(kind: str) -> str:
    known = kind if kind.isidentifier() else ""
    return f"{PATH}?open={known}#type-{known}" if known else PATH


def _passed(
    history: Sequence[Shadow], scale: confidence.Calibration, line: autonomy.TypeAutonomy
) -> list[tuple[int, int, int, int]]:
    """For each stop of the slider: (percent, campaigns that would have passed, of these approved as
    they were, of all campaigns), by what confidence is worth today.
    """
    own = [
        (scale.of(one.raw) or 0.0, one.verdict == "approved")
        for one in history
        if line.campaign_type in ("", one.campaign_type)
    ]
    return [
        (
            stop,
            sum(value * 100 >= stop for value, _ in own),
            sum(value * 100 >= stop and good for value, good in own),
            len(own),
        )
        for stop in STOPS
    ]


def _curve(bins: Sequence[confidence.TrustBin]) -> dict[str, list[float]]:
    """The points of the reliability chart, in percent."""
    seen = [one for one in bins if one.campaigns]
    return {
        "said": [one.said * 100 for one in seen],
        "was": [one.was * 100 for one in seen],
        "worth": [one.calibrated * 100 for one in seen],
    }


async def _guards(ctx: Context, request: Req) -> list[tuple[Any, list[Field]]]:
    """The gates that are on, each with its settings as they stand."""
    found = []
    for plugin in visit(request).core.board.plugins.values():
        if plugin.manifest.kind == "gate" and plugin.name in ctx.enabled:
            values = msgspec.to_builtins(await switches.stored_settings(ctx, plugin.name))
            found.append((plugin.manifest, fields(plugin.manifest.settings, values)))
    return found
