"""The arithmetic of the consent ledger: what is hashed, how entries hang together, whose seal they bear.

Pure functions; docs/consent.md tells outsiders how to compute the same.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, cast
from uuid import UUID

from kernel.tenancy.links import derive

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

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
    """Keys of one tenant, derived from the installation's secret."""

    key_id: bytes
    """Names the secret, so that a change of it is not taken for tampering."""
    seal: bytes
    wrap: bytes


def secrets(ctx: Context) -> Secrets:
    """The tenant's keys."""
    secret, tenant = cast("TenantScope", ctx).core.links.secret, ctx.tenant.id
    return Secrets(
        key_id=derive(secret, f"consent/id/{tenant}")[:KEY_ID_BYTES],
        seal=derive(secret, f"consent/seal/{tenant}"),
        wrap=derive(secret, f"consent/wrap/{tenant}"),
    )


def genesis(tenant: str) -> bytes:
    """What stands before the first entry."""
    return hashlib.sha256(f"mailwright consent 1 {tenant}".encode()).digest()


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


def mac(keys: Secrets, entry_hash: bytes) -> bytes:
    """The seal of an entry, which only who has the installation's secret can make."""
    return keys.key_id + hmac.digest(keys.seal, entry_hash, hashlib.sha256)[:MAC_BYTES]
