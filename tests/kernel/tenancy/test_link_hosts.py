"""Two tenants cannot have one host for links."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.contracts.errors import InvalidConfig
from kernel.tenancy import sync
from kernel.tenancy.core import Core


async def test_a_host_belongs_to_one_shop(
    toy_core: Core, folder: Path, write: Callable[..., None]
) -> None:
    for shop in ("shop", "store"):
        write(f"acme/{shop}")
        file = folder / "acme" / shop / "tenant.toml"
        host = '[sender]\nlink_host = "mail.alder.example"\n'
        file.write_text(file.read_text("utf-8").replace("[sender]\n", host), "utf-8")
    with pytest.raises(InvalidConfig) as caught:
        await sync.plan(toy_core, folder)
    assert "already the host of `shop`" in str(caught.value.problems)
