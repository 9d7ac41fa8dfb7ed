"""What happened to each mail, written down: for the logs, for the suppression lists, and for the webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kernel.testing.sendgrid_events import Behaviour, make
from kernel.testing.sendgrid_store import Accepted, Store

Happened = tuple[Accepted, str, dict[str, Any]]

_LISTS = {
    "bounce": "bounces",
    "async_bounce": "bounces",
    "blocked": "blocks",
    "spamreport": "spam_reports",
    "unsubscribe": "unsubscribes",
}
_DROPS = {
    "bounces": "Bounced Address",
    "spam_reports": "Spam Reporting Address",
    "unsubscribes": "Unsubscribed Address",
    "invalid_emails": "Invalid",
}
_STATUS = {
    "processed": "processed",
    "deferred": "deferred",
    "delivered": "delivered",
    "bounce": "bounced",
    "async_bounce": "bounced",
    "blocked": "blocked",
    "dropped": "dropped",
}


def happen(store: Store, behaviour: Behaviour, rows: Sequence[Accepted]) -> list[dict[str, Any]]:
    """All events of these recipients, in their order; to the suppressed nothing is delivered."""
    made: list[Happened] = []
    for row in rows:
        kinds = behaviour.of(row)
        if kinds and (listed := suppressed(store, row)):
            made.append((row, "dropped", make(row, "dropped", 0, reason=listed)))
            continue
        own = [(row, kind, make(row, kind, 0)) for kind in kinds]
        for one in own:
            suppress(store, one)
        made += own
    record(store, made)
    return [event for _, _, event in made]


def suppressed(store: Store, row: Accepted) -> str:
    """Why SendGrid drops a mail to this address, or empty."""
    found = store.read(
        "SELECT list FROM suppression WHERE email = ? AND subuser = ?",
        row.recipient,
        row.subuser,
    )
    for (name,) in found:
        if name in _DROPS:
            return _DROPS[name]
        if name == f"group:{row.extra.get('group')}":
            return "Unsubscribed Address"
    return ""


def suppress(store: Store, happened: Happened) -> None:
    """Puts the address on the list that the event leads to, if it does."""
    row, kind, event = happened
    if kind == "group_resubscribe":
        store.change(
            "DELETE FROM suppression WHERE list = ? AND subuser = ? AND email = ?",
            f"group:{event['asm_group_id']}",
            row.subuser,
            row.recipient,
        )
    name = f"group:{event.get('asm_group_id')}" if kind == "group_unsubscribe" else _LISTS.get(kind)
    if name:
        store.change(
            "INSERT OR IGNORE INTO suppression VALUES (?, ?, ?, ?, ?, ?)",
            *(name, row.subuser, row.recipient, event.get("timestamp", int(row.at))),
            *(event.get("reason", ""), event.get("status", "")),
        )


def record(store: Store, made: Sequence[Happened]) -> None:
    """Writes events down, and what they make of each mail."""
    if not made:
        return
    store.write(
        "INSERT INTO event SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM event WHERE seq = ?1",
        [(row.seq, msgspec.json.encode(event)) for row, _, event in made],
    )
    store.write(
        "INSERT INTO state VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (seq) DO UPDATE SET "
        "status = coalesce(nullif(?2, ''), status), reason = coalesce(nullif(?3, ''), reason), "
        "at = max(at, ?4), opens = opens + ?5, clicks = clicks + ?6",
        [
            (
                *(row.seq, _STATUS.get(kind, ""), event.get("reason", event.get("response", ""))),
                *(event.get("timestamp", row.at), "open" in kind, kind == "click"),
            )
            for row, kind, event in made
        ],
    )
