"""A Core whose tenant alpha sends through the provider that behaves as told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from kernel.plugboard.board import build_plugboard
from tests.kernel.pipeline import provider as module
from tests.kernel.pipeline import thinkers

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
    """`core`, with the provider as alpha's first channel and no quiet hours, caps or questions to the DNS in the way."""
    async with core.system_scope("test") as unit:
        await unit.execute("INSERT INTO tenancy_plugin VALUES ('alpha', 'provider')")
        await unit.execute(
            "DELETE FROM tenancy_plugin WHERE plugin IN ('cadence', 'deliverability')"
        )
    return replace(core, board=provider_board)


@pytest.fixture(scope="session")
def thinking_board(board: Plugboard) -> Plugboard:
    """Rules beneath a toy oracle, a toy guardrail, and two toy campaign types."""
    return build_plugboard(
        sorted(board.mandatory),
        extra=thinkers.TOYS,
        only=[*sorted(board.mandatory), "rules", "outbox"],
    )


@pytest_asyncio.fixture
async def thinking(core: Core, thinking_board: Plugboard) -> Core:
    """`core` with the toy thinkers enabled for alpha."""
    thinkers.ORACLE.__init__()  # type: ignore[misc]
    thinkers.WARDEN.__init__()  # type: ignore[misc]
    async with core.system_scope("test") as unit:
        for name, _ in thinkers.TOYS:
            await unit.execute("INSERT INTO tenancy_plugin VALUES ('alpha', $1)", name)
    return replace(core, board=thinking_board)
