"""`mailwright mail`: a mail in a file, and what is wrong with those of a campaign."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest
from click.testing import CliRunner

from kernel.cli import mail
from kernel.contracts.errors import NotFound
from kernel.pipeline import approvals, campaigns, variants
from tests.kernel.cli.test_decisions import decided, program, said

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core


async def test_preview_and_lint(core: Core, tmp_path: Path) -> None:
    await decided(core)
    async with core.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx)
    out = tmp_path / "mail.html"
    key = str(campaign.id)
    told = await said(core, mail.command, "preview", "alpha", key, "--out", str(out))
    assert str(out) in told
    assert (
        out.read_text().startswith("<!doctype html>") and "prefers-color-scheme" in out.read_text()
    )
    assert "Unsubscribe" in out.with_suffix(".txt").read_text()
    await said(core, mail.command, "preview", "alpha", key, "--dark", "--out", str(out))
    assert "prefers-color-scheme" not in out.read_text()
    assert "no findings" in await said(core, mail.command, "lint", "alpha", key)

    async with core.tenant_scope("alpha", "Mia") as ctx:
        for one in await variants.listing(ctx, campaign.id):
            copy = msgspec.structs.replace(one.copy, button="Look", link="https://bit.ly/x")
            await approvals.edit(ctx, campaign.id, one.name, copy)
    done = await asyncio.to_thread(
        CliRunner().invoke, mail.command, ["lint", "alpha", key], obj=program(core),
        standalone_mode=False,
    )  # fmt: skip
    assert done.return_value == 1
    assert "block  shortener: https://bit.ly/x" in done.stdout


async def test_another_tenants_campaign_is_not_found(core: Core, tmp_path: Path) -> None:
    await decided(core)
    async with core.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx)
    for key in (str(campaign.id), str(uuid4())):
        with pytest.raises(NotFound):
            await said(core, mail.command, "lint", "bravo", key)
        with pytest.raises(NotFound):
            await said(
                core, mail.command, "preview", "bravo", key, "--out", str(tmp_path / "x.html")
            )
