"""Our models keep the contract that docs/models.md asks of everybody's."""

from __future__ import annotations

import pytest

from kernel.plugboard.board import build_plugboard
from kernel.testing.models import check_model

BOARD = build_plugboard()


@pytest.mark.parametrize("name", sorted(BOARD.models))
def test_it_keeps_the_contract(name: str) -> None:
    owned = BOARD.models[name]
    check_model(owned.value, BOARD.plugins[owned.plugin].manifest.settings())
