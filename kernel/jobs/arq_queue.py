"""The queue, on arq. A message says "there is work of this kind for this tenant", and no more.

So a message that is lost, doubled, or of another version does no harm. arq's own retries and results
are not used: an attempt is a row in Postgres.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

JOBS = "mailwright:jobs"
LONG = "mailwright:long"
LONG_LANES = frozenset({"kernel.long"})
"""The lanes whose turns may take hours; they have a queue of their own."""
GONE = (RedisError, OSError, TimeoutError)
"""What redis-py raises when the server is away, full, loading or refusing."""

_WAKE_SECONDS = 10
"""How long the mark of a waiting message lasts, should a worker die between taking it and beginning.
A message that waits longer than this can double, which costs a look at the database."""
_REST_SECONDS = 1.0

encode: Callable[[Any], bytes] = msgspec.msgpack.encode
decode: Callable[[bytes], Any] = msgspec.msgpack.decode


def queue_of(lane: str) -> str:
    """The name of the queue on which turns of this lane wait."""
    return LONG if lane in LONG_LANES else JOBS


class ArqQueue:
    """Implements `contracts.context.JobQueue`."""

    def __init__(self, url: str) -> None:
        pool: Any = ConnectionPool.from_url(
            url, socket_connect_timeout=2, socket_timeout=10, health_check_interval=30
        )
        self.redis = ArqRedis(pool, job_serializer=encode, job_deserializer=decode)
        self._silent_until = 0.0
        self._away = False

    async def wake(self, job: str, tenant: str) -> bool:
        """Put a message on the queue, unless one for the same lane and tenant waits already."""
        if time.monotonic() < self._silent_until:
            return False
        try:
            if not await self.redis.set(_mark(job, tenant), b"", nx=True, ex=_WAKE_SECONDS):
                return False
            # A name of its own: arq refuses a second message of the same name while the first runs,
            # and after a crash for as long as the longest job may take.
            name = f"{job}:{tenant}:{uuid.uuid4().hex}"
            await self.redis.enqueue_job(job, tenant, _job_id=name, _queue_name=queue_of(job))
        except GONE as error:
            # Requests must not wait for a dead server one after another.
            self._silent_until = time.monotonic() + _REST_SECONDS
            self.away(error)
            return False
        self.back()
        return True

    async def begun(self, job: str, tenant: str, message: str) -> None:
        """A worker begins with a message: from now on, another one may be put on the queue. It is
        taken off, so that messages of dead workers never pile up at the head of the queue.
        """
        async with self.redis.pipeline(transaction=False) as pipe:
            pipe.delete(_mark(job, tenant))
            pipe.zrem(queue_of(job), message)
            await pipe.execute()

    def away(self, error: BaseException) -> None:
        """Say once that the server does not answer."""
        if not self._away:
            self._away = True
            log.warning("Redis does not answer: work waits in Postgres", error=type(error).__name__)

    def back(self) -> None:
        """Say once that it answers again."""
        if self._away:
            self._away = False
            log.info("Redis answers again")

    async def ping(self) -> None:
        """Nothing, when the server answers; else raises."""
        await self.redis.ping()

    async def close(self) -> None:
        """Give the connections back."""
        await self.redis.aclose(close_connection_pool=True)


def _mark(job: str, tenant: str) -> str:
    return f"mailwright:wake:{job}:{tenant}"
