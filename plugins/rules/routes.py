"""The page of the plugin: the table of rules with the shop's thresholds, and what each rule did."""

from __future__ import annotations

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, Formats
from plugins.rules import repo
from plugins.rules.manifest import RulesSettings
from plugins.rules.table import offers, table

PATH = "/app/x/rules/"


@get("/")
async def listing(ctx: Context) -> Template:
    """`GET /app/x/rules/`: every rule in words, and how many decisions it made in the last 30 days."""
    settings = ctx.settings(RulesSettings)
    return Template(
        "rules/table.html",
        context={
            "f": Formats(ctx),
            "rows": table(settings),
            "offers": offers(settings),
            "counts": await repo.counts(ctx),
            "most": repo.MOST,
            "days": repo.DAYS,
            "explore": settings.explore_share,
        },
    )
