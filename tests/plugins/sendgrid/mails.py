"""Messages at hand-over, with mails that share a variant."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from kernel.contracts.delivery import Rendered, Shared
from tests.plugins.attempting import attempted, with_mail

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core

SHARED = Shared(
    key="variant-1",
    subject="For %a1f0-name%: 10 % off",
    html="<html><body><p>Dear %a1f0-html%, you have %a1f0-points%.</p></body></html>",
    text="Dear %a1f0-name%, you have %a1f0-points%.\n\nOak & Alder",
    marks={
        "%a1f0-name%": ("first_name", False),
        "%a1f0-html%": ("first_name", True),
        "%a1f0-points%": ("points", False),
    },
)


def mail(first_name: str = "Ada", shared: Shared | None = SHARED, **headers: str) -> Rendered:
    """A mail and what it was made from."""
    text = first_name
    return Rendered(
        subject=f"For {text}: 10 % off",
        html=f"<html><body><p>Dear {html.escape(text)}, you have 7.</p></body></html>",
        text=f"Dear {text}, you have 7.\n\nOak & Alder",
        headers={"List-Unsubscribe": "<https://mail.test/u/1>", **headers},
        slots={"first_name": text, "points": 7},
        shared=shared,
    )


async def attempting(
    core: Core, count: int = 1, tenant: str = "alpha", **changes: Any
) -> list[Outgoing]:
    """So many messages of one campaign, being attempted; `changes` are of the mail."""
    batch = await attempted(core, count, tenant)
    return [with_mail(message, mail(f"Ada {n} <b>", **changes)) for n, message in enumerate(batch)]
