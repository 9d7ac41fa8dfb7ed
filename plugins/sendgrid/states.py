"""What became of a message, from all that was heard of it: the same for any order and any repetition.

    processed < deferred < dropped < delivered < bounced      (the furthest counts, nothing goes back)

Beside that stand facts that stay facts once heard: a complaint, an unsubscription, a bounce for good.
Opens and clicks prove that SendGrid has the mail, and are never engagement: programs open and follow.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

State = Literal["", "accepted", "rejected", "delivered", "bounced"]
Reason = Literal["bounced", "complained", "unsubscribed"]

UNSUBSCRIBED = ("unsubscribe", "group_unsubscribe")
SILENT = ("group_resubscribe", "malformed")
"""Kinds that say nothing of the mail: `group_resubscribe` is told of a person, and lifts nothing."""

_DROPPED: dict[str, Reason] = {
    "bounced address": "bounced",
    "unsubscribed address": "unsubscribed",
    "spam reporting address": "complained",
}


class Seen(Frozen):
    """One event of a message."""

    event_id: str
    kind: str
    at: datetime


class Fate(Frozen):
    """The sum of a history. Times are the earliest that was told; None where it never was."""

    state: State = ""
    """Of the ledger; empty while nothing was heard that proves anything."""
    delivered_at: datetime | None = None
    bounced_at: datetime | None = None
    hard: bool = False
    """Whether the bounce is for good."""
    complained_at: datetime | None = None
    unsubscribed_at: datetime | None = None
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    """Kind -> how often: deferrals, soft bounces, opens and the rest."""


HAD_IT = frozenset(("spamreport", *UNSUBSCRIBED))
"""Who says so has had the mail, whatever else was told of it: the kernel takes it so, too."""


def fate(history: Iterable[Seen]) -> Fate:
    """What became of a message. The order of the history and its repetitions do not matter."""
    events = {one.event_id: one for one in history}.values()
    first: dict[str, datetime] = {}
    for one in events:
        first[one.kind] = min(first.get(one.kind, one.at), one.at)
    bounced = first.get("bounce", first.get("blocked"))
    left = [first[kind] for kind in UNSUBSCRIBED if kind in first]
    return Fate(
        state=_state(first.keys() - set(SILENT)),
        delivered_at=first.get("delivered"),
        bounced_at=bounced,
        hard="bounce" in first,
        complained_at=first.get("spamreport"),
        unsubscribed_at=min(left, default=None),
        counts=dict(sorted(Counter(one.kind for one in events).items())),
    )


def _state(kinds: set[str]) -> State:
    if kinds & {"bounce", "blocked"}:
        return "bounced"
    if "delivered" in kinds:
        return "delivered"
    if "dropped" in kinds and not kinds & HAD_IT:
        return "rejected"
    return "accepted" if kinds else ""


def suppression(kind: str, reason: str = "") -> Reason | None:
    """Why the address of an event must not be written to again; None where it may.

    Args:
        kind: of the event.
        reason: what SendGrid gives as such; only that of `dropped` matters.
    """
    if kind == "bounce":
        return "bounced"
    if kind == "spamreport":
        return "complained"
    if kind in UNSUBSCRIBED:
        return "unsubscribed"
    return _DROPPED.get(reason.strip().lower()) if kind == "dropped" else None
