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
from kernel.tenancy.keys import seals

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
# Where both stand, the sterner entry stays; of two that are equally stern, the newest.
_RESEAL = """
WITH known AS (SELECT * FROM unnest($2::bytea[], $3::bytea[]) AS k(old, new)),
gone AS (DELETE FROM profiles_suppression s USING known
         WHERE s.tenant_id = $1 AND s.email_hmac = known.old RETURNING known.new, s.*),
moved AS (
  INSERT INTO profiles_suppression AS p
    (tenant_id, email_hmac, topic, key_id, reason, was, message_id, at)
  SELECT DISTINCT ON (new, topic) $1, new, topic, $4, reason, was, message_id, at FROM gone
  ORDER BY new, topic, reason IN ('complained', 'bounced') DESC, at DESC
  ON CONFLICT (tenant_id, email_hmac, topic) DO UPDATE
  SET reason = excluded.reason, was = excluded.was, message_id = excluded.message_id, at = excluded.at
  WHERE (excluded.reason IN ('complained', 'bounced'), excluded.at)
      > (p.reason IN ('complained', 'bounced'), p.at))
SELECT count(*) FROM gone
"""
# Each gap between the names of our secrets is one probe of an index, however long the list is.
_UNREADABLE = """
SELECT EXISTS (SELECT FROM unnest($2::text[], $3::text[]) AS gap(low, high) WHERE EXISTS (
  SELECT FROM profiles_suppression s WHERE s.tenant_id = $1 AND s.key_id > low AND s.key_id < high))
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


def sealed(ctx: Context, email: str) -> list[bytes]:
    """The keyed hashes of an address: the one that is stored now, then those of former secrets."""
    return list(seals(ctx, PURPOSE, normal(email).encode()))


def key_ids(ctx: Context) -> list[str]:
    """Names for the secrets that rows are sealed with, the current one first: they tell whether rows can
    be recognised.
    """
    return [name[:4].hex() for name in seals(ctx, f"{PURPOSE}/key", b"")]


async def reseal(ctx: Context, emails: Iterable[str]) -> int:
    """Bring what these addresses have on the list under the current secret; how many entries it was."""
    pairs = [(old, new) for new, *olds in (sealed(ctx, one) for one in emails) for old in olds]
    if not pairs:
        return 0
    columns = map(list, zip(*dict.fromkeys(pairs), strict=True))
    moved: int = await ctx.db.fetchval(_RESEAL, ctx.tenant.id, *columns, key_ids(ctx)[0])
    return moved


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
        for hash_ in sealed(ctx, email) if email else ():
            given.setdefault(hash_, []).append(email or "")
    if not ignore_unreadable and await unreadable(ctx):
        raise Unavailable(
            "Part of the suppression list was sealed with another secret, so it cannot be read.",
            "Add the former MAILWRIGHT_SECRET to MAILWRIGHT_OLD_SECRETS (`mailwright keys status`), or "
            "accept the loss with the compliance setting `ignore_unreadable`.",
        )
    rows = await ctx.db.fetch(
        """SELECT email_hmac, topic, reason, message_id, at, was ->> 'state' AS was
           FROM profiles_suppression
           WHERE tenant_id = $1 AND email_hmac = ANY($2::bytea[])
           ORDER BY topic, reason IN ('complained', 'bounced') DESC, at DESC""",
        ctx.tenant.id,
        list(given),
    )
    found: dict[str, list[Suppressed]] = {}
    for row in rows:
        entry = Suppressed(**{name: row[name] for name in Suppressed.__struct_fields__})
        for email in given[bytes(row["email_hmac"])]:
            found.setdefault(email, []).append(entry)
    return found


async def unreadable(ctx: Context) -> bool:
    """Whether part of the list was sealed with a secret that this installation does not have."""
    names = sorted(key_ids(ctx))
    found: bool = await ctx.db.fetchval(
        _UNREADABLE, ctx.tenant.id, ["", *names], [*names, "g"]
    )  # names are hexadecimal
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
    await reseal(ctx, [email])
    was: dict[str, str] = {}
    if row is not None and reason != "erased":
        was = {"state": row["email_consent"], "source": row["consent_source"]}
        if row["consent_at"] is not None:
            was["at"] = row["consent_at"].isoformat()
    tag = await ctx.db.execute(
        _ADD,
        ctx.tenant.id,
        sealed(ctx, email)[0],
        topic,
        key_ids(ctx)[0],
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
    await reseal(ctx, [email])
    tag = await ctx.db.execute(
        """DELETE FROM profiles_suppression WHERE tenant_id = $1 AND email_hmac = $2 AND topic = $3
             AND ($4::uuid IS NULL OR (reason = 'unsubscribed' AND message_id = $4
                                       AND (topic <> '' OR was ->> 'state' = 'subscribed')))""",
        ctx.tenant.id,
        sealed(ctx, email)[0],
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
           FROM profiles_suppression WHERE tenant_id = $1 AND email_hmac = ANY($2::bytea[])
           ORDER BY topic""",
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
        sealed(ctx, email)[0],
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
