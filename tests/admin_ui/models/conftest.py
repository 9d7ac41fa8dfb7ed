"""A shop with every plugin, and with the toy model of the kernel's tests beside them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_asyncio

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.tenancy.core import Core
from kernel.testing.seed import add_customers, add_order
from tests.kernel.models import toy
from tests.kernel.models.fixtures import database_url, mended

__all__ = ["database_url", "mended"]


@pytest.fixture(scope="session")
def board() -> Plugboard:
    return build_plugboard(mandatory=("admin_ui",), extra=[("toy", toy)], only=("admin_ui",))


@pytest_asyncio.fixture
async def shop(core: Core) -> Core:
    """Every second customer of alpha orders every ten days, the others ordered once long ago."""
    async with core.tenant_scope("alpha") as ctx:
        for place, customer in enumerate(await add_customers(ctx, 12)):
            for days in range(5, 200, 10) if place % 2 else (150,):
                await add_order(ctx, customer, ctx.now - timedelta(days=days), 20.0 + place)
    return core
