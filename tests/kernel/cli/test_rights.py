"""`mailwright rights` and `mailwright audit`, as a person runs them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kernel.cli import audit, rights
from kernel.testing.seed import add_customers

from .test_decisions import said

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core


async def test_copy_erase_and_who_did_it(core: Core, tmp_path: Path) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx)
    core.command = "mailwright rights"
    out = tmp_path / "copy.json"
    text = await said(core, rights.command, "export", "alpha", str(one), "--out", str(out))
    assert "It is personal data." in text
    assert json.loads(out.read_text())["kernel"]["profiles_customer"]
    assert out.stat().st_mode & 0o077 == 0
    text = await said(core, rights.command, "erase", "alpha", str(one), "--yes", "--json")
    assert json.loads(text)["customer"] == one
    assert "Nobody waits" in await said(core, rights.command, "list", "alpha")
    text = await said(core, audit.command, "alpha")
    assert text.count("command.run") == 2  # the list changed nothing
    assert "mailwright rights" in text
    assert "command.run" not in await said(core, audit.command, "alpha", "--by", "system")
