"""What becomes of accepted mail: the histories of the fake SendGrid's recipients, as events of its webhook."""

from __future__ import annotations

import base64
import fnmatch
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from kernel.testing.sendgrid_store import Accepted

DELIVERED = ("processed", "delivered")
PATTERNS: dict[str, tuple[str, ...]] = {
    "bounce.test": ("processed", "bounce"),
    "blocked.test": ("processed", "blocked"),
    "dropped.test": ("dropped",),
    "deferred.test": ("processed", "deferred", "delivered"),
    "open.test": (*DELIVERED, "open"),
    "machine.test": (*DELIVERED, "machine_open"),
    "click.test": (*DELIVERED, "open", "click"),
    "spam.test": (*DELIVERED, "spamreport"),
    "unsubscribe.test": (*DELIVERED, "unsubscribe"),
    "group.test": (*DELIVERED, "group_unsubscribe"),
    "async-bounce.test": (*DELIVERED, "async_bounce"),
    "silent.test": (),
}
"""By the domain of the address; all others are delivered, and what `rates` add."""

_AGENT = {"useragent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "ip": "192.0.2.7"}
_REFUSED = {"reason": "550 5.1.1 The email account that you tried to reach does not exist"}
_FIELDS: dict[str, dict[str, Any]] = {
    "processed": {},
    "delivered": {"response": "250 2.0.0 OK", "ip": "198.51.100.1", "tls": 1},
    "deferred": {"response": "451 4.7.1 try again later", "attempt": "1"},
    "bounce": {**_REFUSED, "type": "bounce", "status": "5.1.1", "ip": "198.51.100.1", "tls": 1},
    "blocked": {
        "event": "bounce",
        "type": "blocked",
        "reason": "550 5.7.515 Access denied, sending domain does not meet the required level",
        "status": "5.7.515",
    },
    "async_bounce": {"event": "bounce", **_REFUSED, "type": "bounce", "status": "5.1.1"},
    "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
    "open": {**_AGENT, "sg_content_type": "html", "sg_machine_open": False},
    "machine_open": {
        "event": "open",
        "useragent": "Mozilla/5.0",
        "ip": "17.58.0.1",
        "sg_content_type": "html",
        "sg_machine_open": True,
    },
    "click": {**_AGENT, "url": "https://shop.example/", "url_offset": {"index": 0, "type": "html"}},
    "spamreport": {},
    "unsubscribe": {},
    "group_unsubscribe": {**_AGENT, "url": "https://u.sendgrid.test/"},
    "group_resubscribe": {**_AGENT, "url": "https://u.sendgrid.test/"},
}
KINDS = tuple(_FIELDS)
_SECONDS = {"processed": 0, "dropped": 0, "deferred": 1, "delivered": 2, "bounce": 2, "blocked": 2}


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who does what."""

    rules: list[tuple[str, list[str]]] = []
    """Pattern of an address and the kinds of its events in order; the first that fits decides."""
    rates: dict[str, float] = {}
    """Kind and share of all others: bounce, blocked, dropped and deferred in place of or before the
    delivery, the rest after it.
    """
    seed: int = 0

    def __post_init__(self) -> None:
        """Checks the words."""
        for kind in (*self.rates, *(kind for _, kinds in self.rules for kind in kinds)):
            if kind not in KINDS:
                raise ValueError(f"no event {kind!r}; there are {', '.join(KINDS)}")

    def of(self, row: Accepted) -> Sequence[str]:
        """The kinds of events of a recipient, in their order; the same ones each time."""
        address = row.recipient.lower()
        for pattern, kinds in self.rules:
            if fnmatch.fnmatch(address, pattern):
                return kinds
        domain = address.rpartition("@")[2]
        if domain in PATTERNS:
            return PATTERNS[domain]
        return (
            [*self._drawn(random.Random(f"{self.seed}/{row.sg_id}"))] if self.rates else DELIVERED
        )

    def _drawn(self, dice: random.Random) -> Iterator[str]:
        def falls(kind: str) -> bool:
            return dice.random() < self.rates.get(kind, 0.0)

        if falls("dropped"):
            yield "dropped"
            return
        yield "processed"
        for kind in ("bounce", "blocked"):
            if falls(kind):
                yield kind
                return
        if falls("deferred"):
            yield "deferred"
        yield "delivered"
        yield from (kind for kind in KINDS[KINDS.index("open") :] if falls(kind))
        if falls("async_bounce"):
            yield "async_bounce"


def make(row: Accepted, kind: str, number: int, **fields: Any) -> dict[str, Any]:
    """An event as the webhook tells it.

    Args:
        row: whose.
        kind: of `KINDS`.
        number: tells events of the same kind apart.
        fields: what is to stand in it instead; None takes a field out.
    """
    header_id = row.sg_id.partition(".")[0]
    own_id = base64.urlsafe_b64encode(f"{kind}-0-{row.sg_id}-{number}".encode()).rstrip(b"=")
    event: dict[str, Any] = {
        "email": row.recipient,
        "timestamp": int(row.at) + _SECONDS.get(kind, 60),
        "smtp-id": f"<{header_id}@geopod-ismtpd-1>",
        "event": kind,
        "sg_event_id": own_id.decode(),
        "sg_message_id": row.sg_id,
        **_args(row),
        **_FIELDS[kind],
    }
    if "categories" in row.extra:
        event["category"] = row.extra["categories"]
    if kind.startswith("group_"):
        event["asm_group_id"] = row.extra.get("group", 1)
    if kind == "async_bounce":
        strip(event)
    event.update(fields)
    return {name: value for name, value in event.items() if value is not None}


def strip(event: dict[str, Any]) -> None:
    """As asynchronous bounces and some complaints come: without custom args and with half an id."""
    for name in [name for name in event if name not in _OWN]:
        del event[name]
    event["sg_message_id"] = event["sg_message_id"].partition(".")[0]


_OWN = {
    *("email", "timestamp", "smtp-id", "event", "sg_event_id", "sg_message_id", "category", "type"),
    *("reason", "status", "response", "attempt", "ip", "tls", "useragent", "url", "url_offset"),
    *("sg_content_type", "sg_machine_open", "asm_group_id"),
}


def _args(row: Accepted) -> dict[str, Any]:
    if "args" in row.extra:
        args: dict[str, Any] = row.extra["args"]
        return args
    own = {"ae_message": row.message, "ae_tenant": row.tenant}
    return {name: value for name, value in own.items() if value}
