"""A mail server that the tenant alpha has a password for, and a key that signs alpha's mails."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from plugins.smtp import pool
from tests.plugins.smtp.server import FakeSmtp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from kernel.tenancy.core import Core


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`tls.pem` (signed by itself, for 127.0.0.1) and `dkim.pem`."""
    found = tmp_path_factory.mktemp("smtp")
    (found / "tls.pem").write_bytes(_certificate())
    key = rsa.generate_private_key(65537, 2048)
    (found / "dkim.pem").write_bytes(_pem(key))
    return found


@pytest_asyncio.fixture
async def fake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSmtp]:
    """Takes everything until told otherwise. Who waits for its answer waits one second."""
    async with FakeSmtp(folder) as server:
        monkeypatch.setenv("SMTP_PASSWORD_ALPHA", server.password)
        monkeypatch.setenv("SMTP_CA_FILE", str(folder / "tls.pem"))
        for name in (
            "SMTP_PASSWORD",
            "SMTP_HOST",
            "SMTP_USER",
            "SMTP_DKIM_KEY_ALPHA",
            "SMTP_DKIM_ED25519_KEY_ALPHA",
        ):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(pool, "TIMEOUT", 1.0)
        yield server
        pool.close()


@pytest.fixture
def use(core: Core, fake: FakeSmtp) -> Callable[..., Awaitable[None]]:
    """`await use(...)`: alpha sends by the fake server, with these settings changed."""

    async def change(**changes: Any) -> None:
        values = {"host": "127.0.0.1", "port": fake.port, "user": fake.user} | changes
        async with core.tenant_scope("alpha") as ctx:
            await ctx.db.execute(
                "UPDATE tenancy_plugin SET settings = $1::jsonb "
                "WHERE tenant_id = 'alpha' AND plugin = 'smtp'",
                json.dumps(values),
            )

    return change


def _certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    return _pem(key) + made.public_bytes(Encoding.PEM)


def _pem(key: Any) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
