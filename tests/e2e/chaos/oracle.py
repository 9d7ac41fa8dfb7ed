"""Who knows what was really accepted: not our ledger, but the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from kernel.testing.sendgrid_events import Behaviour
from tests.e2e.chaos.webhook import served

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.testing.sendgrid import FakeSendGrid
    from kernel.testing.sendgrid_store import Accepted, Store
    from kernel.testing.smtp import FakeSmtp
    from tests.e2e.chaos.world import World

TAKEN = ("accepted", "delivered", "bounced")
SENDGRID_FAULTS = {
    **dict.fromkeys(("500", "503", "drop", "drop_after", "drop_midway", "503_after")),
    "429": 0.3,
    "slow": 0.2,
}
"""Kind -> its seconds, where it takes any."""
RATES = {
    "bounce": 0.01,
    "blocked": 0.01,
    "dropped": 0.005,
    "deferred": 0.03,
    "open": 0.1,
    "click": 0.03,
    "spamreport": 0.003,
    "unsubscribe": 0.005,
    "async_bounce": 0.005,
}
"""What happens to mail, beside being delivered, and to which share."""
EVENTS = """
SELECT due_at FROM sendgrid_event WHERE due_at IS NOT NULL UNION ALL SELECT NULL FROM sendgrid_post
"""
SMTP_FAULTS = (
    ("421", "connect", None),
    ("450", "rcpt", None),
    ("451", "mail", None),
    ("452", "data", None),
    ("550", "rcpt", None),
    ("554", "data", None),
    ("drop", "data", None),
    ("drop_dot", "data", None),
    ("drop_after", "data", None),
    ("stall", "data", 0.3),
    ("stall_after", "data", 0.3),
    ("slow", "data", 0.1),
)
"""Kind, the command that it answers, and its seconds, where it takes any."""


class Oracle(Protocol):
    """The other side, and its book."""

    channel: str
    certain: bool
    """Whether it says, when asked, what it has and has not: then nothing stays unknown."""
    taken: tuple[str, ...]
    """States of the ledger that say: it has this message."""
    environment: dict[str, str]
    """What workers must be told to reach it."""

    async def accepted(self, world: World) -> dict[str, int]:
        """Message id -> how often it was accepted."""
        ...

    async def tell(self, world: World) -> dict[str, str]:
        """It tells what it tells without being asked, and all of it is heard: message id -> where the
        ledger must have it from then on.
        """
        ...

    def faults(self) -> dict[str, int]:
        """Kind -> how often it failed so."""
        ...


class OutboxOracle:
    """The table of the outbox, which holds every hand-over as a row of its own. It never fails."""

    channel = "outbox"
    certain = True
    taken = TAKEN

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}

    async def accepted(self, world: World) -> dict[str, int]:
        async with world.core.system_scope("oracle") as unit:
            rows = await unit.fetch("SELECT message_id, count(*) n FROM outbox_mail GROUP BY 1")
        return {str(row["message_id"]): row["n"] for row in rows}

    async def tell(self, world: World) -> dict[str, str]:
        return dict.fromkeys(await self.accepted(world), "accepted")

    def faults(self) -> dict[str, int]:
        return {}


class SendGridOracle:
    """A fake SendGrid that fails in every way it knows while it counts what it accepted. The account has no
    books that we may read, so that nothing but events tells what became of mail.
    """

    channel = "sendgrid"
    certain = False
    taken = TAKEN

    def __init__(self, fake: FakeSendGrid, share: float = 0.02) -> None:
        self._fake = fake
        self.environment = {
            "SENDGRID_BASE_URL": fake.url,
            "SENDGRID_API_KEY": fake.api_key,
        }
        for kind, seconds in SENDGRID_FAULTS.items():
            fake.fail(kind, share=share, seconds=seconds)
        for book in ("logs", "messages"):
            fake.fail("403", times=10**9, on=book)

    async def accepted(self, world: World) -> dict[str, int]:
        return _counts(self._fake.oracle)

    async def tell(self, world: World) -> dict[str, str]:
        """All events of all mail, posted to the application over HTTP: late, twice, mixed up, with fields
        missing, bounces and complaints without our ids; folded by whatever workers there are.
        """
        await self._fake.recover()
        async with world.core.system_scope("the merchant turns on the signed webhook") as unit:
            await unit.execute(
                "UPDATE tenancy_plugin SET settings = $1::jsonb WHERE plugin = 'sendgrid'",
                msgspec.json.encode({"webhook_key": self._fake.public_key}).decode(),
            )
        behaviour = Behaviour(rates=RATES)
        async with served(world) as url:
            self._fake.events(
                f"{url}/t/alpha/sendgrid/events",
                hold=True,
                behaviour=behaviour,
                batch=100,  # about the size from which on posts are kept whole
                shuffle=True,
                twice=0.3,
                late=0.2,
                bare=0.5,
                retry_seconds=0.2,
                without={"smtp-id": 0.1, "sg_message_id": 0.1, "ae_message": 0.05},
            )
            await self._fake.deliver()
        while await world.wait(EVENTS):
            await world.turn_clock(1 / 60)  # folding is regular work: where it died, a minute helps
        return {row.message: fate(behaviour.of(row)) for row in _rows(self._fake.oracle)}

    def faults(self) -> dict[str, int]:
        posts = {f"post {status}": n for status, n in self._fake.webhook.posted.items()}
        return {**self._fake.faults.struck, **posts}


class SmtpOracle:
    """A mail server that fails in every way it knows while it counts what it took. It tells nothing
    afterwards, and answers nothing when asked.
    """

    channel = "smtp"
    certain = False
    taken = ("accepted", "delivered")
    """A bounce is a mailbox that does not exist, told before the server took the mail."""

    def __init__(self, fake: FakeSmtp, share: float = 0.02) -> None:
        assert fake.certificate is not None
        self._fake = fake
        self.environment = {
            "SMTP_HOST": f"{fake.host}:{fake.port}",
            "SMTP_USER": fake.user,
            "SMTP_PASSWORD": fake.password,
            "SMTP_CA_FILE": str(fake.certificate.path),
        }
        for kind, command, seconds in SMTP_FAULTS:
            fake.fail(kind, on=command, share=share, seconds=seconds)

    async def accepted(self, world: World) -> dict[str, int]:
        return _counts(self._fake.oracle)

    async def tell(self, world: World) -> dict[str, str]:
        return {}

    def faults(self) -> dict[str, int]:
        return self._fake.faults.struck


def fate(kinds: Sequence[str]) -> str:
    """Where the ledger must have a message to which this happened."""
    happened = set(kinds)
    if happened & {"bounce", "blocked", "async_bounce"}:
        return "bounced"
    return "delivered" if "delivered" in happened else "rejected"


def _counts(book: Store) -> dict[str, int]:
    found: dict[str, int] = {}
    after = ""
    while page := book.counts(after):
        found |= dict(page)
        after = page[-1][0]
    return found


def _rows(book: Store) -> Iterator[Accepted]:
    after = 0
    while page := book.accepted(after=after):
        yield from page
        after = page[-1].seq
