"""A mail server that the tenant alpha has a password for, and a key that signs alpha's mails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from kernel.testing.smtp_tls import Certificate
from plugins.smtp import pool
from tests.plugins.smtp.server import FakeSmtp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from kernel.tenancy.core import Core


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds `dkim.pem`."""
    found = tmp_path_factory.mktemp("smtp")
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (found / "dkim.pem").write_bytes(pem)
    return found


@pytest.fixture(scope="session")
def certificate() -> Iterator[Certificate]:
    made = Certificate()
    yield made
    made.close()


@pytest_asyncio.fixture
async def fake(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakeSmtp]:
    """Takes everything until told otherwise. Who waits for its answer waits one second."""
    async with FakeSmtp(certificate) as server:
        monkeypatch.setenv("SMTP_PASSWORD_ALPHA", server.password)
        monkeypatch.setenv("SMTP_CA_FILE", str(certificate.path))
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
