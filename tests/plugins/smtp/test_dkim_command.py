"""`mailwright dkim`: what it prints is what the plugin signs with and what the DNS check takes."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import click
import dkim
import pytest

from kernel.contracts.errors import InvalidInput
from plugins.deliverability.records import key_of
from plugins.smtp.channel import SMTP
from plugins.smtp.commands import dkim as command
from tests.kernel.cli.test_decisions import said
from tests.plugins.smtp.mails import attempting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]


async def test_from_the_command_to_a_mail_that_is_believed(
    core: Core, fake: FakeSmtp, use: Use, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = {}
    for more, selector in (((), "mw1"), (("--ed25519",), "mw2")):
        path = tmp_path / f"{selector}.pem"
        text = await said(core, command, "alpha", "--key", str(path), *more)
        assert path.stat().st_mode & 0o077 == 0
        assert path.read_text() not in text
        name = f"{selector}._domainkey.alder.example.com"
        assert f"TXT record at {name}\n" in text
        [records[name + "."]] = re.findall(r"^v=DKIM1; .*$", text, re.MULTILINE)
        assert key_of(records[name + "."]).state == "ok"
        # The line of a zone file says the same, in strings that fit.
        [line] = re.findall(rf"^{name}\. IN TXT \( (.*) \)$", text, re.MULTILINE)
        strings = re.findall(r'"([^"]*)"', line)
        assert "".join(strings) == records[name + "."] and max(map(len, strings)) <= 255
        [variable] = re.findall(r"set (SMTP_\w+)=", text)
        assert f"{variable}={path}\n" in text
        monkeypatch.setenv(variable, str(path))
        # Again: the same record of the same key.
        again = await said(core, command, "alpha", "--key", str(path), *more)
        assert records[name + "."] in again and "now holds" not in again
    await use(dkim_selector="mw1", dkim_selector_ed25519="mw2")
    [receipt] = await SMTP.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "accepted", receipt
    assert len(fake.taken[0].mail.get_all("DKIM-Signature")) == 2
    assert dkim.verify(
        fake.taken[0].content, dnsfunc=lambda n, timeout=5: records[n.decode()].encode()
    )


async def test_no_file_is_written_over(core: Core, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("precious")
    with pytest.raises(InvalidInput, match="holds no private key"):
        await said(core, command, "alpha", "--key", str(path))
    assert path.read_text() == "precious"
    await said(core, command, "alpha", "--key", str(tmp_path / "rsa.pem"))
    with pytest.raises(InvalidInput, match="for Ed25519"):
        await said(core, command, "alpha", "--key", str(tmp_path / "rsa.pem"), "--ed25519")
    with pytest.raises(InvalidInput, match="cannot be made"):
        await said(core, command, "alpha", "--key", str(tmp_path / "none" / "x.pem"))


async def test_what_is_no_selector(core: Core, tmp_path: Path) -> None:
    for selector in ("a b", "-", "x" * 64, "a\nb"):
        with pytest.raises(click.UsageError):
            await said(core, command, "alpha", "--key", str(tmp_path / "k"), "--selector", selector)
    assert await asyncio.to_thread(lambda: list(tmp_path.iterdir())) == []
