"""Who knows what was really accepted: not our ledger, but the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


class Oracle(Protocol):
    """The other side's book."""

    channel: str
    environment: dict[str, str]
    """What workers must be told to reach it."""

    async def accepted(self) -> dict[str, int]:
        """Message id -> how often it was accepted."""
        ...


class OutboxOracle:
    """The table of the outbox, which holds every hand-over as a row of its own."""

    channel = "outbox"

    def __init__(self, core: Core) -> None:
        self._core = core
        self.environment: dict[str, str] = {}

    async def accepted(self) -> dict[str, int]:
        async with self._core.system_scope("oracle") as unit:
            rows = await unit.fetch("SELECT message_id, count(*) n FROM outbox_mail GROUP BY 1")
        return {str(row["message_id"]): row["n"] for row in rows}
