"""Addresses as mail servers take them: what stands after the @ in ASCII (RFC 5891), what stands before it
as it is, which beyond ASCII asks for a server that speaks SMTPUTF8 (RFC 6531).
"""

from __future__ import annotations

import re
import unicodedata

import idna

_LOCAL = re.compile(r"[!#-'*+\-./0-9=?A-Z^_`a-z{|}~\u00a0-\U0010ffff]+")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def wire(email: str) -> str:
    """The address as it is handed over; empty where no mail server takes it.

    Not by the library's own `idna` codec, which is of 2003: it writes `faß.example` as `fass.example`,
    and that is somebody else.
    """
    local, _, domain = email.rpartition("@")
    if not local.isascii():
        local = unicodedata.normalize("NFC", local)
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except UnicodeError:
            return ""
    good = local.isprintable() and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain)
    return f"{local}@{domain}" if good else ""


def same(one: str, other: str) -> bool:
    """Whether two addresses reach one mailbox, as far as their letters tell."""
    return bool(one) and wire(one.strip()).casefold() == wire(other.strip()).casefold() != ""
