"""A shop with every plugin, and with the toy model of the kernel's tests beside them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import timedelta

import pytest
import pytest_asyncio

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.runtime.embedded import ServerUrls
from kernel.tenancy.core import Core
from kernel.testing import database
from kernel.testing.seed import add_customers, add_order
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.kernel.models import toy


@pytest.fixture(scope="session")
def board() -> Plugboard:
    return build_plugboard(mandatory=("admin_ui",), extra=[("toy", toy)], only=("admin_ui",))


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


@pytest_asyncio.fixture
async def client(core: Core) -> AsyncIterator[Browser]:
    """Signed in to alpha."""
    async with browser(core) as client:
        await sign_in(client, core, "alpha")
        yield client


@pytest_asyncio.fixture
async def shop(core: Core) -> Core:
    """Every second customer of alpha orders every ten days, the others ordered once long ago."""
    async with core.tenant_scope("alpha") as ctx:
        for place, customer in enumerate(await add_customers(ctx, 12)):
            for days in range(5, 200, 10) if place % 2 else (150,):
                await add_order(ctx, customer, ctx.now - timedelta(days=days), 20.0 + place)
    return core
