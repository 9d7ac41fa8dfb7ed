"""What the outbox shows on the page of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Panel
from plugins.outbox import repo

if TYPE_CHECKING:
    from kernel.sdk import Context


async def stored(ctx: Context, message: Any) -> dict[str, Any] | None:
    """The mails that the outbox holds of the message; left out when there is none."""
    found = await repo.mails(ctx, message.id)
    if not found:
        return None
    return {
        "mails": found,
        "file": f"/app/x/outbox/mail/{message.id}.eml",
        "twice": len(found) > 1,
    }


STORED = Panel(
    name="stored",
    title="In the outbox",
    place="message",
    template="outbox/stored.html",
    data=stored,
)
