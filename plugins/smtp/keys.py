"""Keys that sign mails: read from PEM, made anew, and shown as the record that the DNS needs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from kernel.sdk import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.smtp.signing import Key

SMALLEST = 1024
"""Bits of an RSA key that receivers still believe (RFC 8301)."""
USUAL = 2048
_STRING = 255
"""Bytes of one string in a TXT record (RFC 1035)."""


def read(pem: bytes) -> RSAPrivateKey | Ed25519PrivateKey | None:
    """The key; None where there is none, or one that receivers do not believe."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key, RSAPrivateKey):
        return key if key.key_size >= SMALLEST else None
    return key if isinstance(key, Ed25519PrivateKey) else None


def kept(path: Path, ed25519: bool) -> tuple[RSAPrivateKey | Ed25519PrivateKey, bool]:
    """The key in a file, and whether it was made just now, since there was no file. A file that stands
    there is never written to; a new one only its owner can read.

    Raises:
        InvalidInput: what stands there is no such key, or the file cannot be made.
    """
    kind, name = (Ed25519PrivateKey, "Ed25519") if ed25519 else (RSAPrivateKey, "RSA")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = read(path.read_bytes())
        if not isinstance(key, kind):
            raise InvalidInput(
                f"{path} holds no private key for {name} that can be used.", "Name another file."
            ) from None
        return key, False
    except OSError as error:
        raise InvalidInput(f"{path} cannot be made: {error.strerror}.", "Name another.") from error
    made = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(65537, USUAL)
    with os.fdopen(handle, "wb") as file:
        file.write(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made, True


def zone_line(key: Key, domain: str) -> str:
    """The record as a line of a zone file, cut into strings as long as they may be."""
    strings = " ".join(f'"{part}"' for part in re.findall(f".{{1,{_STRING}}}", key.record))
    return f"{key.selector}._domainkey.{domain}. IN TXT ( {strings} )"
