"""Decisions: found by filters, as a funnel that obeys the law, one in full, and what they cost."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, get
from litestar.response import Template

from admin_ui.pages.campaigns import LAW
from admin_ui.view import Req, page, query
from kernel.pipeline import explorer, why
from kernel.pipeline.explorer import Filters
from kernel.profiles import repo
from kernel.sdk import Conflict, Context, InvalidInput
from kernel.web.visit import visit

PATH = "/app/decisions"
PAGE = 25
DAYS = (7, 30, 90)
TONES = ("professional", "friendly", "urgent", "conversational")
PLACES = tuple(name for name in LAW if name != "audience")


@get("/decisions")
async def listing(ctx: Context, request: Req, before: UUID | None = None) -> Template:
    """Decisions that meet the filters of the query, newest first, and where their customers are."""
    asked, filters = _filters(ctx, request)
    found = await explorer.page(ctx, filters, before, PAGE + 1)
    shown = found[:PAGE]
    return await page(
        request,
        "decisions.html",
        rows=shown,
        names=await repo.names(ctx, [row.customer_id for row in shown]),
        law=await explorer.funnel(ctx, filters),
        asked=asked,
        links={place: query(PATH, **{**asked, "outcome": place}) for place in PLACES},
        choices=_choices(request, shown),
        first=query(PATH, **asked) if before else "",
        next=query(PATH, **asked, before=shown[-1].id) if len(found) > PAGE else "",
    )


@get("/decisions/{decision_id:uuid}")
async def one(ctx: Context, request: Req, decision_id: UUID, replay: bool = False) -> Template:
    """A decision with all it rested on; with `replay`, computed again and compared."""
    story = await why.story(ctx, decision_id)
    same, cannot = None, ""
    if replay:
        try:
            same = (await why.replay(ctx, decision_id)).same
        except Conflict as error:
            cannot = str(error)
    names = await repo.names(ctx, [story.record.customer_id])
    return await page(
        request,
        "decision.html",
        story=story,
        record=story.record,
        name=names.get(story.record.customer_id, f"Customer {story.record.customer_id}"),
        advices=story.advice,
        pretty=_encoded,
        same=same,
        cannot=cannot,
    )


@get("/decisions/cost")
async def cost(ctx: Context, request: Req, days: int = 30) -> Template:
    """Calls, tokens and cost per day and model, and why better deciders did not answer."""
    if days not in DAYS:
        raise InvalidInput(f"There is no view of {days} days.", "Choose one above the chart.")
    found = await explorer.costs_by_day(ctx, days)
    return await page(
        request,
        "decision_cost.html",
        costs=found,
        chart=_chart(ctx, found, days),
        sums={
            name: sum(getattr(one, name) for one in found)
            for name in ("calls", "decisions", "tokens", "cost_micros", "fallbacks")
        },
        words=await explorer.words_cost(ctx, days),
        fallbacks=await explorer.fallbacks(ctx, days),
        days=days,
        choices=DAYS,
    )


def _chart(ctx: Context, costs: list[explorer.DayCost], days: int) -> dict[str, Any]:
    """Labels of all days, with a series a model of dollars and one of tokens."""
    last = ctx.now.astimezone(ZoneInfo(ctx.tenant.timezone)).date()
    since = min((one.day for one in costs), default=last)
    days = min(days, max((last - since).days + 1, min(DAYS)))
    calendar = [last - timedelta(days=back) for back in range(days - 1, -1, -1)]
    models = sorted({one.model or one.plugin for one in costs})
    money = {model: dict.fromkeys(calendar, 0.0) for model in models}
    tokens = {model: dict.fromkeys(calendar, 0) for model in models}
    for one in costs:
        if one.day in money[one.model or one.plugin]:
            money[one.model or one.plugin][one.day] += one.cost_micros / 1_000_000
            tokens[one.model or one.plugin][one.day] += one.tokens
    return {
        "labels": [f"{day:%-d %b}" for day in calendar],
        "money": {model: list(of.values()) for model, of in money.items()},
        "tokens": {model: list(of.values()) for model, of in tokens.items()},
    }


def _filters(ctx: Context, request: Request[Any, Any, Any]) -> tuple[dict[str, str], Filters]:
    """What the query asks for, as it stands in the form, and as the explorer reads it."""
    names = (
        "type",
        "campaign",
        "outcome",
        "decider",
        "tone",
        "offer",
        "guardrail",
        "since",
        "until",
    )
    given = {name: str(request.query_params.get(name, "")).strip()[:100] for name in names}
    given["fallback"] = "yes" if request.query_params.get("fallback") else ""
    if given["outcome"] and given["outcome"] not in PLACES:
        raise InvalidInput(f"There is no outcome “{given['outcome']}”.", "Choose one in the form.")
    try:
        campaign = UUID(given["campaign"]) if given["campaign"] else None
    except ValueError as error:
        raise InvalidInput("There is no such campaign.", "See the list of campaigns.") from error
    until = _midnight(ctx, given["until"])
    return given, Filters(
        campaign_type=given["type"],
        campaign_id=campaign,
        state=given["outcome"],
        plugin=given["decider"],
        tone=given["tone"],
        offer=given["offer"],
        guardrail=given["guardrail"],
        fallback=bool(given["fallback"]),
        since=_midnight(ctx, given["since"]),
        until=until + timedelta(days=1) if until else None,
    )


def _midnight(ctx: Context, text: str) -> datetime | None:
    """The beginning of a day where the shop is."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise InvalidInput(f"“{text}” is no day.", "Write it as 2026-06-15.") from error
    return datetime.combine(day, time(), ZoneInfo(ctx.tenant.timezone))


def _choices(request: Req, shown: list[explorer.Row]) -> dict[str, list[tuple[str, str]]]:
    """What each list of the form offers: (value, label)."""
    board = visit(request).core.board
    deciders = [p for p in board.plugins.values() if "decide" in p.hooks]
    guards = sorted({name for row in shown for name in row.guardrails})
    return {
        "type": [(name, owned.value.title) for name, owned in board.campaign_types.items()],
        "outcome": [(name, name.replace("_", " ")) for name in PLACES],
        "decider": [(p.name, p.manifest.title) for p in deciders],
        "tone": [(name, name) for name in TONES],
        "offer": [("*", "with an offer"), ("-", "without an offer")],
        "guardrail": [
            ("*", "changed by any"),
            *[(name, name.replace("_", " ")) for name in guards],
        ],
    }


def _encoded(value: Any) -> str:
    """A stored answer as a person reads it: JSON is indented, anything else stays as it is."""
    try:
        return msgspec.json.format(str(value).encode(), indent=2).decode()
    except msgspec.DecodeError:
        return str(value)
