"""Models: what the engine learned of this shop, how good it is, and what became of each training."""

from __future__ import annotations

from litestar import get, post
from litestar.response import Redirect, Template

from admin_ui import learning
from admin_ui.view import Req, back, page, text_of
from kernel.jobs.port import waits
from kernel.jobs.progress import ProgressLine, progress_page
from kernel.models.cards import Card, card
from kernel.models.run import chosen
from kernel.sdk import Context, InvalidInput, enqueue
from kernel.tenancy import audit
from kernel.web.visit import visit

LEARNING = "kernel.models"
"""The progress of the nightly training of all models."""


@get("/models")
async def listing(ctx: Context, request: Req) -> Template:
    """Every model of the shop's plugins, and how it stands."""
    cards = [await card(ctx, owned.value.name) for owned in chosen(ctx)]
    lines = await progress_page(ctx)
    running = [one for one in lines if one.state == "running" and _of_models(one)]
    return await page(request, "models.html", cards=cards, running=running)


@get("/models/{name:str}")
async def one(ctx: Context, request: Req, name: str) -> Template:
    """One model: its card, every attempt to train it, and what can be done now."""
    found = await card(ctx, name)
    lines = await progress_page(ctx)
    mine = [line for line in lines if line.key == learning.mark(name)]
    running = [line for line in lines if line.state == "running" and line in mine + _all(lines)]
    queued = await waits(ctx, learning.TRAIN, name) or await waits(ctx, learning.ROLL_BACK, name)
    return await page(
        request,
        "model.html",
        card=found,
        running=running,
        queued=queued and not running,
        ended=next((line for line in mine if line.state in ("failed", "lost")), None),
        own_pages=_own_pages(request, found),
    )


@post("/models/{name:str}/train")
async def train(ctx: Context, request: Req, name: str) -> Redirect:
    """Have it trained now."""
    chosen(ctx, [name])
    added = await enqueue(ctx, learning.TRAIN, {"model": name}, key=name)
    said = "It is trained now; this page shows how far it is." if added else "It waits already."
    return back(request, f"/app/models/{name}", said)


@post("/models/{name:str}/rollback")
async def roll_back(ctx: Context, request: Req, name: str) -> Redirect:
    """Put the version `to` of the form into use again."""
    found = await card(ctx, name)
    to = text_of(await request.form(), "to")
    if to not in {str(version.number) for version in found.earlier}:
        raise InvalidInput("There is no such version to go back to.", "Choose one in the history.")
    payload = {"model": name, "to": int(to), "actor": ctx.actor}
    if not await enqueue(ctx, learning.ROLL_BACK, payload, key=name):
        return back(request, f"/app/models/{name}", "It waits already.")
    await audit.record(ctx, "model.rolled_back", name, to=int(to))
    said = f"Version {to} is put back into use; then everyone is scored by it."
    return back(request, f"/app/models/{name}", said)


def _all(lines: list[ProgressLine]) -> list[ProgressLine]:
    return [line for line in lines if line.key == LEARNING]


def _of_models(line: ProgressLine) -> bool:
    return line.key == LEARNING or line.key.startswith(learning.mark(""))


def _own_pages(request: Req, found: Card) -> str:
    """Where the model's plugin has a page of its own, if it has one."""
    routes = visit(request).core.board.routes
    paths = {
        path
        for owned in routes
        if owned.plugin == found.plugin
        for path in getattr(owned.value, "paths", ())
    }
    return f"/app/x/{found.plugin}/" if "/" in paths else ""
