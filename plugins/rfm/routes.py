"""The pages of the plugin: all segments with their movement, one segment, and who moved."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, Formats, InvalidInput, NotFound, artefact_in_use, card, charts
from plugins.rfm import movement, overview, repo, segments
from plugins.rfm.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Card
    from plugins.rfm.overview import Figures, Moves

PAGE = 25
SHOWN = 8
"""Movements that are listed beside the matrix."""
PATH = "/app/x/rfm"


@get("/")
async def listing(ctx: Context, month: int = 0) -> Template:
    """`GET /app/x/rfm/`: the segments; `month` 0 shows the movement of the last 30 days, 1 and so on
    that of earlier months, as the last training saw them.
    """
    known, f = await card(ctx, MANIFEST.name), Formats(ctx)
    names, broken = await in_use(ctx)
    if not names:
        told = {"card": known, "broken": broken, "f": f}
        return Template("rfm/nothing.html", context=told)
    counted = await repo.groups(ctx)
    facts = facts_of(known)
    rows = overview.figures(overview.order(names, counted), counted)
    past = [told for told in facts.get("months", ()) if told.get("moved") is not None][:-1]
    past.reverse()
    month = min(max(month, 0), len(past))
    moves = overview.last_month(names, counted)
    if month:
        moves = overview.month(names, past[month - 1]) or moves
    return Template(
        "rfm/segments.html",
        context={
            "f": f,
            "card": known,
            "rows": rows,
            "customers": sum(row.customers for row in rows),
            "alarms": overview.alarms(names, rows, facts),
            "shares": _shares(rows),
            "after": _spent_after(names, facts, f.unit),
            "moves": moves,
            "listed": moves.listed()[:SHOWN],
            "matrix": _matrix(moves),
            "month": month,
            "spans": _spans(ctx.now.astimezone(f.zone).date(), past),
            "followed": facts.get("followed", 0) if month else 0,
            "sizes": _sizes(names, facts),
            "link": link,
            "path": PATH,
        },
    )


@get("/segment")
async def segment(ctx: Context, name: str = "", before: str = "", after: str = "") -> Template:
    """`GET /app/x/rfm/segment?name=`: its customers, who spent the most first; `before`: only those who
    were in that segment a month ago.
    """
    names, _ = await in_use(ctx)
    counted = await repo.groups(ctx)
    rows = overview.figures(overview.order(names, counted), counted)
    found = next((row for row in rows if row.name == name), None)
    if found is None:
        raise NotFound(
            f"There is no segment “{name[:50]}”.", "Choose one from the list of segments."
        )
    people, following = await repo.members(ctx, name, before or None, after=after, limit=PAGE)
    came = sorted(
        (
            (group.before, group.customers)
            for group in counted
            if group.segment == name and group.before
        ),
        key=lambda one: (one[0] == movement.NEW, -one[1]),
    )
    return Template(
        "rfm/segment.html",
        context={
            "f": Formats(ctx),
            "row": found,
            "count": len(rows),
            "came": came,
            "before": before,
            "people": people,
            "first": link(name, before) if after else "",
            "next": link(name, before, following) if following else "",
            "link": link,
            "path": PATH,
        },
    )


@get("/moved")
async def moved(ctx: Context, after: str = "") -> Template:
    """`GET /app/x/rfm/moved`: who was in another segment a month ago, who spent the most first."""
    people, following = await repo.members(ctx, moved=True, after=after, limit=PAGE)
    return Template(
        "rfm/moved.html",
        context={
            "f": Formats(ctx),
            "people": people,
            "first": f"{PATH}/moved" if after else "",
            "next": f"{PATH}/moved?{urlencode({'after': following})}" if following else "",
            "link": link,
            "path": PATH,
        },
    )


async def in_use(ctx: Context) -> tuple[list[str], str]:
    """The names of the segments in use, the best first; none, and what is broken, if they cannot be read."""
    try:
        kept = await artefact_in_use(ctx, MANIFEST.name)
        return ([] if kept is None else segments.decode(kept).names), ""
    except (InvalidInput, NotFound) as error:
        return [], str(error)


def facts_of(known: Card) -> dict[str, Any]:
    """What the training in use tells; nothing without one."""
    version = known.in_use
    return version.trained.facts if version is not None and version.trained is not None else {}


def link(name: str, before: str = "", after: str = "") -> str:
    """The address of a segment's page."""
    given = {"name": name, "before": before, "after": after}
    return f"{PATH}/segment?{urlencode({key: value for key, value in given.items() if value})}"


def _shares(rows: Sequence[Figures]) -> Any:
    return charts.bars(
        "Share of customers and of money",
        [row.name for row in rows],
        {
            "Customers": [round(row.share * 100, 1) for row in rows],
            "Money spent": [round(row.money_share * 100, 1) for row in rows],
        },
        unit="%",
    )


def _spent_after(names: Sequence[str], facts: dict[str, Any], unit: str) -> Any:
    spent = facts.get("spent_after")
    if not spent or len(spent) != len(names):
        return None
    return charts.bars(
        "Spent a head in the last 90 days, by the segment they were in before",
        names,
        {"Spent a head": spent},
        unit=unit,
    )


def _matrix(moves: Moves) -> Any:
    counts = zip(moves.rows, (sum(row) for row in moves.counts), strict=True)
    return charts.heat(
        "From the segment on the left to the one above: share of customers a month later",
        [f"{name} ({count:,})" for name, count in counts],
        moves.columns,
        [[None if cell is None else round(cell) for cell in row] for row in moves.shares()],
        unit="%",
    )


def _sizes(names: Sequence[str], facts: dict[str, Any]) -> Any:
    told = [one for one in facts.get("months", ()) if len(one["sizes"]) == len(names)]
    if len(told) < 2 or len(names) < 2:
        return None
    series = {
        name: [round(one["sizes"][place] * 100, 1) for one in told]
        for place, name in enumerate(names)
    }
    days = [f"{date.fromisoformat(one['at']):%-d %b}" for one in told]
    return charts.lines("Share of customers in each segment", days, series, unit="%")


def _spans(today: date, past: Sequence[dict[str, Any]]) -> list[str]:
    """From when to when the movement is told: the last 30 days, then the months of the training."""
    spans = [(today - timedelta(days=movement.MONTH), today)]
    for told in past:
        end = date.fromisoformat(told["at"])
        spans.append((end - timedelta(days=movement.MONTH), end))
    return [f"{begin:%-d %b} to {end:%-d %b}" for begin, end in spans]
