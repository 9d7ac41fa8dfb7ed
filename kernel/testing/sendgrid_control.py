"""What tests and benchmarks ask of a fake SendGrid in another process: `/_fake/…`, without a key."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.testing.fake_http import Answer, json_answer
from kernel.testing.sendgrid_errors import Refused
from kernel.testing.sendgrid_faults import SendGridRule
from kernel.testing.sendgrid_webhook import EventSettings

if TYPE_CHECKING:
    from kernel.testing.fake_http import Request
    from kernel.testing.sendgrid import FakeSendGrid

_PAGE = 10_000


class FaultScript(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /_fake/faults`: rules to add."""

    rules: list[SendGridRule] = []
    clear: bool = False
    """Whether the old ones go first."""
    seed: int | None = None


class Limits(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /_fake/limits`; a number of None is no limit."""

    send: int | None = None
    other: int | None = 600
    seconds: float = 60
    latency: float = 0.0


class Emitted(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `POST /_fake/emit`: something that happens to a message."""

    message: str
    kind: str
    fields: dict[str, Any] = {}


class Control:
    """The operations on a fake."""

    def __init__(self, fake: FakeSendGrid) -> None:
        self.fake = fake

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """The server's call."""
        name = request.path.removeprefix("/_fake/")
        act = getattr(self, f"_{request.method.lower()}_{name}", None)
        if act is None:
            return Refused(404).answer()
        try:
            done = act(request)
        except (ValueError, msgspec.MsgspecError) as error:
            return Refused(400, (str(error), None)).answer()
        return done if isinstance(done, Answer | Awaitable) else json_answer(done)

    def _get_totals(self, request: Request) -> Any:
        return self.fake.totals()

    def _get_accepted(self, request: Request) -> Any:
        query = request.query
        limit = min(int(query.get("limit", 1000)), _PAGE)
        if query.get("by") == "message":
            counts = self.fake.oracle.counts(query.get("after", ""), limit, query.get("tenant"))
            return {"messages": counts}
        if query.get("by") == "twice":
            return {"messages": self.fake.oracle.twice(limit)}
        found = self.fake.oracle.accepted(
            message=query.get("message"),
            recipient=query.get("recipient"),
            tenant=query.get("tenant"),
            after=int(query.get("after", 0)),
            limit=limit,
        )
        return {"accepted": found}

    def _get_received(self, request: Request) -> Any:
        return {"received": self.fake.received(request.query["message"])}

    def _get_public_key(self, request: Request) -> Any:
        return {"public_key": self.fake.public_key}

    def _post_faults(self, request: Request) -> Any:
        script = msgspec.json.decode(request.body, type=FaultScript)
        if script.clear:
            self.fake.faults.clear()
        if script.seed is not None:
            self.fake.faults.seed = script.seed
        for rule in script.rules:
            self.fake.add_rule(rule)
        return {"rules": self.fake.faults.rules, "seed": self.fake.faults.seed}

    def _get_faults(self, request: Request) -> Any:
        return {"rules": self.fake.faults.rules, "struck": self.fake.faults.struck}

    def _post_limits(self, request: Request) -> Any:
        limits = msgspec.json.decode(request.body, type=Limits)
        self.fake.limit(limits.send, other=limits.other, seconds=limits.seconds)
        self.fake.latency = limits.latency
        return limits

    def _post_domains(self, request: Request) -> Any:
        return {"id": self.fake.domains.put(**msgspec.json.decode(request.body))}

    def _post_reset(self, request: Request) -> Any:
        self.fake.reset()
        return self.fake.totals()

    def _post_events(self, request: Request) -> Any:
        settings = msgspec.json.decode(request.body, type=EventSettings)
        self.fake.webhook.set(settings)
        return settings

    def _post_emit(self, request: Request) -> Any:
        event = msgspec.json.decode(request.body, type=Emitted)
        return {"events": self.fake.emit(event.message, event.kind, **event.fields)}

    async def _post_deliver(self, request: Request) -> Answer:
        return json_answer({"taken": await self.fake.deliver()})
