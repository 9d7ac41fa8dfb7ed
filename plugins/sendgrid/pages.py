"""What pages and panels read of the events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.sdk import Frozen, InvalidInput
from plugins.sendgrid.events import decoded

if TYPE_CHECKING:
    from kernel.sdk import Context

DAYS = 30
WORDS = {
    "processed": "SendGrid took it",
    "deferred": "Put off by the recipient's server",
    "delivered": "Delivered",
    "bounce": "Came back for good",
    "blocked": "Refused this time",
    "dropped": "Not sent by SendGrid",
    "spamreport": "Reported as spam",
    "unsubscribe": "Unsubscribed",
    "group_unsubscribe": "Unsubscribed from a group",
    "group_resubscribe": "Subscribed to a group again",
    "open": "Opened, perhaps by a program",
    "machine_open": "Opened by a program",
    "click": "Followed a link, perhaps a program",
    "malformed": "Could not be read",
}
STRAY = {
    "nobody": "no mail of ours found",
    "stranger": "names what is not this shop's",
    "malformed": "cannot be read",
}


class Line(Frozen):
    """One event as a page shows it."""

    event_id: str
    kind: str
    words: str
    at: datetime
    received_at: datetime
    email: str
    how: str
    said: str
    """The reason or answer that came with it, as the other side wrote it; empty where there is none."""


class Standing(Frozen):
    """How the events stand."""

    last: datetime | None
    waiting: int
    counts: list[tuple[str, int]]
    """In words, and events of the last DAYS days; the most first."""
    stray: int
    """Of these, how many belong to no mail."""


async def of_message(ctx: Context, message_id: UUID) -> list[Line]:
    """What was told of a message, in the order in which it happened; the first hundred."""
    rows = await ctx.db.fetch(
        """SELECT event_id, kind, at, received_at, email, how, raw FROM sendgrid_event
           WHERE tenant_id = $1 AND message_id = $2 ORDER BY at, received_at, event_id LIMIT 100""",
        ctx.tenant.id,
        message_id,
    )
    return [_line(row) for row in rows]


async def stray(ctx: Context, after: str = "", limit: int = 25) -> tuple[list[Line], str]:
    """Events that belong to no mail, the newest first; and `after` of the next page, empty at the end.

    Raises:
        InvalidInput: there is no page `after`.
    """
    moment, _, last = after.partition("~")
    try:
        before = datetime.fromisoformat(moment) if after else ctx.now + timedelta(days=1)
    except ValueError:
        before = None
    if before is None or before.tzinfo is None or "\0" in last:
        raise InvalidInput("This page does not exist.", "Begin again at the first.")
    rows = await ctx.db.fetch(
        """SELECT event_id, kind, at, received_at, email, how, raw FROM sendgrid_event
           WHERE tenant_id = $1 AND how IN ('nobody', 'stranger', 'malformed')
             AND (received_at, event_id) < ($2, $3)
           ORDER BY received_at DESC, event_id DESC LIMIT $4""",
        ctx.tenant.id,
        before,
        last,
        limit + 1,
    )
    found = [_line(row) for row in rows[:limit]]
    more = len(rows) > limit
    return found, f"{found[-1].received_at.isoformat()}~{found[-1].event_id}" if more else ""


async def standing(ctx: Context) -> Standing:
    """Counts, what waits, and when the last event came."""
    head = await ctx.db.fetchrow(
        """SELECT (SELECT max(received_at) FROM sendgrid_event WHERE tenant_id = $1) AS last,
             (SELECT count(*) FROM sendgrid_event WHERE tenant_id = $1 AND due_at IS NOT NULL)
               AS waiting""",
        ctx.tenant.id,
    )
    rows = await ctx.db.fetch(
        """SELECT kind, sum(events)::bigint AS events,
             coalesce(sum(events) FILTER (WHERE how IN ('nobody', 'stranger', 'malformed')), 0)::bigint
               AS stray
           FROM sendgrid_count WHERE tenant_id = $1 AND day > $2 GROUP BY kind
           ORDER BY events DESC, kind""",
        ctx.tenant.id,
        ctx.now.date() - timedelta(days=DAYS),
    )
    return Standing(
        last=head["last"],
        waiting=head["waiting"],
        counts=[(WORDS.get(row["kind"], row["kind"]), row["events"]) for row in rows],
        stray=sum(row["stray"] for row in rows),
    )


def _line(row: Any) -> Line:
    given = decoded(bytes(row["raw"]))
    said = next((v for k in ("reason", "response") if isinstance(v := given.get(k), str)), "")
    return Line(
        event_id=row["event_id"],
        kind=row["kind"],
        words=WORDS.get(row["kind"], row["kind"]),
        at=row["at"],
        received_at=row["received_at"],
        email=row["email"],
        how=STRAY.get(row["how"], row["how"]),
        said=said[:300].encode(errors="replace").decode(),
    )
