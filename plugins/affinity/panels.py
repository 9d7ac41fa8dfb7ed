"""What the page of a customer shows: what they may buy again, what is new to them, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Panel, traits_of
from plugins.affinity.model import AGAIN, NEW
from plugins.affinity.routes import link, names

if TYPE_CHECKING:
    from kernel.sdk import Context, Customer

SHOWN = 3


async def next_order(ctx: Context, customer: Customer) -> dict[str, Any] | None:
    """Both slots; left out where nothing was computed for the customer."""
    traits = (await traits_of(ctx, [customer.id])).get(customer.id, {})
    again, new = traits.get(AGAIN) or [], traits.get(NEW) or []
    if not again and not new:
        return None
    again, new = again[:SHOWN], new[:SHOWN]
    known = await names(ctx, {one["sku"] for one in (*again, *new)})
    slots = (("Buys again", again), ("New to them", new))
    return {"slots": slots, "names": known, "link": link}


NEXT_ORDER = Panel(
    name="next_order",
    title="Next order",
    place="customer",
    template="affinity/next_order.html",
    data=next_order,
    order=30,
)
