"""The toy's board."""

from __future__ import annotations

import pytest

from kernel.plugboard.board import Plugboard
from tests.kernel.models import toy
from tests.kernel.models.fixtures import database_url, mended

__all__ = ["database_url", "mended"]


@pytest.fixture(scope="session")
def board() -> Plugboard:
    return toy.board()
