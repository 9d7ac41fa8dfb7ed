"""A database for the board with the toy, and a toy that is whole at the end of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernel.plugboard.board import Plugboard
from kernel.runtime.embedded import ServerUrls
from kernel.testing import database
from tests.kernel.models import toy


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls, board: Plugboard) -> Iterator[str]:
    with database.own(servers.database_url, board) as url:
        yield url


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    """The toy is whole at the end of each test."""
    yield
    for name in ("wrong", "broken", "version"):
        toy.TOY.__dict__.pop(name, None)
