"""A Core whose tenant alpha sends through the provider that behaves as told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from kernel.plugboard.board import build_plugboard
from tests.kernel.pipeline import provider as module

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core


@pytest.fixture(scope="session")
def provider_board(board: Plugboard) -> Plugboard:
    installed = [name for name in board.plugins if name != "provider"]
    return build_plugboard(sorted(board.mandatory), extra=[("provider", module)], only=installed)


@pytest.fixture
def provider() -> module.Provider:
    module.PROVIDER.__init__()  # type: ignore[misc]
    return module.PROVIDER


@pytest_asyncio.fixture
async def shop(core: Core, provider_board: Plugboard, provider: module.Provider) -> Core:
    """`core`, with the provider as alpha's first channel and no quiet hours or caps in the way."""
    async with core.system_scope("test") as unit:
        await unit.execute("INSERT INTO tenancy_plugin VALUES ('alpha', 'provider')")
        await unit.execute("DELETE FROM tenancy_plugin WHERE plugin = 'cadence'")
    return replace(core, board=provider_board)
