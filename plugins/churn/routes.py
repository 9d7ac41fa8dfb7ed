"""The page of the plugin: who is at risk with how much money, and how far the model can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, Formats, card, charts
from plugins.churn import risks, words
from plugins.churn.manifest import MANIFEST, ChurnSettings

if TYPE_CHECKING:
    from kernel.sdk import Card

PAGE = 25
DEEPEST = 100_000
PATH = "/app/x/churn/"


@get("/")
async def risk(ctx: Context, show: str = "risk", start: int = 0) -> Template:
    """`GET /app/x/churn/`: `show` is the group in the table (`likely`, `risk`, `lost`)."""
    settings, known = ctx.settings(ChurnSettings), await card(ctx, MANIFEST.name)
    horizon = horizon_of(known)
    told: dict[str, Any] = {"f": Formats(ctx), "card": known, "horizon": horizon}
    if horizon is None:
        return Template("churn/nothing.html", context=told)
    start = min(max(start, 0), DEEPEST)
    seen = await risks.overview(ctx, settings, horizon)
    chosen = next((one for one in seen.groups if one.name == show), seen.groups[1])
    rows = await risks.page(ctx, chosen, start, PAGE + 1)
    return Template(
        "churn/risk.html",
        context={
            **told,
            "seen": seen,
            "chosen": chosen,
            "rows": rows[:PAGE],
            "link": link,
            "first": link(chosen.name) if start else "",
            "next": link(chosen.name, start + PAGE) if len(rows) > PAGE else "",
            "today": lambda reason: words.today(reason, ctx.now, ctx.tenant.timezone),
            "spread": spread(seen, horizon),
            "weeks": weeks(seen),
            "judged": known.judged,
        },
    )


def horizon_of(known: Card) -> int | None:
    """How many days ahead the scores look that stand now; None where there are none."""
    version = known.in_use
    return version.trained.horizon_days if version is not None and version.trained else None


def link(show: str, start: int = 0) -> str:
    """The address of the page with a group in the table."""
    given = {"show": show if show != "risk" else "", "start": start or ""}
    text = urlencode({name: value for name, value in given.items() if value})
    return f"{PATH}?{text}" if text else PATH


def spread(seen: risks.Overview, horizon: int) -> Any:
    """How many customers have which chance of no order."""
    step = 100 // risks.BINS
    labels = [f"{low}–{low + step} %" for low in range(0, 100, step)]
    series = {group.title: list(group.bars) for group in seen.groups if group.customers}
    return charts.bars(
        f"Customers by their chance of no order within {horizon} days",
        labels,
        series,
        unit=" customers",
        stacked=True,
    )


def weeks(seen: risks.Overview) -> Any:
    """How many customers to expect week by week."""
    labels = [f"week {number}" for number in range(1, len(seen.weeks) + 1)]
    return charts.bars(
        "Customers expected to order next, by week from today",
        labels,
        {"Customers": [round(one, 1) for one in seen.weeks]},
        unit=" customers",
    )
