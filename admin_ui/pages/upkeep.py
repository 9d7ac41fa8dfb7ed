"""What needs looking after: dead letters, long work, and the switch that stops everything."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect, Template

from admin_ui.view import Req, back, page, query, text_of
from kernel.events import dead
from kernel.jobs import dead as dead_jobs
from kernel.jobs.progress import progress_page
from kernel.profiles.repo import imports as imports_page
from kernel.sdk import Context, InvalidInput, NotFound
from kernel.tenancy import audit, health, switches

PAGE = 50


@get("/dead-letters")
async def dead_letters(ctx: Context, request: Req, after: str = "", task: int = 0) -> Template:
    """Events that a plugin could not handle and tasks that failed for good, with their errors.

    Args:
        ctx: the tenant.
        request: for the frame.
        after: the mark of the last letter of the page before.
        task: the id of the last task of the page before.
    """
    found = await dead.dead_page(ctx, after, PAGE + 1)
    shown = found[:PAGE]
    tasks = await dead_jobs.dead_tasks(ctx, task, PAGE + 1)
    return await page(
        request,
        "dead_letters.html",
        letters=shown,
        first="/app/dead-letters" if after else "",
        next=query("/app/dead-letters", after=shown[-1].mark) if len(found) > PAGE else "",
        tasks=tasks[:PAGE],
        tasks_first="/app/dead-letters" if task else "",
        tasks_next=query("/app/dead-letters", task=tasks[PAGE - 1].id) if len(tasks) > PAGE else "",
    )


@post("/dead-letters/replay")
async def replay(ctx: Context, request: Req) -> Redirect:
    """Deliver again: one, or all."""
    form = await request.form()
    path = "/app/dead-letters"
    if form.get("all"):
        count = await dead.replay_all(ctx) + await dead_jobs.replay_tasks(ctx)
        return back(request, path, f"{count} will be tried again, with all attempts.")
    event, task = text_of(form, "event_id"), text_of(form, "task_id")
    if not (event or task).isdecimal():
        raise InvalidInput("There is no such dead letter.", "Choose one in the list.")
    try:
        if task:
            await dead_jobs.replay_task(ctx, int(task))
        else:
            await dead.replay(ctx, int(event), text_of(form, "subscription"))
    except NotFound as error:
        return back(request, path, error.message, "bad")
    return back(request, path, "It will be tried again, with all attempts.")


@get("/work")
async def work(ctx: Context, request: Req) -> Template:
    """Imports and long jobs: how far they are, and what came of them."""
    lines = await progress_page(ctx, limit=PAGE)
    return await page(
        request,
        "work.html",
        running=[line for line in lines if line.state == "running"],
        finished=[line for line in lines if line.state != "running"],
        imports=await imports_page(ctx, limit=20),
        failures=(await health.page(ctx, limit=PAGE)).rows,
    )


@post("/work/clear-health")
async def clear_health(ctx: Context, request: Req) -> Redirect:
    """Take what was looked at off the health board."""
    count = await health.clear(ctx)
    return back(request, "/app/work", f"{count} taken off the board. What fails again comes back.")


@get("/stop")
async def stop(ctx: Context, request: Req) -> Template:
    """The switch, and who turned it before."""
    return await _stop_page(ctx, request)


@post("/stop")
async def halt(ctx: Context, request: Req) -> Response[Any]:
    """Stop all sending of this shop, with a reason."""
    try:
        done = await switches.halt_tenant(ctx, text_of(await request.form(), "reason"))
    except InvalidInput as error:
        return await _stop_page(ctx, request, str(error), code=422)
    said = "Sending is stopped. Nothing is lost." if done else "Sending was stopped already."
    return back(request, "/app/stop", said)


@post("/resume")
async def resume(ctx: Context, request: Req) -> Redirect:
    """Let the shop send again."""
    done = await switches.resume_tenant(ctx, text_of(await request.form(), "reason"))
    return back(request, "/app/stop", "Sending goes on." if done else "It was not stopped.")


async def _stop_page(ctx: Context, request: Req, wrong: str = "", *, code: int = 200) -> Template:
    trail = (await audit.page(ctx, limit=50)).rows
    turned = [row for row in trail if row["action"].startswith(("tenant.", "everything."))]
    return await page(request, "stop.html", code=code, wrong=wrong, turned=turned)
