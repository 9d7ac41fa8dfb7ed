"""A shop's own templates: from its folder or its reseller's, checked, applied once, and back to default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.contracts.errors import InvalidConfig
from kernel.mail import overrides
from kernel.mail.compiling import kernel_file
from kernel.tenancy import sync, templates
from kernel.tenancy.core import Core

Write = Callable[..., None]
BASE = kernel_file("base.mjml")
OTHER = BASE.replace("#f4f2ee", "#eef2f4")


def put(folder: Path, place: str, source: str, name: str = "base") -> None:
    home = folder / place / "templates"
    home.mkdir(exist_ok=True)
    (home / f"{name}.mjml").write_text(source, encoding="utf-8")


async def kept(core: Core, tenant: str) -> dict[str, str]:
    async with core.tenant_scope(tenant) as ctx:
        return await templates.overrides(ctx)


async def test_tenant_over_reseller_over_default_and_back(
    toy_core: Core, folder: Path, write: Write
) -> None:
    write("acme/shop")
    write("acme/other")
    put(folder, "acme", BASE)
    put(folder, "acme/shop", OTHER)
    plan = await sync.plan(toy_core, folder, overrides.check)
    assert {(c.tenant, c.what, c.old, c.new) for c in plan.changes if "templates." in c.field} == {
        ("shop", "added", None, templates.short(OTHER)),
        ("other", "added", None, templates.short(BASE)),
    }
    assert await sync.apply(toy_core, folder, "tester", overrides.check) == plan
    assert not (await sync.apply(toy_core, folder, "tester", overrides.check)).pending
    assert await kept(toy_core, "shop") == {"base": OTHER}
    assert await kept(toy_core, "other") == {"base": BASE}
    assert await kept(toy_core, "alpha") == await kept(toy_core, "bravo") == {}
    async with toy_core.tenant_scope("shop") as ctx:  # the wall, without our condition
        assert len(await ctx.db.fetch("SELECT * FROM tenancy_template")) == 1

    (folder / "acme/shop/templates/base.mjml").unlink()
    plan = await sync.apply(toy_core, folder, "tester", overrides.check)
    assert [(c.what, c.tenant, c.old, c.new) for c in plan.pending] == [
        ("changed", "shop", templates.short(OTHER), templates.short(BASE))
    ]
    (folder / "acme/templates/base.mjml").unlink()
    plan = await sync.apply(toy_core, folder, "tester", overrides.check)
    assert {(c.what, c.tenant, c.new) for c in plan.pending} == {
        ("removed", "shop", "default"),
        ("removed", "other", "default"),
    }
    assert await kept(toy_core, "shop") == await kept(toy_core, "other") == {}


async def test_faults_name_file_line_and_fix_and_change_nothing(
    toy_core: Core, folder: Path, write: Write
) -> None:
    write("acme/shop")
    put(folder, "acme", BASE.replace("[[main]]", "[[main]]\n<script>x</script>"))
    put(folder, "acme/shop", "x", name="welcom")
    (folder / "acme/shop/templates/base.mjml").symlink_to("/etc/hostname")
    with pytest.raises(InvalidConfig) as caught:
        await sync.apply(toy_core, folder, "tester", overrides.check)
    said = caught.value.problems
    line = BASE[: BASE.index("[[main]]")].count("\n") + 2
    assert any(
        text.startswith(f"tenants/acme/templates/base.mjml:{line}: `<script") for text in said
    )
    assert any("welcom.mjml: `welcom` is no campaign type" in text for text in said)
    assert any("base.mjml: must be a plain file" in text for text in said)
    assert len(said) == 3
    async with toy_core.system_scope("test") as unit:
        assert not await unit.fetch("SELECT * FROM tenancy_template")


async def test_without_a_check_no_template_gets_in(
    toy_core: Core, folder: Path, write: Write
) -> None:
    write("acme/shop")
    put(folder, "acme/shop", BASE)
    with pytest.raises(InvalidConfig, match="not valid"):
        await sync.apply(toy_core, folder, "tester")
