"""The queries on `outbox_mail`."""

from __future__ import annotations

from datetime import datetime
from email.utils import formataddr
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from kernel.sdk import Erased, Export, Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Outgoing


class Mail(Frozen):
    """One mail as it would have gone out. After a purge html and text are empty."""

    id: int
    message_id: UUID
    to_email: str
    from_email: str
    subject: str
    headers: dict[str, str]
    html: str
    text: str
    at: datetime
    purged_at: datetime | None


# Only a message that the ledger is attempting right now is taken, and its row is held until we commit.
# So a worker that was presumed dead (its lease ran out, its message became unknown and was settled)
# cannot store the mail after all, and what `settle` said stays true.
STORE = """
INSERT INTO outbox_mail (tenant_id, message_id, customer_id, to_email, from_email, subject,
                         headers, html, text, at)
SELECT $1, b.* , $9
FROM (
  SELECT b.message_id, b.customer_id, b.to_email, $10::text, b.subject, b.headers::jsonb, b.html, b.text
  FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    b (message_id, customer_id, to_email, subject, headers, html, text)
  JOIN pipeline_message m ON m.tenant_id = $1 AND m.id = b.message_id AND m.state = 'attempting'
  FOR SHARE OF m
) b
RETURNING id, message_id
"""


async def store(tx: Context, batch: Sequence[Outgoing]) -> dict[UUID, int]:
    """Keep the batch, in one statement: message id -> row id, of those that were kept."""
    mails = [(message, message.rendered) for message in batch if message.rendered is not None]
    rows = await tx.db.fetch(
        STORE,
        tx.tenant.id,
        [message.id for message, _ in mails],
        [message.customer_id for message, _ in mails],
        [message.recipient.email or "" for message, _ in mails],
        [rendered.subject for _, rendered in mails],
        [msgspec.json.encode(rendered.headers).decode() for _, rendered in mails],
        [rendered.html for _, rendered in mails],
        [rendered.text for _, rendered in mails],
        tx.now,
        formataddr((tx.tenant.sender.name, tx.tenant.sender.email)),
    )
    return {row["message_id"]: row["id"] for row in rows}


async def stored(ctx: Context, message_ids: Sequence[UUID]) -> dict[UUID, int]:
    """The id of the first row of each message the outbox holds."""
    rows = await ctx.db.fetch(
        """SELECT message_id, min(id) AS id FROM outbox_mail
           WHERE tenant_id = $1 AND message_id = ANY($2::uuid[]) GROUP BY message_id""",
        ctx.tenant.id,
        list(message_ids),
    )
    return {row["message_id"]: row["id"] for row in rows}


async def mails(ctx: Context, message_id: UUID) -> list[Mail]:
    """What the outbox holds of a message: one mail, unless it was handed over twice."""
    rows = await ctx.db.fetch(
        """SELECT id, message_id, to_email, from_email, subject, headers, html, text, at, purged_at
           FROM outbox_mail WHERE tenant_id = $1 AND message_id = $2 ORDER BY id LIMIT 10""",
        ctx.tenant.id,
        message_id,
    )
    return [Mail(**{**row, "headers": msgspec.json.decode(row["headers"])}) for row in rows]


async def purge(ctx: Context, before: datetime, limit: int = 2000) -> int:
    """Empty up to `limit` mails older than `before`; how many were emptied."""
    tag = await ctx.db.execute(
        """UPDATE outbox_mail SET html = '', text = '', purged_at = $3
           WHERE tenant_id = $1 AND id IN (
             SELECT id FROM outbox_mail
             WHERE tenant_id = $1 AND at < $2 AND purged_at IS NULL ORDER BY at LIMIT $4)""",
        ctx.tenant.id,
        before,
        ctx.now,
        limit,
    )
    return int(tag.rpartition(" ")[2])


async def export(ctx: Context, customer_id: int) -> Export:
    """All mails to a customer."""
    rows = await ctx.db.fetch(
        """SELECT message_id, to_email, from_email, subject, headers, html, text, at
           FROM outbox_mail WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id""",
        ctx.tenant.id,
        customer_id,
    )
    found: list[dict[str, Any]] = [
        {**row, "headers": msgspec.json.decode(row["headers"])} for row in rows
    ]
    return Export(rows={"outbox_mail": found})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Empty the mails to a customer; the rows stay, so that the ledger still finds its receipts."""
    tag = await ctx.db.execute(
        """UPDATE outbox_mail SET to_email = '', subject = '', headers = '{}', html = '', text = '',
             purged_at = coalesce(purged_at, $3)
           WHERE tenant_id = $1 AND customer_id = $2 AND (to_email, subject, html, text)
             <> ('', '', '', '')""",
        ctx.tenant.id,
        customer_id,
        ctx.now,
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))
