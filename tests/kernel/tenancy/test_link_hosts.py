"""A host for links is one shop's alone, and never that of the installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.contracts.errors import InvalidConfig
from kernel.tenancy import sync
from kernel.tenancy.core import Core

HOST = "mail.alder.example"
FIX = "Name one that only this shop has, such as `{}.alder.example`, and point it here."
Write = Callable[..., None]


def shop(folder: Path, write: Write, name: str, host: str = HOST) -> None:
    """A shop of `acme` with this host; "" for none."""
    write(f"acme/{name}")
    file = folder / "acme" / name / "tenant.toml"
    table = f'[sender]\nlink_host = "{host}"\n'
    file.write_text(file.read_text("utf-8").replace("[sender]\n", table), "utf-8")


async def refused(core: Core, folder: Path) -> str:
    """What both `plan` and `apply` say, which is one problem."""
    said = []
    for act in (sync.plan(core, folder), sync.apply(core, folder, "test")):
        with pytest.raises(InvalidConfig) as caught:
            await act
        said.append(caught.value.problems)
    assert said[0] == said[1] and len(said[0]) == 1
    return said[0][0]


async def test_a_host_belongs_to_one_shop(toy_core: Core, folder: Path, write: Write) -> None:
    shop(folder, write, "shop")
    shop(folder, write, "store")
    said = await refused(toy_core, folder)
    assert said.startswith("tenants/acme/store/tenant.toml:")
    assert "already the host of `shop`" in said and FIX.format("links") in said


async def test_the_installations_own_is_nobodys(toy_core: Core, folder: Path, write: Write) -> None:
    assert toy_core.links.base_url == "http://mail.test"
    shop(folder, write, "shop", "mail.test")
    said = await refused(toy_core, folder)
    line = (folder / "acme/shop/tenant.toml").read_text("utf-8").splitlines().index("[sender]") + 2
    assert said.startswith(f"tenants/acme/shop/tenant.toml:{line}: ")
    assert "the address of this installation itself" in said and FIX.format("mail") in said


async def test_a_shop_that_left_the_files_keeps_its_host(
    toy_core: Core, folder: Path, write: Write
) -> None:
    shop(folder, write, "old")
    await sync.apply(toy_core, folder, "test")
    (folder / "acme" / "old" / "tenant.toml").unlink()
    (folder / "acme" / "old").rmdir()
    shop(folder, write, "young")
    said = await refused(toy_core, folder)
    assert "already the host of `old`" in said and "young" in said


async def test_a_host_may_pass_from_one_shop_to_another(
    toy_core: Core, folder: Path, write: Write
) -> None:
    shop(folder, write, "first")
    shop(folder, write, "second", "mail.second.example")
    await sync.apply(toy_core, folder, "test")
    assert (await sync.plan(toy_core, folder)).pending == ()
    shop(folder, write, "first", "mail.second.example")
    shop(folder, write, "second", HOST)
    await sync.apply(toy_core, folder, "test")
    async with toy_core.system_scope("test") as unit:
        rows = await unit.fetch(
            "SELECT tenant_id, sender ->> 'link_host' AS host FROM tenancy_tenant "
            "WHERE tenant_id IN ('first', 'second') ORDER BY 1"
        )
    assert [tuple(row) for row in rows] == [
        ("first", "mail.second.example"),
        ("second", HOST),
    ]
