"""Signatures: whoever receives such a mail believes them, each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given, settings
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

RSA = signing.Key("s1", generate_private_key(65537, 2048))
ED25519 = signing.Key("s2", Ed25519PrivateKey.generate())
TEXT = st.text(st.sampled_from(" \tab.=\r\n"), max_size=60)


def believed(mail: bytes, *keys: signing.Key) -> list[bool]:
    """Of each signature of a mail, first to last, whether a receiver who knows the records believes it."""
    records = {key.selector: key.record.encode() for key in keys}

    def record(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().partition(".")[0]]

    count = mail.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    return [dkim.DKIM(mail).verify(number, dnsfunc=record) for number in range(count)]


@given(TEXT, st.text(st.sampled_from(" \tab:<>@."), max_size=60))
@settings(max_examples=40)
def test_receivers_believe_them(body: str, subject: str) -> None:
    lines = "".join(f"{line}\r\n" for line in body.replace("\r", "").splitlines())
    mail = (
        f"From: a@b.test\r\nSubject: {subject}\r\n folded\r\nTo: c@d.test\r\n\r\n{lines}".encode()
    )
    signed = signing.signatures(mail, "b.test", [RSA, ED25519]) + mail
    assert believed(signed, RSA, ED25519) == [True, True]
    changed = signed.replace(b"To: c@d.test", b"To: e@d.test")
    assert believed(changed, RSA, ED25519) == [False, False]


@pytest.mark.parametrize("key", [RSA, ED25519])
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
    whole = fake.taken[0].content
    first = load_pem_private_key((folder / "dkim.pem").read_bytes(), None)
    assert isinstance(first, RSAPrivateKey)
    known = (signing.Key("s1", first), signing.Key("s2", key))
    assert believed(whole, *known) == [True, True]
    # Neither covers the other: either may be taken off on the way.
    second = whole.rindex(b"DKIM-Signature:")
    rest = whole.index(b"\r\nFrom:") + 2
    for one in (whole[:second] + whole[rest:], whole[second:]):
        assert believed(one, *known) == [True]


@pytest.mark.parametrize(
    ("chosen", "variables", "named"),
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
    chosen: dict[str, str], variables: dict[str, str], named: str,
) -> None:  # fmt: skip
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, kind in variables.items():
        monkeypatch.setenv(name, pem if kind == "ed" else str(folder / "dkim.pem"))
    await use(**chosen)
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and named in receipt.halt
    assert fake.sessions == 0
