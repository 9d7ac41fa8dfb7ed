"""Signatures, held against the RFC's own example and against another implementation."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from plugins.deliverability.records import key_of
from plugins.smtp import signing
from plugins.smtp.channel import SMTP
from tests.plugins.smtp.mails import attempting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]

EXAMPLE = (
    b"From: Joe SixPack <joe@football.example.com>\r\n"
    b"To: Suzie Q <suzie@shopping.example.net>\r\n"
    b"Subject: Is dinner ready?\r\n"
    b"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
    b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
    b"\r\n"
    b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
)
"""RFC 8463, appendix A.2, as are the key, the header and its signature below."""
SEED = base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
PUBLIC = base64.b64decode("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
BODY = "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8="
UNSIGNED = (
    b" v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n"
    b" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n"
    b" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="
)
SIGNATURE = (
    "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
)


def test_the_example_of_rfc_8463() -> None:
    head, _, body = EXAMPLE.partition(b"\r\n\r\n")
    assert base64.b64encode(sha256(signing.relaxed_body(body)).digest()).decode() == BODY
    names = ("from", "to", "subject", "date", "message-id", "from", "subject", "date")
    data = signing.covered(head + b"\r\n", names) + signing.relaxed(b"dkim-signature", UNSIGNED)
    key = signing.Key("brisbane", Ed25519PrivateKey.from_private_bytes(SEED))
    assert base64.b64encode(key.sign(data)).decode() == SIGNATURE
    assert key.record == f"v=DKIM1; k=ed25519; p={base64.b64encode(PUBLIC).decode()}"


RSA = signing.Key("s1", generate_private_key(65537, 2048))
TEXT = st.text(st.sampled_from(" \tab.=\r\n"), max_size=60)


@given(TEXT, st.text(st.sampled_from(" \tab:<>@."), max_size=60))
def test_another_implementation_believes_them(body: str, subject: str) -> None:
    lines = "".join(f"{line}\r\n" for line in body.replace("\r", "").splitlines())
    mail = f"From: a@b.test\r\nSubject: {subject}\r\n folded\r\nTo: c@d.test\r\n\r\n{lines}"
    signed = signing.signatures(mail.encode(), "b.test", [RSA]) + mail.encode()
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: RSA.record.encode())


@pytest.mark.parametrize("key", [RSA, signing.Key("s2", Ed25519PrivateKey.generate())])
def test_the_dns_check_takes_the_records(key: signing.Key) -> None:
    assert key_of(key.record).state == "ok"


async def test_both_keys_sign_and_each_signature_stands_alone(
    core: Core, fake: FakeSmtp, use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("SMTP_DKIM_KEY_ALPHA", str(folder / "dkim.pem"))
    monkeypatch.setenv("SMTP_DKIM_ED25519_KEY_ALPHA", pem.replace("\n", "\\n"))
    await use(dkim_selector="s1", dkim_selector_ed25519="s2")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "accepted", receipt
    rsa, ed25519 = fake.taken[0].mail.get_all("DKIM-Signature")
    assert "a=rsa-sha256" in rsa and "s=s1;" in rsa
    assert "a=ed25519-sha256" in ed25519 and "s=s2;" in ed25519
    # What the second signs does not hold the first: either may be taken off on the way.
    head = fake.taken[0].content.partition(b"\r\n\r\n")[0] + b"\r\n"
    raw = head[head.rindex(b"DKIM-Signature:") :].partition(b"\r\nFrom:")[0]
    value, _, written = raw.removeprefix(b"DKIM-Signature:").rpartition(b" b=")
    data = signing.covered(head, signing.SIGNED) + signing.relaxed(
        b"dkim-signature", value + b" b="
    )
    public: Ed25519PublicKey = key.public_key()
    public.verify(base64.b64decode(written), sha256(data).digest())


@pytest.mark.parametrize(
    ("settings", "variables", "named"),
    [
        ({"dkim_selector_ed25519": "s2"}, {"SMTP_DKIM_ED25519_KEY_ALPHA": "ed"}, "by RSA beside"),
        (
            {"dkim_selector": "s1", "dkim_selector_ed25519": "S1"},
            {"SMTP_DKIM_KEY_ALPHA": "rsa", "SMTP_DKIM_ED25519_KEY_ALPHA": "ed"},
            "a selector of its own",
        ),
        (
            {"dkim_selector": "s1", "dkim_selector_ed25519": "s2"},
            {"SMTP_DKIM_KEY_ALPHA": "rsa", "SMTP_DKIM_ED25519_KEY_ALPHA": "rsa"},
            "a private key for Ed25519, as PEM",
        ),
        ({"dkim_selector": "s1"}, {"SMTP_DKIM_KEY_ALPHA": "ed"}, "a private key for RSA of 1024"),
        (
            {"dkim_selector": "s1", "dkim_selector_ed25519": "s2"},
            {"SMTP_DKIM_KEY_ALPHA": "rsa"},
            "SMTP_DKIM_ED25519_KEY_ALPHA, and one of them",
        ),
    ],
)
async def test_keys_that_do_not_fit_send_nothing(
    core: Core, fake: FakeSmtp, use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str], variables: dict[str, str], named: str,
) -> None:  # fmt: skip
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, kind in variables.items():
        monkeypatch.setenv(name, pem if kind == "ed" else str(folder / "dkim.pem"))
    await use(**settings)
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and named in receipt.halt
    assert fake.sessions == 0
