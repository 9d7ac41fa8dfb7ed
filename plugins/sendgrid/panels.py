"""What SendGrid told, on the page of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel
from plugins.sendgrid import pages

if TYPE_CHECKING:
    from kernel.sdk import Context

FOUND = {
    "request": "known by SendGrid's id and the address",
    "smtp": "known by its Message-ID and the address",
    "address": "known by the address alone: it may be about another mail",
}


async def told(ctx: Context, message: Any) -> dict[str, Any] | None:
    """The events of the message; left out when there is none."""
    lines = await pages.of_message(ctx, message.id)
    return {"f": Formats(ctx), "lines": lines, "found": FOUND} if lines else None


EVENTS = Panel(
    name="events",
    title="What SendGrid told",
    place="message",
    template="sendgrid/message.html",
    data=told,
    order=60,
)
