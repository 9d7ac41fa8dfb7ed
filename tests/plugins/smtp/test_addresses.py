"""Addresses beyond ASCII: whose they are does not change on the way, and no server gets what it cannot take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from kernel.profiles.suppression import suppressed
from plugins.smtp.addresses import same, wire
from plugins.smtp.answers import NO_UTF8
from plugins.smtp.channel import SMTP
from plugins.smtp.signing import Key
from tests.plugins.attempting import with_mail
from tests.plugins.smtp.mails import attempting, mail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]


@pytest.mark.parametrize(
    ("email", "written"),
    [
        ("Ada@Example.test", "Ada@Example.test"),
        ("ada@müller.example.com", "ada@xn--mller-kva.example.com"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),  # not fass.example: that is somebody else
        ("ada@xn--mller-kva.example.com", "ada@xn--mller-kva.example.com"),
        ("用户@例子.test", "用户@xn--fsqu00a.test"),
        ("jose\u0301@b.test", "josé@b.test"),
        ("ada@b..test", ""),
        ("ada@-ü.test", ""),
        ("ada@" + "ü" * 80 + ".test", ""),
        ("a b@c.test", ""),
        ("a\u00a0b@c.test", ""),
        ("a\u202eb@c.test", ""),  # turns the direction of what follows
        ("ä<x>@c.test", ""),
        ("ä\r\n@c.test", ""),
        ("\ud800@c.test", ""),
        ("@c.test", ""),
        ("ada", ""),
    ],
)
def test_as_it_is_handed_over(email: str, written: str) -> None:
    assert wire(email) == written
    assert wire(written) == written


def test_one_mailbox_in_two_spellings() -> None:
    assert same(" ADA@müller.example.com", "ada@XN--MLLER-KVA.example.com")
    assert not same("ada@faß.example", "ada@fass.example")
    assert not same("", "") and not same("no address", "no address")


async def test_a_server_that_takes_them(
    core: Core, fake: FakeSmtp, use: Use, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.utf8 = True
    monkeypatch.setenv("SMTP_DKIM_KEY_ALPHA", str(folder / "dkim.pem"))
    await use(dkim_selector="s1")
    first, second = await attempting(core, 2)
    first = with_mail(first, mail("Zoë"), email="jürgen@müller.example.com")
    receipts = await SMTP.send(await core.detached("alpha"), [first, second])
    assert [one.state for one in receipts] == ["accepted", "accepted"]
    [one] = fake.accepted(first.id)
    assert one.recipients == ["jürgen@xn--mller-kva.example.com"]
    assert "SMTPUTF8" in one.options
    assert "To: jürgen@xn--mller-kva.example.com\r\n".encode() in one.content
    assert one.content.partition(b"\r\n\r\n")[2].isascii()
    record = Key("s1", load_pem_private_key((folder / "dkim.pem").read_bytes(), None)).record  # type: ignore[arg-type]
    assert dkim.verify(one.content, dnsfunc=lambda name, timeout=5: record.encode())
    # Who needs none of it is handed over as ever.
    [other] = fake.accepted(second.id)
    assert "SMTPUTF8" not in other.options and other.content.isascii()


async def test_a_server_that_does_not_take_them(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use(connections=1)
    first, second = await attempting(core, 2)
    first = with_mail(first, mail(), email="jürgen@b.test")
    receipts = await SMTP.send(await core.detached("alpha"), [first, second])
    assert [one.state for one in receipts] == ["rejected", "accepted"]
    assert receipts[0].reason == NO_UTF8.reason and "SMTPUTF8" in receipts[0].reason
    assert fake.attempts == [second.recipient.email]
    # The server's want, not the mailbox's: another server may take it.
    async with core.tenant_scope("alpha") as ctx:
        assert await suppressed(ctx, ["jürgen@b.test"]) == {}
