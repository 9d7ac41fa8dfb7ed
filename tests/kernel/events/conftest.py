from collections.abc import AsyncIterator

import pytest_asyncio

from kernel.jobs.due import run_due_inline
from kernel.tenancy.core import Core
from tests.kernel.jobs.fixtures import board, change, charlie, database_url, queue

__all__ = ["board", "charlie", "database_url", "queue"]


@pytest_asyncio.fixture(autouse=True)
async def no_slot_is_due(core: Core) -> AsyncIterator[None]:
    """Regular jobs have run already, so that only events are left to do."""
    await run_due_inline(core, "alpha")
    await change(core, "DELETE FROM probe_effect")
    yield
