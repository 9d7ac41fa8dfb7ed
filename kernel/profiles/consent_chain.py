"""The arithmetic of the consent ledger: what is hashed, how entries hang together, whose seal they bear.

Pure functions; docs/consent.md tells outsiders how to compute the same.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from kernel.tenancy import keys

if TYPE_CHECKING:
    from kernel.contracts.context import Context

KEY_ID_BYTES = 4
MAC_BYTES = 16
NOTHING = hashlib.sha256(b"").digest()
"""The digest of evidence that is not there."""


class Fields(NamedTuple):
    """What an entry says, in the order in which it is hashed. No personal data."""

    seq: int
    subject: UUID
    """A pseudonym; the row of the person's key tells whose, until it is erased."""
    kind: str
    purpose: str
    basis: str
    wording: str
    source: str
    occurred_at: datetime
    recorded_at: datetime


class Secrets(NamedTuple):
    """Keys of one tenant, derived from one secret of the installation."""

    key_id: bytes
    """Names the secret, so that a change of it is not taken for tampering."""
    seal: bytes
    wrap: bytes


def ring(ctx: Context) -> tuple[Secrets, ...]:
    """The tenant's keys: under the current secret, which new entries are sealed with, then under the
    old ones.
    """
    tenant = ctx.tenant.id
    purposes = (keys.keys(ctx, f"consent/{name}/{tenant}") for name in ("id", "seal", "wrap"))
    return tuple(
        Secrets(key_id[:KEY_ID_BYTES], seal, wrap)
        for key_id, seal, wrap in zip(*purposes, strict=True)
    )


def genesis(tenant: str) -> bytes:
    """What stands before the first entry."""
    return hashlib.sha256(f"mailwright consent 1 {tenant}".encode()).digest()


@lru_cache(maxsize=4096)
def stamp(moment: datetime) -> str:
    """A time in UTC with six digits of a second, always."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def body(tenant: str, fields: Fields) -> bytes:
    """The bytes of an entry: each text with its length before it, so that no two entries are alike."""
    seq, subject, kind, purpose, basis, wording, source, occurred_at, recorded_at = fields
    return (
        f"1,{len(tenant)}:{tenant},{seq},{subject.hex},{len(kind)}:{kind},{len(purpose)}:{purpose},"
        f"{len(basis)}:{basis},{len(wording)}:{wording},{len(source)}:{source},"
        f"{stamp(occurred_at)},{stamp(recorded_at)}"
    ).encode()


def chained(tenant: str, prev_hash: bytes, fields: Fields, evidence_hash: bytes) -> bytes:
    """The hash of an entry: SHA-256 over the hash before it, its bytes, and its evidence's digest."""
    return hashlib.sha256(prev_hash + body(tenant, fields) + evidence_hash).digest()


def mac(mine: Secrets, entry_hash: bytes) -> bytes:
    """The seal of an entry, which only who has the installation's secret can make."""
    return mine.key_id + hmac.digest(mine.seal, entry_hash, hashlib.sha256)[:MAC_BYTES]


def line(fields: Fields, evidence_hash: bytes) -> dict[str, Any]:
    """An entry as plain data, for exports: all that is hashed, and nothing that is not."""
    return {
        **fields._asdict(),
        "subject": fields.subject.hex,
        "occurred_at": stamp(fields.occurred_at),
        "recorded_at": stamp(fields.recorded_at),
        "evidence_hash": evidence_hash.hex(),
    }


def unline(said: dict[str, Any]) -> tuple[Fields, bytes]:
    """The entry a line of an export tells of, and its evidence's digest.

    Raises:
        KeyError, TypeError, ValueError: it is not such a line.
    """
    values = {name: said[name] for name in Fields._fields}
    fields = Fields(**values)._replace(
        subject=UUID(hex=said["subject"]),
        occurred_at=datetime.fromisoformat(said["occurred_at"]),
        recorded_at=datetime.fromisoformat(said["recorded_at"]),
    )
    return fields, bytes.fromhex(said["evidence_hash"])
