"""What other pages show: a customer's segment and what it means; on the first page, all segments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel, card, traits_of
from plugins.rfm import words
from plugins.rfm.manifest import MANIFEST
from plugins.rfm.model import BEFORE, CELL, SEGMENT
from plugins.rfm.movement import NEW
from plugins.rfm.routes import PATH, facts_of, in_use, link

if TYPE_CHECKING:
    from kernel.sdk import Context, Customer

_POINTS = ("Recency", "Frequency", "Money")


async def segment(ctx: Context, customer: Customer) -> dict[str, Any] | None:
    """The customer's segment; left out where they have none."""
    traits = (await traits_of(ctx, [customer.id])).get(customer.id, {})
    name = traits.get(SEGMENT)
    if not name:
        return None
    names, _ = await in_use(ctx)
    points = str(traits.get(CELL) or "").split("-")
    return {
        "name": name,
        "rank": names.index(name) + 1 if name in names else None,
        "count": len(names),
        "points": list(zip(_POINTS, points, strict=False)) if len(points) == len(_POINTS) else [],
        "before": traits.get(BEFORE),
        "NEW": NEW,
        "meaning": words.meaning(name),
        "link": link,
    }


async def all_segments(ctx: Context, _: object) -> dict[str, Any] | None:
    """Shares of customers and money as the last training found them; left out before the first one."""
    facts = facts_of(await card(ctx, MANIFEST.name))
    if not facts.get("segments"):
        return None
    return {
        "f": Formats(ctx),
        "rows": facts["segments"],
        "alarms": facts.get("alarms", ()),
        "link": link,
        "path": PATH,
    }


SEGMENT_OF = Panel(
    name="segment",
    title="Segment",
    place="customer",
    template="rfm/panel.html",
    data=segment,
    order=10,
)

SEGMENTS = Panel(
    name="segments",
    title="Segments",
    place="home",
    template="rfm/home.html",
    data=all_segments,
    order=30,
)
