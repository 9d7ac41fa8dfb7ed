"""What the outbox does once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from plugins.outbox import repo
from plugins.outbox.manifest import OutboxSettings

if TYPE_CHECKING:
    from kernel.sdk import Context


async def purge(ctx: Context, payload: dict[str, Any]) -> None:
    """Remove the content of mails older than `keep_days`, some thousand a transaction."""
    before = ctx.now - timedelta(days=ctx.settings(OutboxSettings).keep_days)
    emptied = 1
    while emptied:
        async with ctx.transaction() as tx:
            emptied = await repo.purge(tx, before)
