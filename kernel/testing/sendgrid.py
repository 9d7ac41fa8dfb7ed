"""A fake SendGrid that speaks the v3 API over HTTP, posts signed events, and knows exactly what it accepted.

async with FakeSendGrid() as fake:
    os.environ["SENDGRID_BASE_URL"] = fake.url

docs/fake-sendgrid.md tells what it answers and how to make it fail.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

from kernel.tenancy.core import SystemClock
from kernel.testing.fake_http import HttpFake
from kernel.testing.fake_mail import TakesMail
from kernel.testing.sendgrid_api import SCOPES, Api, scopes
from kernel.testing.sendgrid_control import Control
from kernel.testing.sendgrid_faults import SendGridRule
from kernel.testing.sendgrid_lists import Domains, Lists
from kernel.testing.sendgrid_logs import Logs
from kernel.testing.sendgrid_send import Received
from kernel.testing.sendgrid_store import Accepted, Store
from kernel.testing.sendgrid_webhook import EventSettings, Webhook

__all__ = ["Accepted", "EventSettings", "FakeSendGrid", "Received"]

API_KEY = "SG.fake.0000"


class FakeSendGrid(TakesMail, HttpFake):
    """A server on a port of this machine, from `async with` to its end.

    Args:
        port: 0 for any free one.
        api_key: one that may do everything.
        seed: of ids, lots and events: the same requests in the same order meet the same.
        keep: how many of the newest accepted requests are kept in full, for `received()`.
        clock: epoch seconds.
        host: where to listen.
        folder: where the file of what was accepted is made.
    """

    RULE = SendGridRule

    def __init__(
        self,
        port: int = 0,
        *,
        api_key: str = API_KEY,
        seed: int = 0,
        keep: int = 2000,
        clock: Callable[[], float] | None = None,
        host: str = "127.0.0.1",
        folder: Path | None = None,
    ) -> None:
        system = SystemClock()
        self.api_key = api_key
        self.oracle = Store(folder)
        self.api = Api(clock or (lambda: system.now().timestamp()), self.oracle, seed, keep)
        self.api.keys[api_key] = frozenset(SCOPES)
        Logs(self.api)
        self.lists = Lists(self.api)
        """Who gets no mail: `put("bounces", "a@b.test", at=…)`; `erased()`."""
        self.domains = Domains(self.api)
        """What is authenticated: `put("shop.example", valid=False)`."""
        self.webhook = Webhook(self.oracle, self.api.clock)
        self.api.on_accepted = self.webhook.wake
        self.api.control = Control(self).handle
        self.api.add("GET", "/v3/scopes", "other", "mail.send", scopes(self.api))
        self.faults = self.api.faults
        super().__init__(self.api, port, host)

    async def __aenter__(self) -> Self:
        self.webhook.start()
        return await super().__aenter__()

    async def _ended(self, error: BaseException | None) -> None:
        await self.webhook.stop()
        await super()._ended(error)

    # --- who may

    def key(self, key: str, *allowed: str) -> None:
        """A further key, with these scopes only."""
        self.api.keys[key] = frozenset(allowed)

    def revoke(self, key: str | None = None) -> None:
        """A key is let in no more: 401."""
        self.api.keys.pop(key or self.api_key, None)

    def only(self, *, subusers: set[str] | None = None, senders: set[str] | None = None) -> None:
        """Whom it knows: subusers by name, senders by address or domain. None: anybody; others get 403."""
        self.api.subusers, self.api.senders = subusers, senders

    def limit(self, requests: int | None, *, other: int | None = 600, seconds: float = 60) -> None:
        """Rate limits from now on, with X-RateLimit headers; None for no limit and no headers.

        Args:
            requests: of `mail/send` in a window.
            other: of everything else.
            seconds: of a window.
        """
        for limit, number in ((self.api.send_limit, requests), (self.api.other_limit, other)):
            limit.__init__(self.api.clock, number, seconds)  # type: ignore[misc]

    def reset(self) -> None:
        """Forgets what was accepted, all faults and what is counted."""
        self.webhook.reset()
        self.oracle.reset()
        self.api.kept.clear()
        self.faults.clear()
        self.faults.struck.clear()
        self.api.asked.clear()
        self.api.statuses.clear()
        self.api.requests = 0

    # --- what it did

    def totals(self) -> dict[str, Any]:
        """What was accepted (`Store.totals`), the `sent` requests to mail/send, those `asked` of everything else by operation, `statuses` of all answers
        (`before`, `midway` where the connection was cut), faults that `struck`, `events`
        answered with 2xx and their posts by status (`posted`).
        """
        return {
            **self.oracle.totals(),
            "sent": self.api.requests,
            "asked": self.api.asked,
            "statuses": self.api.statuses,
            "struck": self.faults.struck,
            "posted": self.webhook.posted,
            "events": self.webhook.events,
        }

    def received(self, message: str) -> list[Received]:
        """What the recipients of a message got, one for each acceptance that is still kept in full."""
        found = (self.api.received(row) for row in self.accepted(message))
        return [one for one in found if one]

    # --- what becomes of mail

    @property
    def public_key(self) -> str:
        """That the webhook's posts are signed with, in base64."""
        return self.webhook.signer.public_key

    def events(self, url: str = "", **settings: Any) -> EventSettings:
        """From now on things happen to what was accepted, and are told at `url`.

        Args:
            url: of the webhook; empty for the logs only.
            settings: of `EventSettings`: `hold`, `twice`, `late`, `shuffle`, `bare`, `behaviour`, ….
        """
        made = msgspec.convert({"url": url, **settings}, EventSettings)
        self.webhook.set(made)
        return made

    def emit(self, message: str, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """As `Webhook.emit`: lets something more happen to a message."""
        return self.webhook.emit(message, kind, **fields)

    async def deliver(self) -> int:
        """Lets everything happen that is due, and waits until it is told. How many events were taken."""
        return await self.webhook.deliver()


if __name__ == "__main__":
    from kernel.cli.fake_sendgrid import command

    command()
