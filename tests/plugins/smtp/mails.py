"""Messages at hand-over."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from kernel.contracts.delivery import Rendered
from tests.plugins.attempting import attempted, with_mail

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
    batch = await attempted(core, count, tenant)
    return [with_mail(message, mail(**changes)) for message in batch]
