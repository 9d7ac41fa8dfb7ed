"""An installation of its own for a storm: servers that may be restarted, one tenant, one campaign."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import psutil
from redis.asyncio import Redis

from kernel.db.uow import Pool
from kernel.plugboard.board import build_plugboard
from kernel.runtime.embedded import EmbeddedServers
from kernel.runtime.places import find_places
from kernel.tenancy.core import Core, Links
from kernel.testing import database
from kernel.testing.clock import TurnedClock
from kernel.testing.pytest_plugin import SECRET
from kernel.testing.seed import add_tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

DATABASE = "chaos"
LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a connection says whose server is gone."""


class World:
    """Two servers and a Core that survives their restarts."""

    def __init__(self, folder: Path, servers: EmbeddedServers, core: Core, redis_url: str) -> None:
        self._folder = folder
        self._servers = servers
        self.core = core
        self.redis_url = redis_url

    async def restart_postgres(self) -> None:
        """Kill the server's processes, all of them, and start it again."""
        pgdata = find_places(self._folder).pgdata
        number = int((pgdata / "postmaster.pid").read_text().splitlines()[0])
        postmaster = psutil.Process(number)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        await asyncio.to_thread(psutil.wait_procs, family, timeout=10)
        await self._servers.start()
        await self.until_answers()

    async def flush_redis(self) -> None:
        """Everything in it is gone."""
        client: Redis = Redis.from_url(self.redis_url)
        await client.flushall()
        await client.aclose()

    async def until_answers(self) -> None:
        """Returns when the database answers our own pool again."""
        while True:
            try:
                async with self.core.system_scope("chaos") as unit:
                    await unit.fetchval("SELECT 1")
            except LOST:
                await asyncio.sleep(0.1)
            else:
                return

    async def turn_clock(self, hours: float) -> None:
        """The tenant's time jumps, forward or back."""
        async with self.core.system_scope("chaos") as unit:
            await unit.execute(
                "UPDATE tenancy_tenant SET clock_at = clock_at + make_interval(secs => $1)",
                hours * 3600,
            )


@asynccontextmanager
async def world(folder: Path, plugins: Sequence[str] | None = None) -> AsyncIterator[World]:
    """Servers in `folder` with the tenants `alpha`, who has every plugin or those named, and `bravo`."""
    servers = EmbeddedServers(folder)
    urls = await servers.start()
    board = build_plugboard()
    try:
        url = await database.clone(urls.database_url, board, database.unique_name())
        pool = await Pool(url, size=4).open()
        core = Core(
            pool=pool,
            board=board,
            links=Links(base_url="http://mail.test", secret=SECRET),
            clock=TurnedClock(),
        )
        everything = sorted(set(board.plugins) - board.enabled({}))
        await add_tenant(core, "alpha", everything if plugins is None else plugins)
        await add_tenant(core, "bravo")
        yield World(folder, servers, core, urls.redis_url)
        await pool.close()
    finally:
        await servers.stop()
