"""What arrives: it reads well, no name can write headers, and its signature covers what it must."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import dkim
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from plugins.smtp.account import account
from plugins.smtp.channel import SMTP
from plugins.smtp.mime import make
from tests.plugins.attempting import with_mail
from tests.plugins.smtp.mails import LINK, attempting, mail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from email.message import EmailMessage
    from pathlib import Path

    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]


async def arrived(core: Core, fake: FakeSmtp, **changes: str) -> bytes:
    """The bytes that the server took of one mail."""
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core, **changes))
    assert receipt.state == "accepted", receipt
    return fake.taken[-1].content


async def test_it_reads_well(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    [message] = await attempting(core)
    await SMTP.send(await core.detached("alpha"), [message])
    content = fake.taken[0].content
    found = fake.taken[0].mail
    assert found["From"] == "Alder & Oak <hello@alder.example.com>"
    assert found["To"] == message.recipient.email
    assert found["Subject"] == "For Ada: 10 % off"
    assert found["Date"].datetime == datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
    assert found["Message-ID"] == f"<{message.id}@alder.example.com>"
    assert found["List-Unsubscribe"] == f"<{LINK}>"
    assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"List-Unsubscribe: <{LINK}>\r\n".encode() in content
    assert found.get_content_type() == "multipart/alternative"
    text, markup = found.iter_parts()
    assert (text.get_content_type(), markup.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content().replace("\r\n", "\n").rstrip("\n") == mail().text
    assert markup.get_content().rstrip() == mail().html
    assert content.isascii() and b"DKIM-Signature" not in content
    assert max(map(len, content.replace(LINK.encode(), b"").split(b"\r\n"))) <= 100
    assert b"\n" not in content.replace(b"\r\n", b"") and b"\r" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "name",
    [
        "Ada\r\nBcc: eve@evil.test",
        "Ada\nBcc: eve@evil.test\n\nbody",
        "Ada\u2028Bcc: eve@evil.test",
        "Ada\x00\x0bBcc: eve@evil.test",
        "Ada =?utf-8?q?=0D=0ABcc:_eve@evil.test?=",
        "日本 <ada> \"x\" 'y'",
        "ü" * 300,
    ],
)
async def test_names_write_no_headers(core: Core, fake: FakeSmtp, use: Use, name: str) -> None:
    await use()
    content = await arrived(core, fake, name=name)
    found: EmailMessage = message_from_bytes(content, policy=default)  # type: ignore[assignment]
    assert set(found.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post",
        "MIME-Version", "Content-Type",
    }  # fmt: skip
    assert fake.attempts == [found["To"]]


async def test_headers_of_a_mail_do_not_replace_ours(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    [message] = await attempting(core)
    given = mail(
        **{
            "from": "eve@evil.test",
            "Bcc": "eve@evil.test",
            "Return-Path": "eve@evil.test",
            "X-Note\r\nBcc": "eve@evil.test",
            "X-Note": "a\r\nBcc: eve@evil.test",
            "Reply-To": "help@alder.example.com",
            "reply-to": "eve@evil.test",
        }
    )
    await SMTP.send(await core.detached("alpha"), [with_mail(message, given)])
    found = fake.taken[0].mail
    assert fake.taken[0].recipients == [message.recipient.email]
    assert found["Bcc"] is None and found["Return-Path"] is None
    assert found.get_all("From") == ["Alder & Oak <hello@alder.example.com>"]
    assert found.get_all("Reply-To") == ["help@alder.example.com"]
    assert found["X-Note"] == "a Bcc: eve@evil.test"


async def test_a_senders_name_is_a_name(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    ctx = await core.detached("alpha")
    sender = msgspec.structs.replace(ctx.tenant.sender, name='Möbel, "Wald" & Söhne <x@y.test>')
    tenant = msgspec.structs.replace(ctx.tenant, sender=sender)
    who = account(ctx)
    [message] = await attempting(core)
    made = message_from_bytes(make(who, tenant, message, ctx.now).as_bytes(), policy=default)
    [address] = made["From"].addresses
    assert (address.display_name, address.addr_spec) == (sender.name, sender.email)


async def test_a_long_domain_keeps_its_id_and_letters_of_any_kind_their_host(
    core: Core, fake: FakeSmtp, use: Use
) -> None:
    await use()
    ctx = await core.detached("alpha")
    domain = "newsletters.of-a-very-long-name-indeed." * 2 + "example.com"
    who = account(ctx)
    who.sender, who.domain = f"hello@{domain}", domain
    [message] = await attempting(core)
    message = with_mail(message, mail(), email="ada@müller.example.com")
    made = message_from_bytes(make(who, ctx.tenant, message, ctx.now).as_bytes(), policy=default)
    assert made["Message-ID"] == f"<{message.id}@{domain}>"
    assert made["To"] == "ada@xn--mller-kva.example.com"
    [receipt] = await SMTP.send(ctx, [message])
    assert receipt.state == "accepted"
    assert fake.attempts == ["ada@xn--mller-kva.example.com"]


@pytest.fixture
def public(folder: Path) -> Callable[..., bytes]:
    """What the DNS answers for the key."""
    key = load_pem_private_key((folder / "dkim.pem").read_bytes(), None)
    shown = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    inner = b"".join(shown.splitlines()[1:-1])

    def answer(name: bytes | str, timeout: int = 5) -> bytes:
        asked = name.decode() if isinstance(name, bytes) else name
        assert asked == "s1._domainkey.alder.example.com."
        return b"v=DKIM1; k=rsa; p=" + inner

    return answer


async def signed(core: Core, fake: FakeSmtp, use: Use) -> bytes:
    await use(dkim_selector="s1")
    return await arrived(core, fake, name="Zoë " * 30, **{"Reply-To": "help@alder.example.com"})


@pytest.mark.parametrize("as_file", [True, False])
async def test_the_signature_is_good(
    core: Core, fake: FakeSmtp, use: Use, folder: Path, public: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch, as_file: bool,
) -> None:  # fmt: skip
    path = folder / "dkim.pem"
    pem = path.read_text().replace("\n", "\\n")
    monkeypatch.setenv("SMTP_DKIM_KEY_ALPHA", str(path) if as_file else pem)
    content = await signed(core, fake, use)
    assert dkim.verify(content, dnsfunc=public)
    signature = str(message_from_bytes(content, policy=default)["DKIM-Signature"])
    tags = dict(part.strip().split("=", 1) for part in re.sub(r"\s", "", signature).split(";"))
    assert (tags["d"], tags["s"], tags["a"]) == ("alder.example.com", "s1", "rsa-sha256")
    covered = set(tags["h"].split(":"))
    assert covered == {
        "from", "to", "subject", "date", "message-id", "reply-to", "mime-version", "content-type",
        "list-unsubscribe", "list-unsubscribe-post",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"List-Unsubscribe: <https://mail.test/", b"List-Unsubscribe: <https://evil.test/"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"Subject: ", b"Subject: Re: "),
        (b"From: ", b"From: eve@evil.test\r\nFrom: "),
        (b"To: ", b"To: eve@evil.test, "),
        (b"Dear", b"Fear"),
    ],
)
async def test_what_is_changed_on_the_way_shows(
    core: Core, fake: FakeSmtp, use: Use, folder: Path, public: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch, old: bytes, new: bytes,
) -> None:  # fmt: skip
    monkeypatch.setenv("SMTP_DKIM_KEY_ALPHA", str(folder / "dkim.pem"))
    content = await signed(core, fake, use)
    assert old in content
    assert not dkim.verify(content.replace(old, new, 1), dnsfunc=public)


@pytest.mark.parametrize("kind", ["missing", "none", "elliptic", "no selector", "no key"])
async def test_half_a_signature_sends_nothing(
    core: Core, fake: FakeSmtp, use: Use, tmp_path: Path, folder: Path,
    monkeypatch: pytest.MonkeyPatch, kind: str,
) -> None:  # fmt: skip
    path = tmp_path / "key.pem"
    if kind == "none":
        path.write_text("no key")
    elif kind == "elliptic":
        key = ec.generate_private_key(ec.SECP256R1())
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    elif kind == "no selector":
        path = folder / "dkim.pem"
    if kind != "no key":
        monkeypatch.setenv("SMTP_DKIM_KEY_ALPHA", str(path))
    await use(dkim_selector="" if kind == "no selector" else "s1")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and "SMTP_DKIM_KEY_ALPHA" in receipt.halt
    assert fake.sessions == 0
