"""What DKIM and DMARC records say, and which domains belong together."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from kernel.sdk import Frozen

ED25519 = 32
"""Bytes of its public key."""
SECOND = frozenset({"ac", "co", "com", "edu", "gov", "ltd", "me", "ne", "net", "or", "org", "plc"})
"""What stands below a country as a domain of its own: shop.co.uk is one shop's, co.uk is not."""


class Key(Frozen):
    """A DKIM key. `bits` is 0 where there is none that can be used."""

    state: Literal["ok", "warn", "bad"]
    words: str
    bits: int = 0


class Policy(Frozen):
    """A DMARC record. `problem` is empty where receivers can use it."""

    policy: str = ""
    subdomains: str = ""
    reports: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    problem: str = ""


def tags(text: str) -> dict[str, str]:
    """`k=v; k=v` as a mapping, names in lower case; the first of two equal names counts."""
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), "".join(value.split()))
    return found


def key_of(text: str) -> Key:
    """What a DKIM record (RFC 6376, 3.6.1) is worth."""
    found = tags(text)
    if found.get("v", "DKIM1").upper() != "DKIM1" or "p" not in found:
        return Key(state="bad", words="What stands there is no DKIM key.")
    if not found["p"]:
        return Key(state="bad", words="The key is empty: it was withdrawn.")
    try:
        raw = base64.b64decode(found["p"], validate=True)
        if found.get("k", "rsa").lower() == "ed25519":
            if len(raw) != ED25519:
                raise ValueError("no key")
            return Key(state="ok", words="The key is there (Ed25519).", bits=256)
        key = load_der_public_key(raw)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return Key(state="bad", words="The key cannot be read: it was probably cut when pasted.")
    if not isinstance(key, RSAPublicKey):
        return Key(state="bad", words="The key is of a kind that mailbox providers do not know.")
    size = key.key_size
    if size < 1024:
        return Key(state="bad", words=f"The key has {size} bits: providers ignore it.", bits=size)
    if "y" in found.get("t", "").lower().split(":"):
        return Key(state="warn", words="The key says that it is only being tested.", bits=size)
    if size < 2048:
        return Key(state="warn", words=f"The key has {size} bits; 2048 are usual now.", bits=size)
    return Key(state="ok", words=f"The key is there ({size} bits).", bits=size)


def is_dmarc(text: str) -> bool:
    """Whether a TXT record claims to be one of DMARC."""
    return text.partition(";")[0].replace(" ", "").upper() == "V=DMARC1"


def policy_of(text: str) -> Policy:
    """What a DMARC record (RFC 7489) says."""
    found = tags(text)
    policy = found.get("p", "").lower()
    problem = ""
    if not is_dmarc(text):
        problem = "It does not begin with v=DMARC1."
    elif policy not in ("none", "quarantine", "reject"):
        problem = "It has no policy: p= must be none, quarantine or reject."
    return Policy(
        policy=policy,
        subdomains=found.get("sp", "").lower(),
        reports=found.get("rua", ""),
        strict_dkim=found.get("adkim", "r").lower() == "s",
        strict_spf=found.get("aspf", "r").lower() == "s",
        problem=problem,
    )


def owned(domain: str) -> str:
    """The domain that somebody registered: `mail.shop.co.uk` gives `shop.co.uk`."""
    labels = domain.lower().rstrip(".").split(".")
    two = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND
    return ".".join(labels[-3 if two else -2 :])


def aligned(one: str, other: str, strict: bool) -> bool:
    """Whether receivers take the two for the same: equal, or by `relaxed` of one owner."""
    one, other = one.lower().rstrip("."), other.lower().rstrip(".")
    return one == other or (not strict and owned(one) == owned(other))
