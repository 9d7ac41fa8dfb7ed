"""Browsers for the pages of plugins: one that is signed in, one of a stranger."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from kernel.tenancy.core import Core
from tests.admin_ui.conftest import client
from tests.plugins.visitor import visitor

__all__ = ["client"]


@pytest_asyncio.fixture
async def web(core: Core) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in nowhere."""
    async with visitor(core) as client:
        yield client
