"""The suppression list. It holds no address: a keyed hash recognises one, and cannot be turned back.

`kernel.sdk.suppress` (kernel/pipeline/suppressing.py) also takes out what is planned.
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress as ignoring
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.errors import InvalidInput, Unavailable
from kernel.contracts.profiles import ConsentKind, Suppressed, SuppressionReason
from kernel.profiles.consent_ledger import FORMER, MARKETING, Said, note, stranger
from kernel.tenancy.links import seal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from kernel.contracts.context import Context

PURPOSE = "compliance/suppression"
"""As it was when the list was the compliance plugin's: what was sealed then must stay recognised."""
REASONS: tuple[str, ...] = SuppressionReason.__args__  # type: ignore[attr-defined]

# The newest statement counts, but a complaint or a bounce is not softened into an unsubscription.
_ADD = """
INSERT INTO profiles_suppression
  (tenant_id, email_hmac, topic, key_id, reason, was, message_id, at)
VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7, $8)
ON CONFLICT (tenant_id, email_hmac, topic) DO UPDATE
SET reason = excluded.reason, was = excluded.was, message_id = excluded.message_id,
  at = excluded.at, key_id = excluded.key_id
WHERE profiles_suppression.reason NOT IN ('complained', 'bounced')
"""


def normal(email: str) -> str:
    """The spelling under which two addresses are the same person's, for recognising only."""
    email = email.strip()
    if not email.isascii():
        email = unicodedata.normalize("NFC", email)
        name, _, domain = email.rpartition("@")
        with ignoring(UnicodeError):
            email = f"{name}@{domain.encode('idna').decode()}"
    return email.lower()


def sealed(ctx: Context, email: str) -> bytes:
    """The keyed hash of an address."""
    return seal(ctx, PURPOSE, normal(email).encode())


def key_id(ctx: Context) -> str:
    """A name for the secret that rows are sealed with: it tells whether they can be recognised."""
    return seal(ctx, f"{PURPOSE}/key", b"")[:4].hex()


async def suppressed(
    ctx: Context, emails: Iterable[str | None], ignore_unreadable: bool = False
) -> dict[str, list[Suppressed]]:
    """Those of the addresses that are on the list, as they were given, with every entry of each; the
    one for everything (topic empty) comes first. Two queries, however many are asked for.

    Raises:
        Unavailable: part of the list was sealed with another secret, so nobody can say who is on it.
    """
    given: dict[bytes, list[str]] = {}
    for email in dict.fromkeys(emails):
        if email:
            given.setdefault(sealed(ctx, email), []).append(email)
    ends = await ctx.db.fetchrow(
        """SELECT min(key_id) AS low, max(key_id) AS high FROM profiles_suppression
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
        """SELECT email_hmac, topic, reason, message_id, at, was ->> 'state' AS was
           FROM profiles_suppression
           WHERE tenant_id = $1 AND email_hmac = ANY($2::bytea[]) ORDER BY email_hmac, topic""",
        ctx.tenant.id,
        list(given),
    )
    found: dict[str, list[Suppressed]] = {}
    for row in rows:
        entry = Suppressed(**{name: row[name] for name in Suppressed.__struct_fields__})
        for email in given[bytes(row["email_hmac"])]:
            found.setdefault(email, []).append(entry)
    return found


async def add(
    ctx: Context,
    email: str,
    reason: SuppressionReason,
    message_id: UUID | None = None,
    topic: str = "",
) -> int | None:
    """Put an address on the list and that in the consent ledger, with the consent that was on record;
    the id of its customer, or None where nobody has it. The customer's row stays locked.
    """
    if reason not in REASONS:
        raise InvalidInput(f"{reason}: no such reason.", f"Use one of {', '.join(REASONS)}.")
    row = await _owner(ctx, email)
    was: dict[str, str] = {}
    if row is not None and reason != "erased":
        was = {"state": row["email_consent"], "source": row["consent_source"]}
        if row["consent_at"] is not None:
            was["at"] = row["consent_at"].isoformat()
    tag = await ctx.db.execute(
        _ADD,
        ctx.tenant.id,
        sealed(ctx, email),
        topic,
        key_id(ctx),
        reason,
        msgspec.json.encode(was).decode(),
        message_id,
        ctx.now,
    )
    if tag != "INSERT 0 0" and reason != "erased":
        kind: ConsentKind = "topic_off" if topic else "suppressed"
        _note(ctx, kind, email, topic, row, reason, message_id)
    return None if row is None else int(row["id"])


async def unsuppress(
    ctx: Context, email: str, message_id: UUID | None = None, topic: str = ""
) -> bool:
    """Take an address off the list again; False when there is nothing to take off.

    Args:
        ctx: the tenant.
        email: the address.
        message_id: only the unsubscription made through this message, and only by someone who was
            subscribed before (the person's own undo). None: whatever stands there, by an admin.
        topic: which entry; empty for the one for everything.
    """
    tag = await ctx.db.execute(
        """DELETE FROM profiles_suppression WHERE tenant_id = $1 AND email_hmac = $2 AND topic = $3
             AND ($4::uuid IS NULL OR (reason = 'unsubscribed' AND message_id = $4
                                       AND (topic <> '' OR was ->> 'state' = 'subscribed')))""",
        ctx.tenant.id,
        sealed(ctx, email),
        topic,
        message_id,
    )
    if tag == "DELETE 0":
        return False
    row = await _owner(ctx, email)
    _note(ctx, "topic_on" if topic else "unsuppressed", email, topic, row, "", message_id)
    return True


async def of_customer(ctx: Context, email: str | None) -> list[dict[str, Any]]:
    """The entries of an address, for a copy of everything kept about a person."""
    rows = await ctx.db.fetch(
        """SELECT topic, reason, was::text AS was, message_id::text AS message_id, at
           FROM profiles_suppression WHERE tenant_id = $1 AND email_hmac = $2 ORDER BY topic""",
        ctx.tenant.id,
        sealed(ctx, email or ""),
    )
    return [dict(row) for row in rows]


async def erase(ctx: Context, email: str) -> int:
    """Keeps the keyed hash alone: without it, a later import would bring the mails back. How many
    entries stand.
    """
    await add(ctx, email, "erased")
    tag = await ctx.db.execute(
        """UPDATE profiles_suppression SET was = '{}', message_id = NULL
           WHERE tenant_id = $1 AND email_hmac = $2""",
        ctx.tenant.id,
        sealed(ctx, email),
    )
    return int(tag.rpartition(" ")[2])


async def _owner(ctx: Context, email: str) -> Any:
    return await ctx.db.fetchrow(
        f"""SELECT id, email, {", ".join(FORMER)} FROM profiles_customer
            WHERE tenant_id = $1 AND email = $2 FOR UPDATE""",
        ctx.tenant.id,
        email.strip().lower(),
    )


def _note(
    ctx: Context,
    kind: ConsentKind,
    email: str,
    topic: str,
    owner: Any,
    reason: str,
    message_id: UUID | None,
) -> None:
    said = Said(
        kind=kind,
        purpose=f"topic:{topic}" if topic else MARKETING,
        occurred_at=ctx.now,
        basis=reason,
        source="link in a mail" if message_id else ctx.actor,
        subject=None if owner else stranger(ctx, normal(email)),
    )
    if owner:
        said = said._replace(
            customer_id=owner["id"],
            email=owner["email"],
            former=[owner[name] for name in FORMER],
            detail={"message_id": str(message_id)} if message_id else None,
        )
    note(ctx, [said])
