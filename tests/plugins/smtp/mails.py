"""Messages at hand-over."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.delivery import Rendered
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core

LINK = "https://mail.test/u/" + "x" * 90


def mail(name: str = "Ada", **headers: str) -> Rendered:
    """A mail to somebody of this name."""
    return Rendered(
        subject=f"For {name}: 10 % off",
        html=f"<html><body><p>Dear {html.escape(name)}, grüße.</p></body></html>",
        text=f"Dear {name}, grüße.\n.\n.. two dots\n\nOak & Alder",
        headers={
            "List-Unsubscribe": f"<{LINK}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            **headers,
        },
    )


async def attempting(
    core: Core, count: int = 1, tenant: str = "alpha", **changes: Any
) -> list[Outgoing]:
    """So many messages of one campaign, being attempted; `changes` are of the mail."""
    async with core.tenant_scope(tenant) as ctx:
        ids = await add_customers(ctx, count)
        batch = await add_messages(ctx, await add_campaign(ctx), ids)
    return [with_mail(message, mail(**changes)) for message in batch]


def with_mail(message: Outgoing, rendered: Rendered, **recipient: Any) -> Outgoing:
    """The message with this mail, to somebody who differs in `recipient`."""
    who = msgspec.structs.replace(message.recipient, **recipient)
    return msgspec.structs.replace(message, rendered=rendered, recipient=who)
