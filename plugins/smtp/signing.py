"""DKIM signatures by dkimpy: RFC 6376, and RFC 8463 for Ed25519. Header and body are `relaxed`.

In Python alone a signature by RSA takes longer than all else about a mail, so whoever makes mails does it
in a thread.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNED = (
    b"from", b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"mime-version",
    b"content-type", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
"""What a signature covers. Those that a mail does not have are covered too: nobody can add them later,
nor a second From.
"""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A private key, and the name under which its public half stands in the DNS."""

    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey

    @property
    def algorithm(self) -> str:
        """`rsa` or `ed25519`, as records and signatures call it."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    @property
    def record(self) -> str:
        """The TXT record at `<selector>._domainkey.<domain>`."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            shown = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        else:
            shown = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(shown).decode()}"

    @property
    def written(self) -> bytes:
        """The private key as dkimpy takes it: RSA as PKCS 1 in PEM, Ed25519 as its seed in base64."""
        key, plain = self.private, NoEncryption()
        if isinstance(key, RSAPrivateKey):
            return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, plain)
        return base64.b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, plain))


def signatures(mail: bytes, domain: str, keys: Sequence[Key]) -> bytes:
    """One `DKIM-Signature` header a key, to be put before the mail; none covers another.

    Args:
        mail: lines end with CR LF, an empty one after the headers.
        domain: that of the From address, in ASCII.
        keys: none: no header.
    """
    return b"".join(
        dkim.sign(
            mail,
            key.selector.encode(),
            domain.encode(),
            key.written,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=f"{key.algorithm}-sha256".encode(),
            include_headers=SIGNED,
        )
        for key in keys
    )
