"""Whether SendGrid wrote what came: ECDSA (P-256, SHA-256) over the time stamp and the raw bytes."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

SIGNATURE = "x-twilio-email-event-webhook-signature"
TIMESTAMP = "x-twilio-email-event-webhook-timestamp"

_ALGORITHM = ec.ECDSA(hashes.SHA256())


@lru_cache(maxsize=256)
def public_key(shown: str) -> ec.EllipticCurvePublicKey | None:
    """The key that SendGrid shows (base64 of DER, with or without PEM's first and last line); None
    when it is none, or not of the curve that SendGrid signs with.
    """
    lines = [line for line in shown.split("\n") if not line.strip().startswith("-----")]
    try:
        key = load_der_public_key(base64.b64decode("".join("".join(lines).split()), validate=True))
    except (ValueError, TypeError, binascii.Error):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def signed(shown: str, signature: str, timestamp: str, body: bytes) -> bool:
    """Whether these bytes came with a signature of this key. Never raises: whoever posts may write
    anything into the headers.
    """
    key = public_key(shown)
    if key is None:
        return False
    try:
        key.verify(
            base64.b64decode(signature, validate=True), timestamp.encode() + body, _ALGORITHM
        )
    except (InvalidSignature, ValueError, UnicodeError):
        return False
    return True
