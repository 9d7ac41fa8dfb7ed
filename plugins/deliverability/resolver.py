"""Questions to the DNS that always get an answer: found, absent, or failed. Never an exception."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from typing import Literal

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from kernel.sdk import Frozen, InvalidConfig

NAMESERVER = "DELIVERABILITY_NAMESERVER"
"""Environment variable of the operator: `host:port` of the name server to ask, instead of the system's."""
TIMEOUT = 2.0
"""Seconds that one try may take."""
LIFETIME = 5.0
"""Seconds that one question may take, with all its tries."""
WHOLE = 15.0
"""Seconds that all questions of one check may take: what is not answered by then counts as failed."""


class Answer(Frozen):
    """What the DNS said. `failed` means that nobody knows: it is never taken for `absent`."""

    state: Literal["found", "absent", "failed"]
    values: tuple[str, ...] = ()
    """One a record: TXT joined and without quotes, MX as `10 mx.example.com`, addresses as they are."""
    name: str = ""
    """Where the records stand in the end, after every CNAME; empty unless found."""


FAILED = Answer(state="failed")
ABSENT = Answer(state="absent")


class Resolver:
    """Asks each question once: for the length of one check, answers are remembered."""

    def __init__(self) -> None:
        self._resolver = _made()
        self._known: dict[tuple[str, str], Answer] = {}
        self._until = asyncio.get_running_loop().time() + WHOLE

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of `kind` (TXT, MX, CNAME, A, AAAA) at `name`."""
        key = (name.lower().rstrip("."), kind)
        if key not in self._known:
            self._known[key] = await self._asked(*key)
        return self._known[key]

    async def _asked(self, name: str, kind: str) -> Answer:
        left = min(LIFETIME, self._until - asyncio.get_running_loop().time())
        if self._resolver is None or left <= 0:
            return FAILED
        try:
            got = await self._resolver.resolve(name, kind, lifetime=left, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ABSENT
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError, EOFError):
            return FAILED
        texts = tuple(sorted(_text(one) for one in got.rrset or ()))
        return Answer(
            state="found",
            values=texts,
            name=got.canonical_name.to_text(omit_final_dot=True).lower(),
        )


def _text(record: object) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:
        return b"".join(strings).decode("ascii", "replace")
    return str(record).removesuffix(".")


def _made() -> dns.asyncresolver.Resolver | None:
    """None where the system has no name server.

    Raises:
        InvalidConfig: `DELIVERABILITY_NAMESERVER` is no address and port.
    """
    given = os.environ.get(NAMESERVER, "").strip()
    try:
        made = dns.asyncresolver.Resolver(configure=not given)
    except (dns.resolver.NoResolverConfiguration, OSError):
        return None
    made.timeout = TIMEOUT
    if given:
        host, _, port = given.rpartition(":")
        try:
            address = str(ipaddress.ip_address(host.strip("[]")))
            made.nameservers = [dns.nameserver.Do53Nameserver(address, int(port))]
        except ValueError as error:
            raise InvalidConfig(
                f"{NAMESERVER} is {given!r}, which is no address with a port.",
                "Write it as 127.0.0.1:53 or [::1]:53.",
            ) from error
    return made
