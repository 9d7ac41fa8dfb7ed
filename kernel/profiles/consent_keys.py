"""Evidence under lock: each person has a key of their own, and erasing a person destroys it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.contracts.base import Frozen, canonical

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from kernel.contracts.context import Context
    from kernel.profiles.consent_chain import Secrets

NONCE = 12
KEY = 32
SMALL = 1000
"""Rows up to which arrays are faster than COPY."""

_OF = """
SELECT customer_id, subject, key_id, wrapped FROM profiles_person_key
WHERE tenant_id = $1 AND customer_id = ANY($2::bigint[])
"""


class Person(Frozen):
    """A customer in the ledger: the pseudonym, and the key where this installation can open it."""

    customer_id: int
    subject: UUID
    key: bytes | None


async def people(ctx: Context, keys: Secrets, customer_ids: Collection[int]) -> dict[int, Person]:
    """Those of the customers that stand in the ledger."""
    found: dict[int, Person] = {}
    if not customer_ids:
        return found
    for row in await ctx.db.fetch(_OF, ctx.tenant.id, list(customer_ids)):
        who, subject = row["customer_id"], row["subject"]
        if bytes(row["key_id"]) == keys.key_id:
            opened = unwrap(keys, ctx.tenant.id, subject, row["wrapped"])
            found[who] = Person(customer_id=who, subject=subject, key=opened)
        else:
            found.setdefault(who, Person(customer_id=who, subject=subject, key=None))
    return found


def newcomer(customer_id: int, subject: UUID | None = None) -> Person:
    """Somebody with a new key, and a new pseudonym where they had none."""
    return Person(customer_id=customer_id, subject=subject or uuid4(), key=os.urandom(KEY))


async def keep(ctx: Context, keys: Secrets, wrapped: Sequence[tuple[UUID, int, bytes]]) -> None:
    """Store new keys: subject, customer_id, and the key as `wrap` made it."""
    if len(wrapped) <= SMALL:
        await ctx.db.execute(
            """INSERT INTO profiles_person_key (tenant_id, subject, customer_id, wrapped, key_id)
               SELECT $1, u.*, $2 FROM unnest($3::uuid[], $4::bigint[], $5::bytea[]) u
               ON CONFLICT (tenant_id, subject, key_id) DO UPDATE SET wrapped = excluded.wrapped""",
            ctx.tenant.id,
            keys.key_id,
            *([list(column) for column in zip(*wrapped, strict=True)] or [[], [], []]),
        )
        return
    columns = ("subject", "customer_id", "wrapped", "key_id")
    await ctx.db.copy("profiles_person_key", columns, [(*row, keys.key_id) for row in wrapped])


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


def wrap(keys: Secrets, tenant: str, person: Person) -> bytes:
    """The person's key, encrypted for the database."""
    assert person.key is not None
    return _encrypt(AESGCM(keys.wrap), person.key, _label(tenant, person.subject))


def unwrap(keys: Secrets, tenant: str, subject: UUID, wrapped: bytes) -> bytes | None:
    """The key; None when it was altered or is another person's."""
    return _decrypt(AESGCM(keys.wrap), bytes(wrapped), _label(tenant, subject))


def conceal(person: Person, tenant: str, seq: int, evidence: dict[str, Any]) -> bytes:
    """Evidence as it stands in entry `seq`: it can be moved to no other."""
    assert person.key is not None
    label = _label(tenant, person.subject, seq)
    return _encrypt(AESGCM(person.key), canonical(evidence), label)


def reveal(
    key: bytes, tenant: str, subject: UUID, seq: int, evidence: bytes
) -> dict[str, Any] | None:
    """The evidence of entry `seq`; None when this key does not open it."""
    plain = _decrypt(AESGCM(key), bytes(evidence), _label(tenant, subject, seq))
    return None if plain is None else msgspec.json.decode(plain, type=dict[str, Any])


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
