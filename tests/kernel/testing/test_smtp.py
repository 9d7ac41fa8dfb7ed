"""The fake mail server, as a real client meets it."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import dkim
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kernel.testing.smtp import FakeSmtp, dkim_valid


@pytest_asyncio.fixture
async def fake() -> AsyncIterator[FakeSmtp]:
    async with FakeSmtp(user="shop", password="secret") as fake:
        yield fake


def mail(number: int = 1, to: str = "anna@example.com") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = "shop@shop.example", to
    made["Subject"], made["Message-ID"] = f"For {number}", f"<m{number}@shop.example>"
    made["List-Unsubscribe"] = "<https://shop.example/u>"
    made.set_content("Größe\n.\nend")
    return made


async def send(fake: FakeSmtp, message: EmailMessage, **settings: Any) -> None:
    assert fake.certificate
    login = {"username": fake.user, "password": fake.password} if fake.user else {}
    await aiosmtplib.send(
        message,
        **{
            "hostname": "127.0.0.1",
            "port": fake.port,
            "start_tls": True,
            "timeout": 5,
            "tls_context": ssl.create_default_context(cafile=fake.certificate.path),
            **login,
            **settings,
        },
    )


async def test_it_accepts_over_tls_and_remembers(fake: FakeSmtp) -> None:
    await send(fake, mail(1))
    await send(fake, mail(1))
    await send(fake, mail(2))
    assert fake.oracle.twice() == [("m1", 2)]
    assert [row.recipient for row in fake.accepted("m2")] == ["anna@example.com"]
    [got] = fake.received("m2")
    assert got["Subject"] == "For 2" and got.get_content().split() == ["Größe", ".", "end"]
    assert fake.logins["accepted"] == 3


async def test_a_wrong_password_and_none(fake: FakeSmtp) -> None:
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await send(fake, mail(), password="wrong")
    with pytest.raises(aiosmtplib.SMTPException):
        await send(fake, mail(), username=None, password=None)
    assert not fake.accepted() and fake.logins["refused"] >= 1


@pytest.mark.parametrize(
    ("kind", "on"),
    [("550", "rcpt"), ("450", "rcpt"), ("451", "mail"), ("554", "data"), ("452", "data")],
)
async def test_statuses(fake: FakeSmtp, kind: str, on: str) -> None:
    fake.fail(kind, on=on)
    with pytest.raises(aiosmtplib.SMTPException) as told:
        await send(fake, mail())
    assert kind in str(told.value) and not fake.accepted()
    await send(fake, mail(2))
    assert [row.message for row in fake.accepted()] == ["m2"]


async def test_nobody_lives_at_bounce_test(fake: FakeSmtp) -> None:
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await send(fake, mail(1, "x@bounce.test"))
    fake.fail(550, on="rcpt", to="*@full.test")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await send(fake, mail(1, "x@full.test"))
    await send(fake, mail(1))
    assert len(fake.accepted()) == 1


async def test_a_server_that_is_too_busy(fake: FakeSmtp) -> None:
    fake.fail(421, on="connect")
    with pytest.raises(aiosmtplib.SMTPException):
        await send(fake, mail())
    await send(fake, mail())


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [("drop", 0), ("drop_dot", 0), ("drop_after", 1), ("stall", 0), ("stall_after", 1)],
)
async def test_answers_that_do_not_come(fake: FakeSmtp, kind: str, accepted: int) -> None:
    fake.fail(kind)
    with pytest.raises((aiosmtplib.SMTPException, OSError, asyncio.TimeoutError)):
        await send(fake, mail(), timeout=1)
    assert len(fake.accepted()) == accepted
    assert fake.faults.struck == {kind: 1}
    await send(fake, mail(2))
    assert fake.accepted("m2")


async def test_a_slow_answer_and_no_connection(fake: FakeSmtp) -> None:
    fake.fail("slow", seconds=0.01)
    await send(fake, mail())
    await fake.refuse()
    with pytest.raises((aiosmtplib.SMTPException, OSError)):
        await send(fake, mail())
    await fake.recover()
    await send(fake, mail(2))
    assert len(fake.accepted()) == 2
    with pytest.raises(ValueError, match="no fault"):
        fake.fail("fire")


async def test_signatures(fake: FakeSmtp) -> None:
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()
    raw = mail(1).as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    covered = [b"from", b"to", b"subject", b"list-unsubscribe"]
    signed = dkim.sign(raw, b"s1", b"shop.example", private, include_headers=covered) + raw
    assert fake.certificate
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1",
        port=fake.port,
        start_tls=True,
        tls_context=ssl.create_default_context(cafile=fake.certificate.path),
        username="shop",
        password="secret",
    ) as client:
        await client.sendmail("shop@shop.example", ["anna@example.com"], signed)
    [got] = fake.raw("m1")
    assert dkim_valid(got, public, covers=("List-Unsubscribe", "Subject"))
    assert not dkim_valid(got, public, covers=("List-Unsubscribe-Post",))
    assert not dkim_valid(got.replace(b"For 1", b"For 2"), public)
