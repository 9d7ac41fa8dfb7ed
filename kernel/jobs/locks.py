"""At most one turn for a tenant and lane at a time, in all processes together."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class LaneLocks:
    """Advisory locks on one connection of its own, so that Postgres itself takes them back at the
    moment a process dies in whatever way, and nobody waits for a lease to run out.

    They make turns fair and keep two workers from doing the same work side by side. That work counts
    once does not rest on them, but on row locks and states written in one transaction with it: when
    the connection is lost, nothing worse than a wasted attempt follows.

    Needs session state: a pooler in transaction mode must not stand in between.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._conn: asyncpg.Connection[Any] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._held: set[int] = set()

    async def __aenter__(self) -> LaneLocks:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._conn is not None:
            await self._conn.close(timeout=5)

    @asynccontextmanager
    async def hold(self, lane: str, tenant: str) -> AsyncIterator[bool]:
        """True inside when the lane is ours for the length of the block, False when it is taken."""
        digest = hashlib.blake2b(f"{lane} {tenant}".encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "big", signed=True)
        if key in self._held:  # a session may take the same advisory lock twice
            yield False
            return
        self._held.add(key)
        try:
            if not await asyncio.shield(self._ask("SELECT pg_try_advisory_lock($1)", key)):
                yield False
                return
            try:
                yield True
            finally:
                await asyncio.shield(self._release(key))
        finally:
            self._held.discard(key)

    async def _ask(self, sql: str, key: int) -> Any:
        async with self._one_at_a_time:
            if self._conn is None or self._conn.is_closed():
                self._conn = await asyncpg.connect(
                    self._url, server_settings={"application_name": "mailwright lanes"}
                )
            return await self._conn.fetchval(sql, key, timeout=10)

    async def _release(self, key: int) -> None:
        try:
            await self._ask("SELECT pg_advisory_unlock($1)", key)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            if self._conn is not None:  # with its connection, the lock goes too
                self._conn.terminate()
