"""Dead letters: deliveries that failed for good, to be looked at and run again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidInput, NotFound
from kernel.events.wake import wake

if TYPE_CHECKING:
    from kernel.contracts.context import Context

PAGE = 50


class DeadLetter(Frozen):
    """One event that one subscription could not handle. `mark` is where the next page begins."""

    event_id: int
    subscription: str
    type: str
    occurred_at: datetime | None
    attempts: int
    error: str
    died_at: datetime
    mark: str


_PAGE = """
SELECT d.event_id, d.subscription, d.attempts, d.error, d.updated_at AS died_at,
       coalesce(e.type, '') AS type, e.occurred_at
FROM events_delivery d LEFT JOIN events_event e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
WHERE d.tenant_id = $1 AND d.state = 'dead' AND (d.event_id, d.subscription) > ($2, $3)
ORDER BY d.event_id, d.subscription LIMIT $4
"""

_REPLAY = """
UPDATE events_delivery
SET state = 'pending', attempts = 0, due_at = now(), updated_at = now()
WHERE tenant_id = $1 AND state = 'dead' AND ($2::bigint IS NULL OR event_id = $2)
  AND ($3 = '' OR subscription = $3)
"""


async def dead_page(ctx: Context, after: str = "", limit: int = PAGE) -> list[DeadLetter]:
    """At most `limit` dead letters, oldest event first, after the letter with the mark `after`."""
    event_id, _, subscription = after.partition(" ")
    if not (event_id or "0").isdecimal():
        raise InvalidInput(f"`{after}` is not a mark.", "Give the mark of a dead letter, or none.")
    rows = await ctx.db.fetch(_PAGE, ctx.tenant.id, int(event_id or 0), subscription, limit)
    return [DeadLetter(**row, mark=f"{row['event_id']} {row['subscription']}") for row in rows]


async def dead_count(ctx: Context) -> int:
    """How many dead letters the tenant has."""
    count: int = await ctx.db.fetchval(
        "SELECT count(*) FROM events_delivery WHERE tenant_id = $1 AND state = 'dead'",
        ctx.tenant.id,
    )
    return count


async def replay(ctx: Context, event_id: int, subscription: str) -> None:
    """Have one dead letter delivered again, with all its attempts before it.

    Raises:
        NotFound: there is no such dead letter.
    """
    if not await _replay(ctx, event_id, subscription):
        raise NotFound(
            f"There is no dead letter of event {event_id} for {subscription}.",
            "It may have been replayed already: see `mailwright events list`.",
        )


async def replay_all(ctx: Context, subscription: str = "") -> int:
    """Have all dead letters (of one subscription) delivered again; returns how many."""
    return await _replay(ctx, None, subscription)


async def _replay(ctx: Context, event_id: int | None, subscription: str) -> int:
    tag = await ctx.db.execute(_REPLAY, ctx.tenant.id, event_id, subscription)
    count = int(tag.rpartition(" ")[2])
    if count:
        wake(ctx, "kernel.deliver")
    return count
