"""An installation of its own for a storm: servers that may be restarted, one tenant, one campaign."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
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

LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a connection says whose server is gone."""
_LEFT = """
SELECT count(*) AS rows, count(*) FILTER (WHERE due_at IS NULL OR due_at <= clock_at) AS due,
  greatest(min(due_at), clock_at + interval '1 minute') AS next
FROM tenancy_tenant, LATERAL ({what}) w WHERE tenant_id = 'alpha' GROUP BY clock_at
"""


class World:
    """Two servers and a Core that survives their restarts."""

    def __init__(self, folder: Path, servers: EmbeddedServers, core: Core, redis_url: str) -> None:
        self.folder = folder
        self._servers = servers
        self.core = core
        self.redis_url = redis_url

    async def restart_postgres(self) -> None:
        """Kill the server's processes, all of them, and start it again."""
        pgdata = find_places(self.folder).pgdata
        number = int((pgdata / "postmaster.pid").read_text().splitlines()[0])
        postmaster = psutil.Process(number)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        while any(map(_lives, family)):
            await asyncio.sleep(0.01)
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
                "UPDATE tenancy_tenant SET clock_at = clock_at + $1", timedelta(hours=hours)
            )

    async def wait(self, what: str) -> int:
        """A moment in which workers work; returns what `hurry` did before it."""
        left = await self.hurry(what)
        await asyncio.sleep(0.1)
        return left

    async def hurry(self, what: str) -> int:
        """How many rows are left. Where none of them is due (a clock that jumped into the night defers
        them all), time passes until the next one is.

        Args:
            what: SELECT of a column `due_at`, of alpha's rows that work is left for.
        """
        async with self.core.system_scope("chaos") as unit:
            left = await unit.fetchrow(_LEFT.format(what=what))
            if left and left["rows"] and not left["due"]:
                await unit.execute("UPDATE tenancy_tenant SET clock_at = $1", left["next"])
        return left["rows"] if left else 0


async def _hurry(server_url: str) -> None:
    """It is the server that is killed, never the machine: what was written is there without waiting for
    the disk, which takes longest when the server starts again.
    """
    admin: asyncpg.Connection[None] = await asyncpg.connect(server_url)
    await admin.execute("ALTER SYSTEM SET fsync = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


def _lives(process: psutil.Process) -> bool:
    """Dead ones may stay in the list for long: it is not us who buries them."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def world(folder: Path, plugins: Sequence[str]) -> AsyncIterator[World]:
    """A new database with the tenants `alpha`, who has these plugins, and `bravo`, on the servers of `folder`.

    Like every database of tests it is set to `synchronous_commit = off`, so that it forgets the last
    moments before a kill: an attempt must not be among them.
    """
    logging.getLogger("asyncpg.pool").setLevel(logging.ERROR)  # it says that servers are away
    servers = EmbeddedServers(folder)
    urls = await servers.start()
    board = build_plugboard()
    try:
        await _hurry(urls.database_url)
        url = await database.clone(urls.database_url, board, database.unique_name())
        pool = await Pool(url, size=4).open()
        core = Core(
            pool=pool,
            board=board,
            links=Links(base_url="http://mail.test", secret=SECRET),
            clock=TurnedClock(),
        )
        await add_tenant(core, "alpha", plugins)
        await add_tenant(core, "bravo")
        yield World(folder, servers, core, urls.redis_url)
        await pool.close()
    finally:
        await servers.stop()
