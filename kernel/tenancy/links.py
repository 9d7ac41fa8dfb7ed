"""Signed tokens and public addresses of a tenant, for links that strangers click for years."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import TYPE_CHECKING

from kernel.contracts.errors import Forbidden
from kernel.tenancy.keys import keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.contracts.context import Context
    from kernel.tenancy.core import Links

KEY_ID = b"1"
MAC_BYTES = 16


def sign(ctx: Context, purpose: str, value: bytes) -> str:
    """An URL-safe token that carries `value` for this tenant and purpose; it never expires."""
    mac = next(_macs(ctx, purpose, value))
    return base64.urlsafe_b64encode(KEY_ID + mac + value).rstrip(b"=").decode()


def verify(ctx: Context, purpose: str, token: str) -> bytes:
    """The value a token carries.

    Raises:
        Forbidden: the token was not made by us for this tenant and purpose.
    """
    try:
        raw = base64.urlsafe_b64decode(token.encode() + b"=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    mac, value = raw[1 : 1 + MAC_BYTES], raw[1 + MAC_BYTES :]
    known = any(hmac.compare_digest(mac, good) for good in _macs(ctx, purpose, value))
    if raw[:1] != KEY_ID or not known:
        raise Forbidden("This link is not valid.", "Use the link of the newest mail.")
    return value


def public_url(ctx: Context, plugin: str, path: str) -> str:
    """The address of a plugin's public route, e.g. `public_url(ctx, "compliance", "u/TOKEN")`: on the
    tenant's own host for links, where it has one.
    """
    host, path = ctx.tenant.sender.link_host, path.lstrip("/")
    if host and _short(ctx, plugin, path):
        return f"https://{host}/{path}"
    return _long(ctx, plugin, path)


def _short(ctx: Context, plugin: str, path: str) -> bool:
    found: dict[str, str] = ctx.core.board.short_paths  # type: ignore[attr-defined]
    return found.get(path.partition("/")[0]) == plugin


def _long(ctx: Context, plugin: str, path: str) -> str:
    return f"{_links(ctx).base_url.rstrip('/')}/t/{ctx.tenant.id}/{plugin}/{path.lstrip('/')}"


def is_ours(ctx: Context, url: str, plugin: str, path: str) -> bool:
    """Whether `url` is a public address of ours below `path`, by https in production. Those made before
    the tenant had a host of its own stay ours.
    """
    safe = url.startswith("https://") or not ctx.core.production  # type: ignore[attr-defined]
    return bool(
        safe
        and url.startswith((public_url(ctx, plugin, path), _long(ctx, plugin, path.lstrip("/"))))
    )


def _macs(ctx: Context, purpose: str, value: bytes) -> Iterator[bytes]:
    """Under the current secret, then under the old ones: a link works for ever."""
    for key in keys(ctx, f"link/{ctx.tenant.id}/{purpose}"):
        yield hmac.digest(key, value, hashlib.sha256)[:MAC_BYTES]


def _links(ctx: Context) -> Links:
    links: Links = ctx.core.links  # type: ignore[attr-defined]
    return links
