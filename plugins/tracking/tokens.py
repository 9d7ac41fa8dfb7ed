"""`<message>.<link>.<mac>`: which link of which message, and that we made it for this tenant."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import seals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.sdk import Context

HONEYPOT = 0
"""The link that nobody sees."""
PIXEL = -1
MAC = 12
_CLICK = re.compile(r"([\w-]{22})\.(\d{1,18})\.([\w-]{16})", re.ASCII)
_OPEN = re.compile(r"([\w-]{22})\.([\w-]{16})\.gif", re.ASCII)


def click(ctx: Context, message_id: UUID, link_id: int) -> str:
    """The token of a link in a message."""
    return f"{_text(message_id.bytes)}.{link_id}.{next(_macs(ctx, message_id, link_id))}"


def opening(ctx: Context, message_id: UUID) -> str:
    """The file name of a message's image."""
    return f"{_text(message_id.bytes)}.{next(_macs(ctx, message_id, PIXEL))}.gif"


def read_click(ctx: Context, token: str) -> tuple[UUID, int] | None:
    """(message, link) of a token; None when we did not make it for this tenant."""
    found = _CLICK.fullmatch(token)
    return _read(ctx, found[1], int(found[2]), found[3]) if found else None


def read_open(ctx: Context, name: str) -> UUID | None:
    """The message of an image; None when we did not make it for this tenant."""
    found = _OPEN.fullmatch(name)
    read = _read(ctx, found[1], PIXEL, found[2]) if found else None
    return read[0] if read else None


def _read(ctx: Context, message: str, link_id: int, mac: str) -> tuple[UUID, int] | None:
    try:
        message_id = UUID(bytes=base64.urlsafe_b64decode(message + "=="))
    except (binascii.Error, ValueError):
        return None
    ours = any(hmac.compare_digest(mac, good) for good in _macs(ctx, message_id, link_id))
    return (message_id, link_id) if ours else None


def _macs(ctx: Context, message_id: UUID, link_id: int) -> Iterator[str]:
    """As it is made now, then as it was made under former secrets: a link works for ever."""
    value = message_id.bytes + link_id.to_bytes(8, "big", signed=True)
    return (_text(seal[:MAC]) for seal in seals(ctx, "tracking", value))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
