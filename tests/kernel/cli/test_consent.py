"""`mailwright consent`: verify, export, key and check, on a ledger that was tampered with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from kernel.cli import consent
from kernel.cli.program import Program
from kernel.contracts.errors import InvalidInput
from kernel.profiles.consent import set_consents
from kernel.profiles.consent_anchor import public_key
from kernel.testing.seed import add_customers

from .test_decisions import said

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core


async def filled(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 5)
        await set_consents(ctx, [(who, "unsubscribed", "link", ctx.now) for who in ids])


async def test_verify_names_the_row(core: Core, tmp_path: Path) -> None:
    assert "empty" in await said(
        core, consent.command, "export", "alpha", "--out", str(tmp_path / "x")
    )
    await filled(core)
    out = str(tmp_path / "alpha.jsonl")
    text = await said(core, consent.command, "export", "alpha", "--out", out)
    assert "the head and 10 entries, signed" in text
    text = await said(core, consent.command, "verify", "alpha", "--against", out)
    assert "alpha: 10 entries, unbroken, agrees with signed heads: 1" in text
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("SET LOCAL session_replication_role = replica")
        await unit.execute("UPDATE profiles_consent SET source = 'x' WHERE seq = 4")
    text = await said(core, consent.command, "verify", "alpha")
    assert "row 4: A field of this row was altered." in text
    text = await said(core, consent.command, "verify", "alpha", "--against", out)
    assert "row 4:" in text
    with pytest.raises(InvalidInput, match="was not signed by this installation for bravo"):
        await said(core, consent.command, "verify", "bravo", "--against", out)
    checked = CliRunner().invoke(
        consent.command,
        ["check", out, "--key", public_key(core.links.secret)],
        obj=Program(),
        standalone_mode=False,
    )
    assert checked.return_value == 0 and "10 entries, unbroken" in checked.stdout
