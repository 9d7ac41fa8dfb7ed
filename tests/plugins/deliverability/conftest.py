"""A name server, and a shop whose records are all right until a test breaks one."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from plugins.deliverability import resolver
from tests.plugins.conftest import client
from tests.plugins.deliverability.dns_server import NameServer, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

__all__ = ["client"]

SHOP = "alder.example.com"


@cache
def key(bits: int) -> str:
    """A DKIM record with an RSA key; 0: Ed25519."""
    if not bits:
        made = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(made).decode()}"
    public = rsa.generate_private_key(65537, bits).public_key()
    raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(raw).decode()}"


def good(server: NameServer) -> None:
    """All that a shop with SendGrid needs."""
    server.txt(SHOP, "v=spf1 include:sendgrid.net ~all", "some-site-verification=1")
    server.txt("sendgrid.net", "v=spf1 ip4:167.89.0.0/17 -all")
    for name in ("s1", "s2"):
        target = f"{name}.domainkey.u1.wl1.sendgrid.net"
        server.put(f"{name}._domainkey.{SHOP}", "CNAME", target)
        server.txt(target, key(2048))
    server.txt(f"_dmarc.{SHOP}", "v=DMARC1; p=none; rua=mailto:dmarc@example.com")
    server.put(SHOP, "MX", "10 mx.example.com")


@pytest_asyncio.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """The name server that the plugin asks. Who waits for an answer waits half a second."""
    async with serving() as server:
        good(server)
        monkeypatch.setenv(resolver.NAMESERVER, server.address)
        monkeypatch.setattr(resolver, "TIMEOUT", 0.25)
        monkeypatch.setattr(resolver, "LIFETIME", 0.5)
        yield server
