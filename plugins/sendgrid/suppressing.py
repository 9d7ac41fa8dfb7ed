"""Whom an event takes out: put on the suppression list, and with a complaint or a wish, out of consent.

The list is the kernel's; until it is there this is the one place that knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import kernel.sdk
from kernel.sdk import set_consents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from kernel.sdk import Context
    from plugins.sendgrid.states import Reason

SOURCE = "sendgrid"


async def suppress(ctx: Context, email: str, reason: Reason, message_id: UUID | None) -> None:
    """Nobody writes to this address again, from this transaction on."""
    listed = getattr(kernel.sdk, "suppress", None)
    if listed is not None:
        await listed(ctx, email, reason, message_id)


async def leave(ctx: Context, left: Sequence[tuple[int, datetime]]) -> None:
    """These customers said at these times that they want no more; the latest time of each counts."""
    latest: dict[int, datetime] = {}
    for customer_id, at in left:
        latest[customer_id] = max(latest.get(customer_id, at), at)
    if latest:
        await set_consents(
            ctx, [(one, "unsubscribed", SOURCE, at) for one, at in sorted(latest.items())]
        )
