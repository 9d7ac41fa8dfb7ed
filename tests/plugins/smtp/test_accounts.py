"""Whose server and password go with whose mail; and what no log or error shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.smtp.account import account
from plugins.smtp.channel import SMTP
from plugins.smtp.pool import pool
from tests.plugins.smtp.mails import attempting
from tests.plugins.smtp.server import FakeSmtp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kernel.tenancy.core import Core
    from kernel.testing.smtp_tls import Certificate

    Use = Callable[..., Awaitable[None]]


@pytest.fixture
def shared(fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch) -> FakeSmtp:
    """The server and password of everybody; alpha has none of its own."""
    monkeypatch.delenv("SMTP_PASSWORD_ALPHA")
    monkeypatch.setenv("SMTP_HOST", f"127.0.0.1:{fake.port}")
    monkeypatch.setenv("SMTP_USER", fake.user)
    monkeypatch.setenv("SMTP_PASSWORD", fake.password)
    return fake


async def test_each_tenant_by_its_own(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use()
    monkeypatch.setenv("SMTP_HOST", "relay.test:2525")
    monkeypatch.setenv("SMTP_USER", "everybody")
    monkeypatch.setenv("SMTP_PASSWORD", "secret of everybody")
    alpha, bravo = account(await core.detached("alpha")), account(await core.detached("bravo"))
    assert (alpha.host, alpha.port, alpha.user) == ("127.0.0.1", fake.port, fake.user)
    assert (bravo.host, bravo.port, bravo.user) == ("relay.test", 2525, "everybody")
    assert (alpha.problem, bravo.problem) == ("", "")
    assert pool(alpha) is not pool(bravo) and pool(alpha) is pool(alpha)
    assert "secret" not in repr(alpha) + repr(bravo)


async def test_the_server_of_everybody(core: Core, shared: FakeSmtp) -> None:
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "accepted" and shared.taken[0].user == shared.user


async def test_a_merchant_cannot_have_everybodys_password_sent_elsewhere(
    core: Core, shared: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(host="localhost", user="mallory")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and "SMTP_PASSWORD_ALPHA" in receipt.halt
    await use(host="127.0.0.1", port=1, user="mallory")
    who = account(await core.detached("alpha"))
    assert (who.host, who.port, who.user) == ("127.0.0.1", shared.port, shared.user)
    monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
    assert account(await core.detached("alpha")).port == 587
    assert shared.sessions == 0


async def test_without_a_password_a_merchant_names_no_server(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(user="")
    monkeypatch.delenv("SMTP_PASSWORD_ALPHA")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and "SMTP_HOST" in receipt.halt
    assert fake.sessions == 0


async def test_a_shop_of_its_own_at_the_server_of_everybody(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_HOST", f"127.0.0.1:{fake.port}")
    await use(host="", port=1)
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "accepted"


async def test_a_server_next_door_that_asks_for_nothing(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.user, fake.offers_tls = "", False
    monkeypatch.delenv("SMTP_PASSWORD_ALPHA")
    monkeypatch.setenv("SMTP_HOST", f"127.0.0.1:{fake.port}")
    await use(host="", user="", encryption="none")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "accepted"
    assert (fake.taken[0].tls, fake.taken[0].user) == (False, "")


async def test_encrypted_from_the_first_byte(
    core: Core, fake: FakeSmtp, use: Use, certificate: Certificate
) -> None:
    async with FakeSmtp(certificate, implicit=True) as other:
        await use(port=other.port, encryption="tls")
        receipts = await SMTP.send(await core.detached("alpha"), await attempting(core, 2))
        assert {one.state for one in receipts} == {"accepted"}
        assert len(other.taken) == 2 and fake.sessions == 0


async def test_no_password_over_an_open_connection(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use(encryption="none")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and "unencrypted" in receipt.halt
    assert fake.sessions == 0


@pytest.mark.parametrize("missing", ["user", "password", "host"])
async def test_half_an_account_sends_nothing(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    await use(**({"user": ""} if missing == "user" else {"host": ""} if missing == "host" else {}))
    if missing == "password":
        monkeypatch.delenv("SMTP_PASSWORD_ALPHA")
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_USER", "everybody")
    assert account(await core.detached("alpha")).problem


async def test_nothing_is_logged_of_passwords_or_addresses(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    await use(connections=1)
    batch = await attempting(core, 3)
    emails = [str(one.recipient.email) for one in batch]
    fake.fail("rcpt", f"550 5.1.1 <{emails[0]}> unknown", to=emails[0])
    fake.fail("rcpt", to=emails[1])
    receipts = list(await SMTP.send(await core.detached("alpha"), batch))
    monkeypatch.setenv("SMTP_PASSWORD_ALPHA", "wrong of alpha")
    receipts += await SMTP.send(await core.detached("alpha"), batch)
    # The server under test logs what it hears; what is ours does not come from `mail.log`.
    ours = [r.getMessage() for r in caplog.records if r.name != "mail.log"]
    said = "".join(ours) + capsys.readouterr().out + repr(receipts)
    for secret in [*emails, fake.password, "wrong of alpha"]:
        assert secret not in said
