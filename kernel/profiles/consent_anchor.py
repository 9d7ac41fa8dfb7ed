"""Anchors of the consent ledger: its head, signed, so that it can be kept where nobody here reaches it.

Whoever is superuser of the database can rewrite a whole chain, but not what was signed of it earlier.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.errors import InvalidInput
from kernel.profiles import consent_chain as chain
from kernel.tenancy.keys import derive, secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from kernel.contracts.context import Context

FORMAT = "mailwright-consent-1"
PAGE = 5000
_ENTRIES = f"""
SELECT {", ".join(chain.Fields._fields)}, evidence_hash, hash FROM profiles_consent
WHERE tenant_id = $1 AND seq <= $2 ORDER BY seq
"""


class Anchor(Frozen):
    """The first line of an export: the head at a time, and who signed that. Bytes are in hex."""

    format: str
    tenant: str
    seq: int
    hash: str
    at: str
    public_key: str
    signature: str = ""

    @property
    def signed(self) -> bytes:
        """The bytes that the signature is over: the line itself, without the signature."""
        values = msgspec.to_builtins(self)
        del values["signature"]
        return canonical(values)


def public_key(secret: str) -> str:
    """The installation's public key, in hex: keep it apart from the exports."""
    return _key(secret).public_key().public_bytes_raw().hex()


def genuine(ctx: Context, anchor: Anchor) -> bool:
    """Whether this installation signed it, for this tenant, now or under a former secret."""
    ours = (signed_by(anchor, public_key(secret)) for secret in secrets(ctx))
    return anchor.tenant == ctx.tenant.id and any(ours)


def signed_by(anchor: Anchor, key: str) -> bool:
    """Whether the owner of the public key (in hex) signed it."""
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(anchor.signature), anchor.signed)
    except (InvalidSignature, ValueError):
        return False
    return anchor.public_key == key and anchor.format == FORMAT


async def anchor(ctx: Context) -> Anchor | None:
    """Sign the head as it is now and keep that; None while the ledger is empty."""
    head = await ctx.db.fetchrow(
        "SELECT seq, hash FROM profiles_consent_head WHERE tenant_id = $1 AND seq > 0",
        ctx.tenant.id,
    )
    if head is None:
        return None
    made = _sign(ctx, head["seq"], bytes(head["hash"]))
    await ctx.db.execute(
        """INSERT INTO profiles_consent_anchor (tenant_id, seq, hash, at, public_key, signature)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING""",
        ctx.tenant.id,
        made.seq,
        bytes.fromhex(made.hash),
        ctx.now,
        bytes.fromhex(made.public_key),
        bytes.fromhex(made.signature),
    )
    return made


async def anchors(ctx: Context) -> list[Anchor]:
    """All that were kept, oldest first; whether they are genuine is for the reader to ask."""
    rows = await ctx.db.fetch(
        """SELECT seq, hash, at, public_key, signature FROM profiles_consent_anchor
           WHERE tenant_id = $1 ORDER BY seq""",
        ctx.tenant.id,
    )
    return [
        Anchor(
            format=FORMAT,
            tenant=ctx.tenant.id,
            seq=row["seq"],
            hash=row["hash"].hex(),
            at=chain.stamp(row["at"]),
            public_key=row["public_key"].hex(),
            signature=row["signature"].hex(),
        )
        for row in rows
    ]


async def export(ctx: Context, *, entries: bool = True) -> AsyncIterator[bytes]:
    """The lines of a signed export: the head, and every entry up to it without evidence (which no
    stranger could read, and no backup should keep). Nothing for an empty ledger. Memory stays flat.
    """
    head = await anchor(ctx)
    if head is None:
        return
    yield canonical(head) + b"\n"
    if not entries:
        return
    async for page in ctx.db.cursor(_ENTRIES, ctx.tenant.id, head.seq, size=PAGE):
        lines = []
        for row in page:
            *values, digest, entry_hash = row
            told = chain.line(chain.Fields(*values), digest)
            lines.append(canonical({**told, "hash": entry_hash.hex()}))
        yield b"\n".join(lines) + b"\n"


def read_export(path: Path) -> tuple[Anchor, Iterator[dict[str, Any]]]:
    """The head of an export, not yet checked, and its entries, which are read as they are asked for.

    Raises:
        InvalidInput: this is not an export.
    """
    lines = _lines(path)
    try:
        head = msgspec.json.decode(next(lines, b""), type=Anchor)
    except msgspec.MsgspecError as error:
        raise InvalidInput(
            f"{path} is not an export of a consent ledger.",
            "Give a file that `mailwright consent export` wrote.",
        ) from error
    return head, (msgspec.json.decode(line, type=dict[str, Any]) for line in lines)


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _sign(ctx: Context, seq: int, head_hash: bytes) -> Anchor:
    secret = secrets(ctx)[0]
    made = Anchor(
        format=FORMAT,
        tenant=ctx.tenant.id,
        seq=seq,
        hash=head_hash.hex(),
        at=chain.stamp(ctx.now),
        public_key=public_key(secret),
    )
    signature = _key(secret).sign(made.signed).hex()
    return msgspec.structs.replace(made, signature=signature)


def _key(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(derive(secret, "consent/anchor"))
