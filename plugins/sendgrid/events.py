"""What SendGrid posts, read one event at a time: nothing in it may stop the others from being kept."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MALFORMED = "malformed"
MESSAGE, TENANT = "ae_message", "ae_tenant"
"""The names under which our ids travel with a mail and come back with its events."""

_PARTS = msgspec.json.Decoder(list[msgspec.Raw])
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


class Received(Frozen):
    """One event as it is stored, before anybody asked whose it is."""

    event_id: str
    kind: str
    """As SendGrid names it; but `blocked` for a bounce that is not for good, `machine_open` for an open
    by a program, and `malformed` for what cannot be read.
    """
    at: datetime
    email: str
    """In small letters; empty where it is missing."""
    named: UUID | None
    """The message that it names."""
    request: str
    """SendGrid's id of the request that brought the mail (X-Message-Id); recipients may share it."""
    smtp_id: str
    stranger: bool
    """It names another tenant, or something that is no message of ours."""
    raw: bytes


def read(body: bytes, tenant: str, now: datetime) -> list[Received]:
    """The events in a post.

    Args:
        body: as it came; an array of objects where all is well.
        tenant: whose key signed it.
        now: when it came: the time of events that tell none.
    """
    return list(_read(body, tenant, now))


def _read(body: bytes, tenant: str, now: datetime) -> Iterator[Received]:
    parts = _parts(body)
    if parts is None:
        yield _malformed(body, now)
        return
    for raw in parts:
        given = decoded(raw)
        if isinstance(given.get("event"), str):
            yield _event(given, raw, tenant, now)
        else:
            yield _malformed(raw, now)


def decoded(raw: bytes) -> dict[str, Any]:
    """The fields of an event as it is kept; none where it is no object."""
    given = _loads(raw, msgspec.json.decode)
    return given if isinstance(given, dict) else {}


def _parts(body: bytes) -> list[bytes] | None:
    try:
        return [bytes(part) for part in _PARTS.decode(body)]
    except (ValueError, RecursionError):
        parts = _loads(body, json.loads)
        return [json.dumps(part).encode() for part in parts] if isinstance(parts, list) else None


def _loads(raw: bytes, first: Callable[[bytes], Any]) -> Any:
    """What JSON says. Half of a character, as of a text cut by its length, is no error to `json`."""
    for read in (first, json.loads):
        try:
            return read(raw)
        except (ValueError, RecursionError):
            continue
    return None


def _event(given: dict[str, Any], raw: bytes, tenant: str, now: datetime) -> Received:
    said = _text(given, MESSAGE, 100)
    named = _uuid(said)
    smtp_id = _text(given, "smtp-id", 300)
    request = _text(given, "sg_message_id", 300).partition(".")[0]
    return Received(
        event_id=_text(given, "sg_event_id", 200) or _digest(given),
        kind=_kind(given),
        at=_at(given.get("timestamp"), now),
        email=_text(given, "email", 320).strip().lower(),
        named=named,
        request=request or smtp_id.strip("<> ").partition("@")[0].partition(".")[0],
        smtp_id=smtp_id,
        stranger=(TENANT in given and given[TENANT] != tenant) or bool(said and named is None),
        raw=raw,
    )


def _malformed(raw: bytes, now: datetime) -> Received:
    return Received(
        event_id="-" + hashlib.sha256(raw).hexdigest(),
        kind=MALFORMED,
        at=now,
        email="",
        named=None,
        request="",
        smtp_id="",
        stranger=False,
        raw=raw,
    )


def _kind(given: dict[str, Any]) -> str:
    kind = _text(given, "event", 40)
    if kind == "bounce" and given.get("type") == "blocked":
        return "blocked"
    if kind == "open" and given.get("sg_machine_open") in (True, 1, "true", "True"):
        return "machine_open"
    return kind


def _text(given: dict[str, Any], name: str, longest: int) -> str:
    """A text that PostgreSQL can hold; empty for what is none, or too long to be what it should be."""
    value = given.get(name)
    if not isinstance(value, str) or len(value) > longest:
        return ""
    if not value.isascii():
        value = value.encode(errors="replace").decode()
    return value.replace("\0", "")


def _digest(given: dict[str, Any]) -> str:
    """An id of what is said, whatever the order it is said in."""
    return "-" + hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _at(value: Any, now: datetime) -> datetime:
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return now
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _LATEST else now
