"""The queries on `sendgrid_event` and `sendgrid_count`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Erased, Export

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from kernel.sdk import Context
    from plugins.sendgrid.events import Received

# In the order of their ids: two posts that bring the same events wait for one another, never in a circle.
_STORE = """
INSERT INTO sendgrid_event (tenant_id, received_at, due_at, event_id, kind, at, email, named, request,
                            smtp_id, how, raw)
SELECT $1, $2, $2, e.*
FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::uuid[], $8::text[], $9::text[],
            $10::text[], $11::bytea[])
  e (event_id, kind, at, email, named, request, smtp_id, how, raw)
ON CONFLICT DO NOTHING
"""
_PICK = """
SELECT event_id, received_at, tries, kind, at, email, named, request, smtp_id, how, raw
FROM sendgrid_event
WHERE tenant_id = $1 AND due_at <= $2 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
"""
_SETTLE = """
UPDATE sendgrid_event e SET message_id = r.message_id, how = r.how, due_at = NULL
FROM unnest($2::text[], $3::uuid[], $4::text[]) r (event_id, message_id, how)
WHERE e.tenant_id = $1 AND e.event_id = r.event_id AND e.event_id = ANY($2::text[])
"""
_WAIT = """
UPDATE sendgrid_event e SET due_at = $3, tries = e.tries + $4
WHERE e.tenant_id = $1 AND e.event_id = ANY($2::text[])
"""
_COUNT = """
INSERT INTO sendgrid_count AS c (tenant_id, day, kind, how, events)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::bigint[])
ON CONFLICT (tenant_id, day, kind, how) DO UPDATE SET events = c.events + excluded.events
"""
_OF_CUSTOMER = """
(message_id IN (SELECT id FROM pipeline_message WHERE tenant_id = $1 AND customer_id = $2)
 OR (message_id IS NULL AND email <> '' AND email =
     (SELECT lower(email) FROM profiles_customer WHERE tenant_id = $1 AND id = $2)))
"""


async def store(ctx: Context, events: Sequence[Received]) -> int:
    """Keep what came, in one statement; how many of them were not here yet."""
    events = sorted(events, key=lambda one: one.event_id)
    tag = await ctx.db.execute(
        _STORE,
        ctx.tenant.id,
        ctx.now,
        [one.event_id for one in events],
        [one.kind for one in events],
        [one.at for one in events],
        [one.email for one in events],
        [one.named for one in events],
        [one.request for one in events],
        [one.smtp_id for one in events],
        ["stranger" if one.stranger else "" for one in events],
        [one.raw for one in events],
    )
    return int(tag.rpartition(" ")[2])


async def pick(ctx: Context, limit: int) -> list[Any]:
    """Events that wait to be folded, locked."""
    return await ctx.db.fetch(_PICK, ctx.tenant.id, ctx.now, limit)


async def settle(ctx: Context, found: Sequence[tuple[str, UUID | None, str]]) -> None:
    """These events (id, message, how it was found) need not be looked at again."""
    if found:
        ids, messages, hows = zip(*found, strict=True)
        await ctx.db.execute(_SETTLE, ctx.tenant.id, list(ids), list(messages), list(hows))


async def wait(ctx: Context, event_ids: Sequence[str], until: datetime, tries: int = 1) -> None:
    """These events are looked at again from then on."""
    if event_ids:
        await ctx.db.execute(_WAIT, ctx.tenant.id, list(event_ids), until, tries)


async def count(ctx: Context, counts: dict[tuple[str, str], int]) -> None:
    """Add to today's counts: (kind, how) -> events."""
    if counts:
        kinds, hows = zip(*sorted(counts), strict=True)
        events = [counts[key] for key in sorted(counts)]
        await ctx.db.execute(_COUNT, ctx.tenant.id, ctx.now.date(), list(kinds), list(hows), events)


async def histories(ctx: Context, message_ids: Sequence[UUID]) -> list[Any]:
    """message_id, event_id, kind, at: all that was heard of these messages."""
    return await ctx.db.fetch(
        """SELECT message_id, event_id, kind, at FROM sendgrid_event
           WHERE tenant_id = $1 AND message_id = ANY($2::uuid[])""",
        ctx.tenant.id,
        list(message_ids),
    )


async def purge(ctx: Context, before: datetime, limit: int = 5000) -> int:
    """Remove up to `limit` events that came before then and are folded; how many that were."""
    tag = await ctx.db.execute(
        """DELETE FROM sendgrid_event WHERE tenant_id = $1 AND event_id IN (
             SELECT event_id FROM sendgrid_event
             WHERE tenant_id = $1 AND received_at < $2 AND due_at IS NULL
             ORDER BY received_at LIMIT $3)""",
        ctx.tenant.id,
        before,
        limit,
    )
    return int(tag.rpartition(" ")[2])


async def export(ctx: Context, customer_id: int) -> Export:
    """All events of a customer's mails, and of the address where no mail was found."""
    rows = await ctx.db.fetch(
        f"""SELECT kind, at, email, message_id, received_at, raw FROM sendgrid_event
            WHERE tenant_id = $1 AND {_OF_CUSTOMER} ORDER BY at, event_id""",
        ctx.tenant.id,
        customer_id,
    )
    found = [{**row, "raw": bytes(row["raw"]).decode(errors="replace")} for row in rows]
    return Export(rows={"sendgrid_event": found})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Empty what SendGrid wrote of a customer; that it told of a mail, and of what kind, stays."""
    tag = await ctx.db.execute(
        f"""UPDATE sendgrid_event SET email = '', raw = ''
            WHERE tenant_id = $1 AND (email <> '' OR raw <> '') AND {_OF_CUSTOMER}""",
        ctx.tenant.id,
        customer_id,
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))
