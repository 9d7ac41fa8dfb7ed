"""What the page of a customer shows: their segment, its rank, the three points, and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Panel, traits_of
from plugins.rfm import words
from plugins.rfm.model import BEFORE, CELL, SEGMENT
from plugins.rfm.movement import NEW
from plugins.rfm.routes import in_use, link

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


SEGMENT_OF = Panel(
    name="segment",
    title="Segment",
    place="customer",
    template="rfm/panel.html",
    data=segment,
    order=10,
)
