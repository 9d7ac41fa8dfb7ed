"""The suppression list, as the gate asks it: the kernel keeps it (`kernel.sdk.suppress`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import Suppressed, suppressed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from kernel.sdk import Context


async def listed(
    ctx: Context, emails: Iterable[str | None], ignore_unreadable: bool = False
) -> dict[str, Suppressed]:
    """Those of the addresses that get no mail at all, as they were given.

    Raises:
        Unavailable: part of the list was sealed with another secret, so nobody can say who is on it.
    """
    found = await suppressed(ctx, emails, ignore_unreadable)
    return {email: entries[0] for email, entries in found.items() if not entries[0].topic}


async def may_undo(ctx: Context, email: str | None, message_id: UUID) -> bool:
    """Whether the unsubscription made through this message may be taken back: by who was subscribed."""
    listing = (await listed(ctx, [email], ignore_unreadable=True)).get(email or "")
    return (
        listing is not None
        and (listing.reason, listing.message_id) == ("unsubscribed", message_id)
        and listing.was == "subscribed"
    )
