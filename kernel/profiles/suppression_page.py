"""The suppression list as an admin may see it: hashes, reasons and times."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidInput
from kernel.contracts.profiles import SuppressionReason
from kernel.profiles.suppression import key_ids

if TYPE_CHECKING:
    from kernel.contracts.context import Context

_PAGE = """
SELECT email_hmac, topic, reason, at, key_id FROM profiles_suppression
WHERE tenant_id = $1 AND ($2::timestamptz IS NULL OR (at, email_hmac, topic) < ($2, $3, $4))
ORDER BY at DESC, email_hmac DESC, topic DESC LIMIT $5
"""


class SuppressionLine(Frozen):
    """A row of the list as an admin may see it: the hash in hex, never an address."""

    email_hmac: str
    topic: str
    reason: SuppressionReason
    at: datetime
    readable: bool
    """False: sealed with a secret this installation no longer has, so nobody is recognised by it."""


class SuppressionPage(Frozen):
    """Some of the list, newest first, and `next`, to be passed as `after`; empty at the end."""

    lines: tuple[SuppressionLine, ...]
    next: str = ""


async def page(ctx: Context, after: str = "", limit: int = 50) -> SuppressionPage:
    """The list for an admin, newest first: hashes, reasons and times; at most 200 at once."""
    at, hmac, topic = None, b"", ""
    if after:
        try:
            moment, hexed, topic = after.split("|", 2)
            at, hmac = datetime.fromisoformat(moment), bytes.fromhex(hexed)
        except ValueError:
            raise InvalidInput("This page does not exist.", "Begin again at the newest.") from None
    limit = max(1, min(limit, 200))
    rows = await ctx.db.fetch(_PAGE, ctx.tenant.id, at, hmac, topic, limit + 1)
    ours = key_ids(ctx)
    lines = tuple(
        SuppressionLine(
            email_hmac=row["email_hmac"].hex(),
            topic=row["topic"],
            reason=row["reason"],
            at=row["at"],
            readable=row["key_id"] in ours,
        )
        for row in rows[:limit]
    )
    last = lines[-1] if len(rows) > limit else None
    return SuppressionPage(
        lines=lines, next=f"{last.at.isoformat()}|{last.email_hmac}|{last.topic}" if last else ""
    )
