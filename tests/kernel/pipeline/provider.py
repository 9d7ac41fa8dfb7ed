"""A channel for tests that behaves as told, and knows exactly what it accepted: the oracle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kernel.sdk import Manifest, Receipt, hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from kernel.sdk import Channel, Context, Difference, Outgoing

MANIFEST = Manifest(
    name="provider",
    version="1.0.0",
    title="Provider",
    summary="A provider that fails on demand.",
    kind="channel",
    order=1,
)

BEHAVIOURS = ("accept", "reject", "retry", "lose", "refuse", "silent", "half")


class Provider:
    """`behaviour` decides each hand-over; `accepted` holds every acceptance, doubles included."""

    name = "provider"

    def __init__(self) -> None:
        self.behaviour = "accept"
        self.knows = True
        self.accepted: list[UUID] = []
        self.given: list[Outgoing] = []
        self.differences: list[Difference] | None = []
        self.asked: list[tuple[datetime, datetime]] = []
        self.retry_at: datetime | None = None
        self.halt = ""
        self.hold: asyncio.Event | None = None
        self.at_once = self.most_at_once = 0

    async def send(self, ctx: Context, batch: Sequence[Outgoing]) -> list[Receipt]:
        """Accept, reject, ask for a retry, lose the answer, refuse the connection …"""
        self.given += batch
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.hold is not None:
                await self.hold.wait()
            return self._answer([message.id for message in batch])
        finally:
            self.at_once -= 1

    def _answer(self, ids: list[UUID]) -> list[Receipt]:
        if self.halt:
            return [
                Receipt(message_id=key, state="rejected", reason="key", halt=self.halt)
                for key in ids
            ]
        if self.behaviour == "reject":
            return [Receipt(message_id=key, state="rejected", reason="no such box") for key in ids]
        if self.behaviour == "retry":
            return [
                Receipt(message_id=key, state="retry", reason="slow down", retry_at=self.retry_at)
                for key in ids
            ]
        if self.behaviour == "refuse":
            raise ConnectionRefusedError("nothing was taken")
        if self.behaviour == "half":
            ids = ids[::2]
        self.accepted += ids
        if self.behaviour == "lose":
            raise TimeoutError("taken, but the answer was lost")
        if self.behaviour == "silent":
            return []
        return [Receipt(message_id=key, state="accepted", provider_id="p") for key in ids]

    async def settle(self, ctx: Context, message_ids: Sequence[UUID]) -> list[Receipt]:
        """What it knows for certain, if it can be asked at all."""
        if not self.knows:
            return []
        return [
            Receipt(message_id=key, state="accepted" if key in self.accepted else "retry")
            for key in message_ids
        ]

    async def reconcile(
        self, ctx: Context, since: datetime, until: datetime
    ) -> Sequence[Difference]:
        """The differences it was given; None: it cannot say."""
        self.asked.append((since, until))
        if self.differences is None:
            raise TimeoutError("no answer")
        return self.differences


PROVIDER = Provider()


@hookimpl
def channels() -> list[Channel]:
    return [PROVIDER]
