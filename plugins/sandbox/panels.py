"""What the sandbox shows on the home page."""

from __future__ import annotations

from typing import Any

from kernel.sdk import Context, Panel
from plugins.sandbox import repo

DAYS = 7


async def days(ctx: Context, _subject: Any) -> dict[str, Any] | None:
    """The last days in the pretend shop; left out where none was lived."""
    lived = await repo.days(ctx, DAYS)
    return {"days": lived, "tenant": ctx.tenant.id} if lived else None


WORLD = Panel(
    name="world",
    title="The pretend shop",
    place="home",
    template="sandbox/world.html",
    data=days,
    order=90,
)
