"""The suppression list. It holds no address: a keyed hash recognises one, and cannot be turned back."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from kernel.sdk import Erased, Export, Unavailable, seal
from plugins.compliance.consent import Suppressed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernel.sdk import Context

PURPOSE = "compliance/suppression"

# The newest statement counts, but a complaint or a bounce is not softened into an unsubscription.
ADD = """
INSERT INTO compliance_suppression (tenant_id, email_hmac, key_id, reason, was, message_id, at)
VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)
ON CONFLICT (tenant_id, email_hmac) DO UPDATE
SET reason = excluded.reason, was = excluded.was, message_id = excluded.message_id, at = excluded.at
WHERE compliance_suppression.reason NOT IN ('complained', 'bounced')
"""


def normal(email: str) -> str:
    """The spelling under which two addresses are the same person's, for recognising only."""
    email = email.strip()
    if not email.isascii():
        email = unicodedata.normalize("NFC", email)
        name, _, domain = email.rpartition("@")
        with suppress(UnicodeError):
            email = f"{name}@{domain.encode('idna').decode()}"
    return email.lower()


def sealed(ctx: Context, email: str) -> bytes:
    """The keyed hash of an address."""
    return seal(ctx, PURPOSE, normal(email).encode())


def key_id(ctx: Context) -> str:
    """A name for the secret that rows are sealed with: it tells whether they can be recognised."""
    return seal(ctx, f"{PURPOSE}/key", b"")[:4].hex()


async def listed(
    ctx: Context, emails: Iterable[str | None], ignore_unreadable: bool = False
) -> dict[str, Suppressed]:
    """Those of the addresses that are on the list, as they were given.

    Raises:
        Unavailable: part of the list was sealed with another secret, so nobody can say who is on it.
    """
    given = {sealed(ctx, email): email for email in emails if email}
    ends = await ctx.db.fetchrow(
        """SELECT min(key_id) AS low, max(key_id) AS high FROM compliance_suppression
           WHERE tenant_id = $1""",
        ctx.tenant.id,
    )
    if ends["low"] is None:
        return {}
    if not ignore_unreadable and {ends["low"], ends["high"]} != {key_id(ctx)}:
        raise Unavailable(
            "Part of the suppression list was sealed with another secret, so it cannot be read.",
            "Set MAILWRIGHT_SECRET to what it was, or accept the loss with the compliance setting "
            "`ignore_unreadable`.",
        )
    rows = await ctx.db.fetch(
        """SELECT email_hmac, reason, at FROM compliance_suppression
           WHERE tenant_id = $1 AND email_hmac = ANY($2::bytea[])""",
        ctx.tenant.id,
        list(given),
    )
    return {
        given[bytes(row["email_hmac"])]: Suppressed(reason=row["reason"], at=row["at"])
        for row in rows
    }


async def add(
    ctx: Context, email: str, reason: str, was: dict[str, str], message_id: UUID | None = None
) -> None:
    """Put an address on the list, with what its consent `was` before."""
    await ctx.db.execute(
        ADD,
        ctx.tenant.id,
        sealed(ctx, email),
        key_id(ctx),
        reason,
        msgspec.json.encode(was).decode(),
        message_id,
        ctx.now,
    )


async def take_back(ctx: Context, email: str, message_id: UUID) -> bool:
    """Undo the unsubscription made through this message by someone who was subscribed before."""
    tag = await ctx.db.execute(
        """DELETE FROM compliance_suppression WHERE tenant_id = $1 AND email_hmac = $2
             AND reason = 'unsubscribed' AND message_id = $3 AND was ->> 'state' = 'subscribed'""",
        ctx.tenant.id,
        sealed(ctx, email),
        message_id,
    )
    return bool(tag != "DELETE 0")


async def export(ctx: Context, customer_id: int) -> Export:
    """The row of a customer's address, with the consent that was on record before."""
    email = await _email(ctx, customer_id)
    rows = await ctx.db.fetch(
        """SELECT reason, was::text AS was, message_id, at FROM compliance_suppression
           WHERE tenant_id = $1 AND email_hmac = $2""",
        ctx.tenant.id,
        sealed(ctx, email or ""),
    )
    return Export(rows={"compliance_suppression": [dict(row) for row in rows]})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Keeps the keyed hash alone: without it, a later import would bring the mails back."""
    email = await _email(ctx, customer_id)
    if not email:
        return Erased(rows=0)
    await add(ctx, email, "erased", {})
    tag = await ctx.db.execute(
        """UPDATE compliance_suppression SET was = '{}', message_id = NULL
           WHERE tenant_id = $1 AND email_hmac = $2""",
        ctx.tenant.id,
        sealed(ctx, email),
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))


async def _email(ctx: Context, customer_id: int) -> str | None:
    return await ctx.db.fetchval(
        "SELECT email FROM profiles_customer WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        customer_id,
    )
