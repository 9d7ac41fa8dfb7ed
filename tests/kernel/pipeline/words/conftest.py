"""A shop with one campaign type, whose words a plugin writes or nobody does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from kernel.plugboard.board import build_plugboard
from tests.kernel.pipeline.words import pen as pen_module
from tests.kernel.pipeline.words import writer as module

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core


def board_with(board: Plugboard, *extra: tuple[str, object]) -> Plugboard:
    others = {owned.plugin for owned in board.campaign_types.values()}
    others |= {
        name
        for name, one in board.plugins.items()
        if {"write_copy", "adjust_decisions"} & {*one.hooks}
    }
    # Who is mandatory stays; its campaign type is for customers who have yet to confirm.
    installed = [name for name in board.plugins if name not in others - board.mandatory]
    return build_plugboard(sorted(board.mandatory), extra=list(extra), only=installed)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def pen_board(board: Plugboard) -> Plugboard:
    return board_with(board, ("writer", module), ("pen", pen_module))


@pytest.fixture(scope="session")
def bare_board(board: Plugboard) -> Plugboard:
    return board_with(board, ("writer", module))


@pytest.fixture
def writer() -> module.Writer:
    module.WRITER.__init__()  # type: ignore[misc]
    return module.WRITER


@pytest_asyncio.fixture
async def shop(core: Core, pen_board: Plugboard, writer: module.Writer) -> Core:
    """`core`, with one campaign type whose words the pen writes."""
    async with core.system_scope("test") as unit:
        await unit.execute(
            "INSERT INTO tenancy_plugin VALUES ('alpha', 'writer'), ('alpha', 'pen')"
        )
    return replace(core, board=pen_board)


@pytest.fixture
def templates_only(shop: Core, bare_board: Plugboard) -> Core:
    """The same shop without anybody who writes."""
    return replace(shop, board=bare_board)
