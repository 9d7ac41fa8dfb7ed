"""Who knows what was really accepted: not our ledger, but the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.sendgrid import FakeSendGrid


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


class SendGridOracle:
    """A fake SendGrid that fails in every way it knows while it counts what it accepted."""

    channel = "sendgrid"
    FAULTS = ("500", "503", "429", "drop", "drop_after", "drop_midway", "503_after", "slow")

    def __init__(self, fake: FakeSendGrid, share: float = 0.02) -> None:
        self._fake = fake
        self.environment = {
            "SENDGRID_BASE_URL": fake.url,
            "SENDGRID_API_KEY": fake.api_key,
        }
        for kind in self.FAULTS:
            seconds = {"slow": 0.2, "429": 0.3}.get(kind)
            fake.fail(kind, share=share, **({"seconds": seconds} if seconds else {}))

    async def accepted(self) -> dict[str, int]:
        found: dict[str, int] = {}
        after = ""
        while page := self._fake.oracle.counts(after):
            found |= dict(page)
            after = page[-1][0]
        return found
