"""The address that bounces of one message come back to: `bounce+<mark>@domain` (VERP).

A mark is 30 bytes as 48 letters and digits, without capitals, since some servers lose them: the
message's id, four bytes by which the address that was written to is recognised, and ten that only we can
make. So whoever holds a mark can speak of its one message, and nobody can make one up.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Frozen, seals
from plugins.smtp.addresses import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.sdk import Context

LETTERS = 48
MARK = re.compile(rf"\+([a-z2-7]{{{LETTERS}}})@", re.IGNORECASE)
_PURPOSE = "smtp/bounce"
_RECIPIENT = "smtp/bounce/recipient"


class Mark(Frozen):
    """What a mark that is ours says."""

    message_id: UUID
    recipient: bytes

    def fits(self, ctx: Context, email: str) -> bool:
        """Whether this is the address that the message was sent to."""
        return _ours(self.recipient, _recipients(ctx, self.message_id, email))


def envelope(ctx: Context, sender: str, message_id: UUID, email: str) -> str:
    """`sender` with the mark of this message to this address.

    Args:
        ctx: the tenant.
        sender: `bounce@domain`; at most 15 characters before the @, so that no more than 64 come of it.
        message_id: of the message.
        email: whom it goes to.
    """
    said = message_id.bytes + next(_recipients(ctx, message_id, email))
    mark = base64.b32encode(said + next(_seals(ctx, said))).decode().lower()
    local, _, domain = sender.rpartition("@")
    return f"{local}+{mark}@{domain}"


def read(ctx: Context, mark: str) -> Mark | None:
    """What the mark says; None where it was not made by us for this tenant."""
    try:
        raw = base64.b32decode(mark.upper())
    except (binascii.Error, ValueError):
        return None
    said, sealed = raw[:20], raw[20:]
    if not _ours(sealed, _seals(ctx, said)):
        return None
    return Mark(message_id=UUID(bytes=said[:16]), recipient=said[16:])


def _ours(given: bytes, made: Iterator[bytes]) -> bool:
    """Whether it was made under one of our secrets: mail comes back after a change of the secret, too."""
    return any(hmac.compare_digest(given, one) for one in made)


def _seals(ctx: Context, said: bytes) -> Iterator[bytes]:
    return (made[:10] for made in seals(ctx, _PURPOSE, said))


def _recipients(ctx: Context, message_id: UUID, email: str) -> Iterator[bytes]:
    said = message_id.bytes + wire(email.strip()).casefold().encode()
    return (made[:4] for made in seals(ctx, _RECIPIENT, said))
