"""The way to the table of rules, on the first page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Panel
from plugins.rules.manifest import RulesSettings
from plugins.rules.routes import PATH
from plugins.rules.table import table

if TYPE_CHECKING:
    from kernel.sdk import Context


async def summary(ctx: Context, _: object) -> dict[str, Any]:
    """How many rules apply."""
    active = sum(row.active for row in table(ctx.settings(RulesSettings)))
    return {"active": active, "path": PATH}


TABLE = Panel(
    name="table",
    title="Rules",
    place="home",
    template="rules/panel.html",
    data=summary,
    order=80,
)
