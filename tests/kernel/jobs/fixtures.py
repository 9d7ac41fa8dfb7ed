"""A core with the probe alone, a queue, and workers in this and in other processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio

from kernel.jobs.arq_queue import ArqQueue
from kernel.jobs.worker import work
from kernel.plugboard.board import Plugboard
from kernel.runtime.embedded import ServerUrls
from kernel.sdk import emit
from kernel.tenancy.core import Core
from kernel.testing import database
from kernel.testing.clock import START
from kernel.testing.seed import add_tenant
from tests.kernel.jobs import probe


@pytest.fixture(scope="session")
def board() -> Plugboard:
    return probe.board()


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls, board: Plugboard) -> Iterator[str]:
    with database.own(servers.database_url, board, probe.TABLE) as url:
        yield url


@pytest_asyncio.fixture
async def queue(core: Core, redis_url: str) -> AsyncIterator[ArqQueue]:
    """The queue of `core`, empty."""
    queue = ArqQueue(redis_url)
    await queue.redis.flushdb()
    core.queue = queue
    yield queue
    await queue.redis.flushdb()
    await queue.close()


@pytest_asyncio.fixture
async def charlie(core: Core) -> str:
    """A third tenant, that has the probe too."""
    await add_tenant(core, "charlie", [probe.MANIFEST.name])
    return "charlie"


@asynccontextmanager
async def worker(core: Core, redis_url: str, **options: Any) -> AsyncIterator[asyncio.Event]:
    """A worker in this process for the length of the block; yields what stops it."""
    stop = asyncio.Event()
    task = asyncio.create_task(work(core, redis_url, stop=stop, **({"poll": 0.01} | options)))
    try:
        yield stop
    finally:
        stop.set()
        await task


@asynccontextmanager
async def other_process(core: Core, redis_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker in a process of its own, killed at the end if it still lives."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.kernel.jobs.other_worker", core.pool.url, redis_url
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()


async def happen(core: Core, *what: str, tenant: str = "alpha", at: datetime = START) -> None:
    async with core.tenant_scope(tenant) as ctx:
        await emit(ctx, *(probe.Happened(occurred_at=at, what=one) for one in what))


async def rows(core: Core, sql: str, *args: Any) -> list[dict[str, Any]]:
    async with core.system_scope("test") as unit:
        return [dict(row) for row in await unit.fetch(sql, *args)]


async def value(core: Core, sql: str, *args: Any) -> Any:
    async with core.system_scope("test") as unit:
        return await unit.fetchval(sql, *args)


async def change(core: Core, sql: str, *args: Any) -> None:
    async with core.system_scope("test") as unit:
        await unit.execute(sql, *args)


async def effects(core: Core, tenant: str = "alpha", actor: str = "") -> list[str]:
    """What was done, in the order in which it was done; by this actor only, if one is given."""
    found = await rows(
        core,
        "SELECT what FROM probe_effect WHERE tenant_id = $1 AND ($2 = '' OR actor = $2) ORDER BY n",
        tenant,
        actor,
    )
    return [row["what"] for row in found]


OBEY = "subscription probe.obey"
ALSO = "subscription probe.also"


async def make_due(core: Core) -> None:
    """Let the machine time pass that retries wait for."""
    await change(core, "UPDATE events_delivery SET due_at = now() WHERE state = 'pending'")
    await change(core, "UPDATE jobs_task SET due_at = now() WHERE state = 'due'")


async def until(condition: Any, seconds: float = 20.0) -> None:
    """Returns when the coroutine function `condition` answers something true."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
