"""A small shop with a campaign that waits, and browsers that are signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from kernel.pipeline import run
from kernel.tenancy.core import Core
from tests.admin_ui.browser import Browser, browser, customers, sign_in


@pytest_asyncio.fixture
async def client(core: Core) -> AsyncIterator[Browser]:
    """Signed in to alpha."""
    async with browser(core) as client:
        await sign_in(client, core, "alpha")
        yield client


@pytest_asyncio.fixture
async def bravo(core: Core) -> AsyncIterator[Browser]:
    """Signed in to bravo."""
    async with browser(core) as client:
        await sign_in(client, core, "bravo")
        yield client


@pytest_asyncio.fixture
async def shop(core: Core) -> Core:
    """Alpha with customers and what the engine proposed for them, decided and waiting."""
    async with core.tenant_scope("alpha") as ctx:
        await customers(ctx)
        await core.board.jobs["winback.rhythm"].value.run(ctx, {})
    await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    return core
