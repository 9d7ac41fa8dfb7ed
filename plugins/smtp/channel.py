"""The channel `smtp`: batch in, one receipt a message out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Receipt
from plugins.smtp.account import account
from plugins.smtp.bounces import tell
from plugins.smtp.handover import HandOver
from plugins.smtp.pool import pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context, Difference, Outgoing


class Smtp:
    """Implements `kernel.sdk.Channel` by SMTP (RFC 5321)."""

    name = "smtp"

    async def send(self, ctx: Context, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """One transaction a message, in time for the dispatch. Without a server to send by, nothing is
        tried and sending stops.
        """
        who = account(ctx)
        if who.problem:
            return [
                Receipt(message_id=m.id, state="retry", reason=who.problem, halt=who.problem)
                for m in batch
            ]
        work = HandOver(ctx, who, pool(who), batch)
        receipts = await work.run()
        await tell(ctx, work.bounced)
        return receipts

    async def settle(self, ctx: Context, message_ids: Sequence[UUID]) -> Sequence[Receipt]:
        """Nothing: a mail server does not tell what it was given."""
        return ()

    async def reconcile(
        self, ctx: Context, since: datetime, until: datetime
    ) -> Sequence[Difference]:
        """Nothing: a mail server keeps no book that could be read."""
        return ()


SMTP = Smtp()
