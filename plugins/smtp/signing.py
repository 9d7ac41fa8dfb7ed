"""DKIM signatures: RFC 6376, and RFC 8463 for Ed25519. Header and body are `relaxed`.

`cryptography` does the computing, without Python's lock: in Python alone, one RSA signature took longer
than all else about a mail.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIGNED = (
    "from", "from", "to", "subject", "date", "message-id", "reply-to", "mime-version",
    "content-type", "list-unsubscribe", "list-unsubscribe-post",
)  # fmt: skip
"""What a signature covers. Those that a mail does not have are covered too: nobody can add them later,
nor a second From.
"""
_FIELD = re.compile(rb"([^:\r\n]+):((?:[^\r\n]|\r\n[ \t])*)\r\n")
_SPACES = re.compile(rb"[ \t]+")
_LINE = 72


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

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`; Ed25519 signs its digest (RFC 8463, section 3)."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(data, PKCS1v15(), SHA256())
        return self.private.sign(sha256(data).digest())


def signatures(mail: bytes, domain: str, keys: Sequence[Key]) -> bytes:
    """One `DKIM-Signature` header a key, to be put before the mail.

    Args:
        mail: lines end with CR LF, an empty one after the headers.
        domain: that of the From address, in ASCII.
        keys: none: no header.
    """
    if not keys:
        return b""
    head, _, body = mail.partition(b"\r\n\r\n")
    digest = base64.b64encode(sha256(relaxed_body(body)).digest()).decode()
    fields = covered(head + b"\r\n", SIGNED)
    return b"".join(_signature(key, domain, digest, fields) for key in keys)


def _signature(key: Key, domain: str, digest: str, fields: bytes) -> bytes:
    half = len(SIGNED) // 2
    value = (
        f" v=1; a={key.algorithm}-sha256; c=relaxed/relaxed; d={domain};\r\n"
        f" s={key.selector}; t={int(time.time())};\r\n"  # the receivers' clock, whatever the shop's
        f" h={':'.join(SIGNED[:half])}:\r\n {':'.join(SIGNED[half:])};\r\n"
        f" bh={digest};\r\n"
        " b="
    ).encode()
    signed = key.sign(fields + relaxed(b"dkim-signature", value))
    return b"DKIM-Signature:" + value + b"\r\n ".join(_pieces(base64.b64encode(signed))) + b"\r\n"


def covered(head: bytes, names: Sequence[str]) -> bytes:
    """The headers that are signed, in the order of `names`; of several alike the last one comes first."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in _FIELD.findall(head):
        found.setdefault(name.strip().lower(), []).append(value)
    every = ((name.encode(), found.get(name.encode())) for name in names)
    return b"".join(relaxed(name, values.pop()) + b"\r\n" for name, values in every if values)


def relaxed(name: bytes, value: bytes) -> bytes:
    """A header as both sides see it (RFC 6376, 3.4.2), without its line end."""
    return name + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip()


def relaxed_body(body: bytes) -> bytes:
    """A body as both sides see it (RFC 6376, 3.4.4)."""
    text = _SPACES.sub(b" ", body).replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return text + b"\r\n" if text else b""


def _pieces(text: bytes) -> Iterator[bytes]:
    return (text[at : at + _LINE] for at in range(0, len(text), _LINE))
