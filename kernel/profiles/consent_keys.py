"""Evidence under lock: each person has a key of their own, and erasing a person destroys it.

A person's key is kept wrapped, that is encrypted under a key of the installation. `wrapped_by` names the
secret of that; a new secret wraps the same key anew (`wrap_anew`), and no evidence is touched.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.contracts.base import Frozen, canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from kernel.contracts.context import Context
    from kernel.profiles.consent_chain import Secrets

    Ring = Sequence[Secrets]
    """The keys of one tenant under each secret, the current one first."""

NONCE = 12
KEY = 32
KEY_ID = 8
PAGE = 5000
SMALL = 1000
"""Rows up to which arrays are faster than COPY."""

_OF = """
SELECT customer_id, subject, wrapped_by, wrapped FROM profiles_person_key
WHERE tenant_id = $1 AND customer_id = ANY($2::bigint[])
"""
_KEEP = """
INSERT INTO profiles_person_key (tenant_id, subject, customer_id, wrapped, wrapped_by, key_id)
SELECT $1, u.* FROM unnest($2::uuid[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[]) u
"""
_TO_WRAP = """
SELECT subject, key_id, wrapped_by, wrapped FROM profiles_person_key
WHERE tenant_id = $1 AND wrapped_by = ANY($2::bytea[]) AND (subject, key_id) > ($3, $4)
ORDER BY subject, key_id LIMIT $5 FOR UPDATE
"""
_WRAPPED = """
UPDATE profiles_person_key k SET wrapped = u.wrapped, wrapped_by = $2
FROM unnest($3::uuid[], $4::bytea[], $5::bytea[]) AS u(subject, key_id, wrapped)
WHERE k.tenant_id = $1 AND k.subject = u.subject AND k.key_id = u.key_id
"""


class Person(Frozen):
    """A customer in the ledger: the pseudonym, and the keys that this installation can open. More than
    one where evidence came in while a former secret was missing.
    """

    customer_id: int
    subject: UUID
    keys: tuple[bytes, ...] = ()

    @property
    def key(self) -> bytes | None:
        """The key for new evidence."""
        return self.keys[0] if self.keys else None


async def people(ctx: Context, ring: Ring, customer_ids: Collection[int]) -> dict[int, Person]:
    """Those of the customers that stand in the ledger."""
    found: dict[int, Person] = {}
    if not customer_ids:
        return found
    for row in await ctx.db.fetch(_OF, ctx.tenant.id, list(customer_ids)):
        who, subject = row["customer_id"], row["subject"]
        key = unwrap(ring, ctx.tenant.id, subject, row["wrapped_by"], row["wrapped"])
        known = found[who].keys if who in found else ()
        mine = known if key is None else (*known, key)
        found[who] = Person(customer_id=who, subject=subject, keys=mine)
    return found


def newcomer(customer_id: int, subject: UUID | None = None) -> Person:
    """Somebody with a new key, and a new pseudonym where they had none."""
    subject = subject or UUID(bytes=os.urandom(16), version=4)
    return Person(customer_id=customer_id, subject=subject, keys=(os.urandom(KEY),))


async def keep(ctx: Context, mine: Secrets, wrapped: Sequence[tuple[UUID, int, bytes]]) -> None:
    """Store new keys: subject, customer_id, and the key as `wrap` made it."""
    # With a name of its own each: a key that cannot be opened now is not overwritten.
    rows = [(*row, mine.key_id, os.urandom(KEY_ID)) for row in wrapped]
    if len(rows) <= SMALL:
        await ctx.db.execute(_KEEP, ctx.tenant.id, *map(list, zip(*rows, strict=True)))
        return
    columns = ("subject", "customer_id", "wrapped", "wrapped_by", "key_id")
    await ctx.db.copy("profiles_person_key", columns, rows)


async def wrap_anew(ctx: Context, ring: Ring, progress: Callable[[int], None] | None = None) -> int:
    """Wrap under the current secret every key that an old one opens; how many. A page a transaction of
    its own: stop it at any time and run it again.
    """
    mine, old = ring[0], [keys.key_id for keys in ring[1:]]
    done, after = 0, (UUID(int=0), b"")
    while True:
        async with ctx.transaction() as part:
            rows = await part.db.fetch(_TO_WRAP, part.tenant.id, old, *after, PAGE)
            fresh = []
            for row in rows:
                who = row["subject"]
                key = unwrap(ring, part.tenant.id, who, row["wrapped_by"], row["wrapped"])
                if key is not None:
                    fresh.append((who, row["key_id"], wrap(mine, part.tenant.id, who, key)))
            if fresh:
                columns = map(list, zip(*fresh, strict=True))
                await part.db.execute(_WRAPPED, part.tenant.id, mine.key_id, *columns)
        done += len(fresh)
        if progress is not None and fresh:
            progress(len(fresh))
        if len(rows) < PAGE:
            return done
        after = rows[-1]["subject"], bytes(rows[-1]["key_id"])


async def destroy(ctx: Context, customer_id: int) -> UUID | None:
    """Destroy every key of a customer, after which nobody can read their evidence, nor tell which
    entries are theirs. The pseudonym they had; None where they had none.
    """
    rows = await ctx.db.fetch(
        """DELETE FROM profiles_person_key WHERE tenant_id = $1 AND customer_id = $2
           RETURNING subject""",
        ctx.tenant.id,
        customer_id,
    )
    return rows[0]["subject"] if rows else None


def wrap(mine: Secrets, tenant: str, subject: UUID, key: bytes) -> bytes:
    """A person's key, encrypted for the database."""
    return _encrypt(AESGCM(mine.wrap), key, _label(tenant, subject))


def unwrap(
    ring: Ring, tenant: str, subject: UUID, wrapped_by: bytes, wrapped: bytes
) -> bytes | None:
    """The key; None when it was altered, is another person's, or no secret of ours opens it."""
    for keys in ring:
        if keys.key_id == wrapped_by:
            return _decrypt(AESGCM(keys.wrap), bytes(wrapped), _label(tenant, subject))
    return None


def conceal(person: Person, tenant: str, seq: int, evidence: dict[str, Any]) -> bytes:
    """Evidence as it stands in entry `seq`: it can be moved to no other."""
    assert person.key is not None
    label = _label(tenant, person.subject, seq)
    return _encrypt(AESGCM(person.key), canonical(evidence), label)


def reveal(person: Person, tenant: str, seq: int, evidence: bytes) -> dict[str, Any] | None:
    """The evidence of the person's entry `seq`; None when no key of theirs opens it."""
    for key in person.keys:
        plain = _decrypt(AESGCM(key), bytes(evidence), _label(tenant, person.subject, seq))
        if plain is not None:
            return msgspec.json.decode(plain, type=dict[str, Any])
    return None


def _label(tenant: str, subject: UUID, seq: int = 0) -> bytes:
    return f"{tenant}/{subject.hex}/{seq}".encode()


def _encrypt(cipher: AESGCM, plain: bytes, label: bytes) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + cipher.encrypt(nonce, plain, label)


def _decrypt(cipher: AESGCM, data: bytes, label: bytes) -> bytes | None:
    try:
        return cipher.decrypt(data[:NONCE], data[NONCE:], label)
    except (InvalidTag, ValueError):
        return None
