"""The worker: two arq workers and the sweep in one process, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import structlog
from arq.worker import Worker, func

from kernel.contracts.errors import InvalidConfig
from kernel.events.turn import sentence
from kernel.jobs.arq_queue import GONE, JOBS, LONG, LONG_LANES, ArqQueue, decode, encode
from kernel.jobs.due import Hints, drain, sweep
from kernel.jobs.lanes import LANES, Runner
from kernel.jobs.locks import LaneLocks
from kernel.jobs.tasks import LONG_SECONDS, SECONDS

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
GRACE = 45.0
"""Seconds that what is in hand has to end after the signal to stop; then it is broken off, undone,
and due again."""
_LONGEST_PAUSE = 5.0
_LEAST_POOL = 4


async def work(
    core: Core,
    redis_url: str,
    *,
    burst: bool = False,
    poll: float = 0.1,
    jobs: int = 8,
    stop: asyncio.Event | None = None,
    grace: float = GRACE,
) -> None:
    """Run whatever is due for any tenant until `stop`.

    Args:
        core: with an open pool. Its `queue` is set while this runs.
        redis_url: where the queue is. While it is away, work waits in Postgres.
        burst: end by itself when nothing is due any more.
        poll: seconds between looks into the queue.
        jobs: turns at once, but no more than half the pool can serve: a turn may need a second
            connection while it holds one, for progress or a transaction of its own.
        stop: set it to stop: no new work is begun, and what is in hand is finished.
        grace: how long that may take.

    Raises:
        InvalidConfig: the pool is so small that turns would wait for one another for ever.
    """
    if core.pool.size < _LEAST_POOL:
        raise InvalidConfig(
            f"A worker needs more than {core.pool.size} database connections.",
            f"Set MAILWRIGHT_DB_POOL to {_LEAST_POOL} or more.",
        )
    stop = stop or asyncio.Event()
    before, queue = core.queue, ArqQueue(redis_url)
    core.queue = queue
    logging.getLogger("arq").setLevel(logging.CRITICAL)  # we log turns and jobs ourselves
    at_once = max(1, min(jobs, (core.pool.size - 2) // 2))
    try:
        async with LaneLocks(core.pool.url) as locks:
            runner = Runner(core, locks, stop.is_set)
            log.info("worker runs", turns_at_once=at_once)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_serve(queue, JOBS, runner, at_once, poll, stop, grace))
                tasks.create_task(_serve(queue, LONG, runner, min(2, at_once), poll, stop, grace))
                tasks.create_task(_sweep_on(core, locks, stop))
                if burst:
                    await drain(core, timeout=24 * 3600)
                    stop.set()
        log.info("worker stopped in order")
    finally:
        core.queue = before
        await queue.close()


async def _serve(
    queue: ArqQueue,
    name: str,
    runner: Runner,
    at_once: int,
    poll: float,
    stop: asyncio.Event,
    grace: float,
) -> None:
    """Take messages off the queue `name`; when Redis goes away, come back to it again and again."""
    pause = 0.1
    while not stop.is_set():
        try:
            await queue.ping()
        except GONE as error:
            queue.away(error)
            await _unless(stop, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            continue
        queue.back()
        worker = _arq_worker(queue, name, runner, at_once, poll)
        serving = asyncio.create_task(worker.async_run())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            worker.allow_pick_jobs = False
            # Turns need Postgres only: they end in order even where Redis is away.
            await _finish(worker, grace if stop.is_set() else None)
        finally:
            stopping.cancel()
            failure = await _end(serving)
        if isinstance(failure, GONE):
            queue.away(failure)
        elif isinstance(failure, Exception):
            log.error("queue failed", queue=name, error=sentence(failure))
        pause = 0.1
        await _unless(stop, pause)


async def _end(serving: asyncio.Task[None]) -> BaseException | None:
    """What the task failed with. Libraries below may swallow a cancellation, so it is repeated."""
    while not serving.done():
        serving.cancel()
        await asyncio.wait({serving}, timeout=0.5)
    return None if serving.cancelled() else serving.exception()


async def _finish(worker: Worker, grace: float | None) -> None:
    """Wait for the turns in hand; break them off when the time is up."""
    if worker.tasks:
        _, late = await asyncio.wait(worker.tasks.values(), timeout=grace)
        for task in worker.job_tasks.values():
            task.cancel()
        if late:
            await asyncio.wait(late)
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)


def _arq_worker(queue: ArqQueue, name: str, runner: Runner, at_once: int, poll: float) -> Worker:
    long = name == LONG

    def function(lane: str) -> Any:
        async def take(ctx: dict[str, Any], tenant: str) -> None:
            try:
                await queue.begun(lane, tenant, ctx["job_id"])
                if await runner.turn(lane, tenant):
                    await queue.wake(lane, tenant)  # to the back: now it is others' turn
            except asyncio.CancelledError:
                return  # broken off in order: arq must not make an error of it

        seconds = LONG_SECONDS if long else 2 * SECONDS
        return func(take, name=lane, keep_result=0, timeout=seconds + 60, max_tries=10)

    return Worker(
        [function(lane) for lane in LANES if (lane in LONG_LANES) == long],
        queue_name=name,
        redis_pool=queue.redis,
        handle_signals=False,
        max_jobs=at_once,
        poll_delay=poll,
        keep_result=0,
        retry_jobs=False,
        log_results=False,
        health_check_interval=60,
        job_serializer=encode,
        job_deserializer=decode,
    )


async def _sweep_on(core: Core, locks: LaneLocks, stop: asyncio.Event) -> None:
    """Sweep every second, in one process at a time: at the start, and after Redis or Postgres came
    back, so that nothing waits for anybody to remember it.
    """
    hints, well = Hints(), True
    while not stop.is_set():
        try:
            async with locks.hold("sweep", "") as ours:
                if ours:
                    await sweep(core, hints)
                await _unless(stop, SWEEP_SECONDS)
            if not well:
                log.info("sweep works again")
            well = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the next sweep may work
            if well:
                log.error("sweep failed", error=sentence(error))
            well = False
            await _unless(stop, SWEEP_SECONDS)


async def _unless(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
