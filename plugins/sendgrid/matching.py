"""Whose an event is: the message that it names, else what else it tells of it.

In this order: our own id, which travels with the mail; SendGrid's id of the request together with the
address; the Message-ID, learned from an earlier event that had our id, together with the address. Only
after an hour, when nothing better has come: the last mail to the address before. An event that names
what is not this tenant's is nobody's, however well the rest fits.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.sdk import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context

STRANGER = "stranger"
"""How an event was placed that names what is not this tenant's."""
PATIENCE = timedelta(hours=1)
"""How long an event waits for one that tells whose it is, and for our own record of the hand-over."""

_NAMED = """
SELECT m.id, m.customer_id, c.email FROM pipeline_message m
LEFT JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[])
"""
_REQUEST = """
SELECT m.id, m.customer_id, m.provider_id AS key, c.email FROM pipeline_message m
JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.provider_id = ANY($2::text[]) AND c.email = ANY($3::text[])
ORDER BY m.id
"""
_SMTP = """
SELECT m.id, m.customer_id, e.smtp_id AS key, e.email FROM sendgrid_event e
JOIN pipeline_message m ON m.tenant_id = $1 AND m.id = e.message_id
WHERE e.tenant_id = $1 AND e.kind = 'processed' AND e.how = 'message'
  AND e.smtp_id = ANY($2::text[]) AND e.email = ANY($3::text[])
ORDER BY m.id
"""
_ADDRESS = """
SELECT r.event_id, m.id, m.customer_id, c.email
FROM unnest($2::text[], $3::text[], $4::timestamptz[]) r (event_id, email, at)
JOIN profiles_customer c ON c.tenant_id = $1 AND c.email = r.email
CROSS JOIN LATERAL (
  SELECT m.id, m.customer_id FROM pipeline_message m
  JOIN pipeline_campaign k ON k.tenant_id = $1 AND k.id = m.campaign_id
  WHERE m.tenant_id = $1 AND m.customer_id = c.id AND k.channel = 'sendgrid'
    AND m.state IN ('attempting', 'accepted', 'unknown', 'rejected', 'delivered', 'bounced')
    AND m.attempted_at BETWEEN r.at - interval '7 days' AND r.at + interval '5 minutes'
  ORDER BY m.attempted_at DESC, m.id DESC LIMIT 1) m
"""
_CUSTOMERS = """
SELECT id, email FROM profiles_customer WHERE tenant_id = $1 AND email = ANY($2::text[])
"""


class Match(Frozen):
    """The message of an event."""

    message_id: UUID
    customer_id: int
    email: str | None
    """The address it was sent to, as far as is known: the customer's."""
    how: str
    """message | request | smtp | address"""


async def match(ctx: Context, events: Sequence[Any]) -> dict[str, Match]:
    """Event id -> its message; those that cannot be told yet are left out.

    Args:
        ctx: the tenant.
        events: rows of `repo.pick`.
    """
    events = [one for one in events if one["how"] != STRANGER]
    named = [one for one in events if one["named"] is not None]
    found = await _named(ctx, named)
    left = [one for one in events if one["named"] is None and one["email"]]
    for how, sql, column in (("request", _REQUEST, "request"), ("smtp", _SMTP, "smtp_id")):
        told = [one for one in left if one[column] and one["event_id"] not in found]
        found |= await _told(ctx, told, how, sql, column)
    late = [
        one
        for one in left
        if one["event_id"] not in found and ctx.now - one["received_at"] >= PATIENCE
    ]
    return found | await _address(ctx, late)


async def customers(ctx: Context, emails: Sequence[str]) -> dict[str, int]:
    """Address -> customer, of those that are a customer's."""
    if not emails:
        return {}
    rows = await ctx.db.fetch(_CUSTOMERS, ctx.tenant.id, list(emails))
    return {row["email"]: row["id"] for row in rows}


async def _named(ctx: Context, events: Sequence[Any]) -> dict[str, Match]:
    if not events:
        return {}
    rows = await ctx.db.fetch(_NAMED, ctx.tenant.id, list({one["named"] for one in events}))
    known = {row["id"]: _match(row, "message") for row in rows}
    return {one["event_id"]: known[one["named"]] for one in events if one["named"] in known}


async def _told(
    ctx: Context, events: Sequence[Any], how: str, sql: str, column: str
) -> dict[str, Match]:
    if not events:
        return {}
    keys, emails = {one[column] for one in events}, {one["email"] for one in events}
    rows = await ctx.db.fetch(sql, ctx.tenant.id, list(keys), list(emails))
    known = {(row["key"], row["email"]): _match(row, how) for row in rows}
    pairs = ((one["event_id"], (one[column], one["email"])) for one in events)
    return {event_id: known[pair] for event_id, pair in pairs if pair in known}


async def _address(ctx: Context, events: Sequence[Any]) -> dict[str, Match]:
    if not events:
        return {}
    rows = await ctx.db.fetch(
        _ADDRESS,
        ctx.tenant.id,
        [one["event_id"] for one in events],
        [one["email"] for one in events],
        [one["at"] for one in events],
    )
    return {row["event_id"]: _match(row, "address") for row in rows}


def _match(row: Any, how: str) -> Match:
    return Match(message_id=row["id"], customer_id=row["customer_id"], email=row["email"], how=how)
