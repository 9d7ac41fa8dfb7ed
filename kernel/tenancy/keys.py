"""The installation's keys: each is derived from a secret for one purpose, here and nowhere else.

What is made is made under the current secret (MAILWRIGHT_SECRET). What was made under an old one
(MAILWRIGHT_OLD_SECRETS) is recognised and opened as well. Sessions alone are of the current secret only
(kernel/web/signing.py): a change of it ends them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.contracts.context import Context
    from kernel.tenancy.core import Links

NONCE = 12
PAGE = 1000


@lru_cache(maxsize=4096)
def derive(secret: str, info: str) -> bytes:
    """A 32-byte key for one purpose: the secret itself never signs what others may choose.

    Source: HKDF-SHA256, RFC 5869, with one block of output.
    """
    root = hmac.digest(b"mailwright", secret.encode(), hashlib.sha256)
    return hmac.digest(root, info.encode() + b"\x01", hashlib.sha256)


def secrets(ctx: Context) -> tuple[str, ...]:
    """The installation's secrets: the current one, then the old ones."""
    links: Links = ctx.core.links  # type: ignore[attr-defined]
    return (links.secret, *links.old_secrets)


def fingerprint(secret: str) -> str:
    """A name for a secret that tells nothing of it, in 8 hex digits: for screens and audit trails."""
    return derive(secret, "fingerprint")[:4].hex()


def keys(ctx: Context, info: str) -> Iterator[bytes]:
    """The key of one purpose under each secret: the current one first, then the old ones."""
    return (derive(secret, info) for secret in secrets(ctx))


def seal(ctx: Context, purpose: str, value: bytes) -> bytes:
    """32 bytes that stand for `value`: equal for equal values of this tenant and purpose, and without
    our secret neither to be turned back nor to be guessed at. See `seals` for recognising them.
    """
    return next(seals(ctx, purpose, value))


def seals(ctx: Context, purpose: str, value: bytes) -> Iterator[bytes]:
    """What `seal` gives, then what it gave under each old secret: whoever compares with what was given
    out or stored before must accept any of them.
    """
    for key in keys(ctx, f"seal/{ctx.tenant.id}/{purpose}"):
        yield hmac.digest(key, value, hashlib.sha256)


def encrypt(ctx: Context, purpose: str, plain: bytes) -> bytes:
    """`plain` for a column of yours, readable with the installation's secret and for this tenant only
    (AES-256-GCM). Name the column in the manifest (`encrypted`), so that a new secret takes it over.
    """
    nonce = os.urandom(NONCE)
    cipher = AESGCM(seal(ctx, purpose, b"key"))
    return nonce + cipher.encrypt(nonce, plain, ctx.tenant.id.encode())


def decrypt(ctx: Context, purpose: str, data: bytes) -> bytes | None:
    """What was encrypted; None when no secret of this installation opens it."""
    return _open(ctx, purpose, data)[1]


async def encrypted(ctx: Context, place: str, purpose: str) -> list[int]:
    """How many rows of a column (`<table>.<column>`) each secret opens, as `secrets` lists them; the
    last number counts those that none does.
    """
    table, column = place.split(".")
    counts = [0] * (len(secrets(ctx)) + 1)
    sql = f"SELECT {column} FROM {table} WHERE tenant_id = $1 AND {column} <> ''"
    async for page in ctx.db.cursor(sql, ctx.tenant.id, size=PAGE):
        for (data,) in page:
            counts[_open(ctx, purpose, data)[0]] += 1
    return counts


async def encrypt_anew(ctx: Context, place: str, purpose: str) -> int:
    """Encrypt under the current secret what an old one opens in a column (`<table>.<column>`); how many
    rows. In the caller's transaction, which locks those rows.
    """
    table, column = place.split(".")
    sql = f"SELECT ctid, {column} FROM {table} WHERE tenant_id = $1 AND {column} <> '' FOR UPDATE"
    done = 0
    async for page in ctx.db.cursor(sql, ctx.tenant.id, size=PAGE):
        fresh = []
        for place_, data in page:
            which, plain = _open(ctx, purpose, data)
            if which > 0 and plain is not None:
                fresh.append((place_, encrypt(ctx, purpose, plain)))
        if fresh:
            await ctx.db.execute(
                f"""UPDATE {table} t SET {column} = u.data
                    FROM unnest($2::tid[], $3::bytea[]) AS u(place, data)
                    WHERE t.tenant_id = $1 AND t.ctid = u.place""",
                ctx.tenant.id,
                *map(list, zip(*fresh, strict=True)),
            )
        done += len(fresh)
    return done


def _open(ctx: Context, purpose: str, data: bytes) -> tuple[int, bytes | None]:
    """Which secret opens it, as `secrets` lists them, and what is in it."""
    which = -1
    for which, key in enumerate(seals(ctx, purpose, b"key")):
        try:
            plain = AESGCM(key).decrypt(data[:NONCE], data[NONCE:], ctx.tenant.id.encode())
        except (InvalidTag, ValueError):
            continue
        return which, plain
    return which + 1, None
