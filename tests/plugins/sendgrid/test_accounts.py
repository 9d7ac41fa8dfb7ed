"""Whose key and subuser go out with whose mail; and what no log or error shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugins.sendgrid.channel import SENDGRID
from plugins.sendgrid.client import account, client
from tests.plugins.sendgrid.mails import attempting
from tests.plugins.sendgrid.test_outcomes import settings

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.sendgrid import FakeSendGrid


async def test_each_tenant_by_its_own(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.everybodys")
    monkeypatch.setenv("SENDGRID_SUBUSER_BRAVO", "bravo-sub")
    await settings(core, subuser="alpha-sub")
    alpha, bravo = account(await core.detached("alpha")), account(await core.detached("bravo"))
    assert (alpha.key, alpha.subuser, alpha.own) == (fake.api_key, "alpha-sub", True)
    assert (bravo.key, bravo.subuser, bravo.own) == ("SG.everybodys", "bravo-sub", True)
    assert alpha.identity != bravo.identity
    assert fake.api_key not in repr(alpha)
    [message] = await attempting(core)
    await SENDGRID.send(await core.detached("alpha"), [message])
    assert fake.accepted(str(message.id))[0].subuser == "alpha-sub"


async def test_a_merchant_cannot_name_anothers_subuser(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENDGRID_API_KEY_ALPHA")
    monkeypatch.setenv("SENDGRID_API_KEY", fake.api_key)
    await settings(core, subuser="bravo-sub")
    [receipt] = await SENDGRID.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry" and "SENDGRID_SUBUSER_ALPHA" in receipt.halt
    assert fake.totals()["sent"] == 0
    monkeypatch.setenv("SENDGRID_SUBUSER_ALPHA", "alpha-sub")
    assert account(await core.detached("alpha")).subuser == "alpha-sub"


async def test_the_region_names_the_host(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SENDGRID_BASE_URL", raising=False)
    assert account(await core.detached("alpha")).url == "https://api.sendgrid.com"
    await settings(core, region="eu")
    assert account(await core.detached("alpha")).url == "https://api.eu.sendgrid.com"


@pytest.mark.parametrize("key", ["SG.a\nX-Other: 1", "SG.ä"])
async def test_a_key_that_no_header_can_hold(
    core: Core, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY_ALPHA", key)
    problem = account(await core.detached("alpha")).problem
    assert "SENDGRID_API_KEY_ALPHA" in problem and key not in problem


async def test_nothing_is_logged_of_key_or_address(
    core: Core, fake: FakeSendGrid, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    batch = await attempting(core, 3)
    fake.fail("400", to=str(batch[0].recipient.email))
    fake.fail("drop", to=str(batch[1].recipient.email))
    await SENDGRID.send(await core.detached("alpha"), batch)
    said = caplog.text + capsys.readouterr().out
    for message in batch:
        assert str(message.recipient.email) not in said
    # httpcore's own debug lines name headers; they are off unless somebody asks for them by name.
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("httpcore")]
    assert fake.api_key not in "".join(ours)


async def test_one_client_a_process_and_loop(fake: FakeSendGrid) -> None:
    assert client() is client()
    assert client().timeout.connect == 5
