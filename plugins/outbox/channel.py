"""The channel: hand-over is one INSERT, and what is in the table was accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Receipt
from plugins.outbox import repo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context, Difference, Outgoing


class Outbox:
    """Implements `kernel.sdk.Channel` with a table."""

    name = "outbox"

    async def send(self, ctx: Context, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Keep the batch. All of it is there after the transaction, or nothing."""
        async with ctx.transaction() as tx:
            kept = await repo.store(tx, batch)
        return [
            _accepted(message.id, kept[message.id])
            if message.id in kept
            else Receipt(
                message_id=message.id,
                state="unknown",
                reason="The ledger no longer attempts this message.",
            )
            for message in batch
        ]

    async def settle(self, ctx: Context, message_ids: Sequence[UUID]) -> Sequence[Receipt]:
        """Certain about every message: it is in the table, or it was never taken."""
        async with ctx.transaction() as tx:
            held = await repo.stored(tx, message_ids)
        return [
            _accepted(message_id, held[message_id])
            if message_id in held
            else Receipt(
                message_id=message_id,
                state="retry",
                reason="The outbox does not hold this message.",
            )
            for message_id in message_ids
        ]

    async def reconcile(
        self, ctx: Context, since: datetime, until: datetime
    ) -> Sequence[Difference]:
        """Nothing to compare: the mails lie beside the ledger, in the same database."""
        return ()


def _accepted(message_id: UUID, row: int) -> Receipt:
    return Receipt(message_id=message_id, state="accepted", provider_id=f"outbox-{row}")


OUTBOX = Outbox()
