"""The toy's board."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pytest

from kernel.plugboard.board import Plugboard
from kernel.runtime.embedded import ServerUrls
from kernel.testing import database
from tests.kernel.models import toy


@pytest.fixture(scope="session")
def board() -> Plugboard:
    return toy.board()


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls, board: Plugboard) -> Iterator[str]:
    name = f"{database.unique_name()}_{uuid.uuid4().hex[:8]}"
    yield asyncio.run(database.clone(servers.database_url, board, name))
    with suppress(OSError):
        asyncio.run(database.drop(servers.database_url, name))


@pytest.fixture(autouse=True)
def mended() -> Iterator[None]:
    """The toy is whole at the end of each test."""
    yield
    for name in ("wrong", "broken", "version"):
        toy.TOY.__dict__.pop(name, None)
