"""A real PostgreSQL and a real Valkey for one data folder, shared by everyone who opens it.

Each user of a data folder holds a shared lock on it, which the operating system takes back when the
process ends in whatever way. The first one starts the servers, later ones use them, and the last one
to leave stops them. After a kill -9 of everybody the servers stay up, and the next user adopts them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from kernel.contracts.errors import Unavailable
from kernel.runtime.places import find_places
from kernel.runtime.postgres import EmbeddedPostgres
from kernel.runtime.settings import Settings
from kernel.runtime.valkey import EmbeddedValkey


class ServerUrls(Struct, frozen=True, kw_only=True):
    """Where the servers answer; empty for one that was not asked for."""

    database_url: str = ""
    redis_url: str = ""


class EmbeddedServers:
    """The servers of one data folder, from `start` to `stop`."""

    def __init__(self, data_dir: Path, *, postgres: bool = True, redis: bool = True) -> None:
        self._data_dir = data_dir.expanduser().resolve()
        self._postgres = postgres
        self._redis = redis
        self._membership: int | None = None

    async def start(self) -> ServerUrls:
        """The URLs of running servers; called again, it restarts what no longer answers.

        Raises:
            Unavailable: a server does not start, or the folder cannot be used.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            async with self._alone():
                if self._membership is not None:
                    return await self._start()
                self._membership = self._open("embedded.users")
                fcntl.flock(self._membership, fcntl.LOCK_SH)
                try:
                    return await self._start()
                except BaseException:
                    self._leave()
                    raise
        except OSError as error:
            raise Unavailable(
                f"The data folder {self._data_dir} cannot be used ({error}).",
                "Run Mailwright as the user who made it, or set MAILWRIGHT_DATA_DIR to another folder.",
            ) from error

    async def stop(self) -> None:
        """Leaves the folder; when nobody else uses it, returns after the servers are down."""
        if self._membership is None:
            return
        async with self._alone():
            try:
                fcntl.flock(self._membership, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                places = find_places(self._data_dir)
                await EmbeddedValkey(places).stop()
                if places.pgdata.exists():
                    await EmbeddedPostgres(places).stop()
                with suppress(OSError):  # leave nothing in /tmp
                    places.sockets.rmdir()
            finally:
                self._leave()

    async def _start(self) -> ServerUrls:
        places = find_places(self._data_dir)
        valkey, postgres = EmbeddedValkey(places), EmbeddedPostgres(places)
        if self._redis:
            await valkey.start()
        if self._postgres:
            await postgres.start()
        return ServerUrls(
            database_url=postgres.url if self._postgres else "",
            redis_url=valkey.url if self._redis else "",
        )

    @asynccontextmanager
    async def _alone(self, patience: float = 180) -> AsyncIterator[None]:
        """Holds the folder's lock, so that nobody starts or stops servers at the same time."""
        lock = self._open("embedded.lock")
        try:
            until = asyncio.get_running_loop().time() + patience
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if asyncio.get_running_loop().time() > until:
                    raise Unavailable(
                        f"Another process has been starting the servers of {self._data_dir} for {patience:.0f} s.",
                        "Stop it, or set MAILWRIGHT_DATA_DIR to another folder.",
                    )
                await asyncio.sleep(0.05)
            yield
        finally:
            os.close(lock)

    def _open(self, name: str) -> int:
        lock = os.open(self._data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:  # never lock the folder's owner out of it
            status = self._data_dir.stat()
            os.fchown(lock, status.st_uid, status.st_gid)
        return lock

    def _leave(self) -> None:
        if self._membership is not None:
            os.close(self._membership)
            self._membership = None


@asynccontextmanager
async def embedded_servers(
    data_dir: Path, *, postgres: bool = True, redis: bool = True
) -> AsyncIterator[ServerUrls]:
    """Running servers for the length of the block; data is kept in `data_dir` between blocks."""
    servers = EmbeddedServers(data_dir, postgres=postgres, redis=redis)
    try:
        yield await servers.start()
    finally:
        await servers.stop()


@asynccontextmanager
async def with_servers(settings: Settings) -> AsyncIterator[Settings]:
    """The same settings with both URLs filled; embedded servers run for the length of the block.

    Every command that needs the database opens this around its work.
    """
    if settings.database_url and settings.redis_url:
        yield settings
        return
    async with embedded_servers(
        settings.data_dir, postgres=settings.embedded_postgres, redis=settings.embedded_redis
    ) as urls:
        yield filled(settings, urls)


def filled(settings: Settings, urls: ServerUrls) -> Settings:
    """The same settings with the URLs of embedded servers where none were named."""
    return msgspec.structs.replace(
        settings,
        database_url=settings.database_url or urls.database_url,
        redis_url=settings.redis_url or urls.redis_url,
    )
