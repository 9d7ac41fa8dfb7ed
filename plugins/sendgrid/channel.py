"""The channel `sendgrid`: batch in, one receipt a message out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Receipt
from plugins.sendgrid import logs
from plugins.sendgrid.client import account
from plugins.sendgrid.handover import HandOver
from plugins.sendgrid.reconcile import differences

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context, Difference, Outgoing


class SendGrid:
    """Implements `kernel.sdk.Channel` by SendGrid's v3 API."""

    name = "sendgrid"

    async def send(self, ctx: Context, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Post the batch, in time for the dispatch. Without a key nothing is tried and sending stops."""
        who = account(ctx)
        if who.problem:
            return [
                Receipt(message_id=m.id, state="retry", reason=who.problem, halt=who.problem)
                for m in batch
            ]
        return await HandOver(ctx, who, batch).run()

    async def settle(self, ctx: Context, message_ids: Sequence[UUID]) -> Sequence[Receipt]:
        """Those that SendGrid's own log holds, an hour and more after the attempt."""
        who = account(ctx)
        return () if who.problem else await logs.settle(ctx, who, message_ids)

    async def reconcile(
        self, ctx: Context, since: datetime, until: datetime
    ) -> Sequence[Difference]:
        """The ledger beside SendGrid's events and its log."""
        return await differences(ctx, account(ctx), since, until)


SENDGRID = SendGrid()
