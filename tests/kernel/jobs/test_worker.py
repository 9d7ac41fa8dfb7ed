"""The worker on a real Valkey: lost queues, dead processes, fairness, stopping in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import structlog

from kernel.contracts.errors import InvalidConfig, Unavailable
from kernel.db.uow import Pool
from kernel.events import deliver as delivering
from kernel.jobs import lanes
from kernel.jobs.arq_queue import JOBS, LONG, ArqQueue, decode
from kernel.jobs.due import drain, due_work, run_due_inline, sweep
from kernel.jobs.worker import work
from kernel.runtime.embedded import EmbeddedServers
from kernel.sdk import enqueue
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests.kernel.jobs.fixtures import (
    ALSO,
    OBEY,
    change,
    effects,
    happen,
    other_process,
    rows,
    until,
    value,
    worker,
)


@pytest_asyncio.fixture(autouse=True)
async def no_slot_is_due(core: Core) -> AsyncIterator[None]:
    await run_due_inline(core, "alpha")
    await change(core, "DELETE FROM probe_effect")
    yield


async def put(core: Core, what: str, job: str = "probe.note", tenant: str = "alpha") -> None:
    async with core.tenant_scope(tenant) as ctx:
        await enqueue(ctx, job, {"what": what})


async def test_everything_flows_through_the_queue(
    core: Core, queue: ArqQueue, redis_url: str, clock: TurnedClock
) -> None:
    async with worker(core, redis_url):
        await happen(core, "event")
        await put(core, "task")
        await put(core, "long", "probe.slow")
        await put(core, "alone", "probe.alone")
        await drain(core, timeout=20)
        assert sorted(await effects(core)) == ["alone", "event", "event", "long", "task"]
        clock.turn(days=1)
        await drain(core, timeout=20)
        assert sorted(await effects(core))[:2] == ["alone", "daily 16 10:00"]
    assert await effects(core, "bravo") == []


async def test_messages_are_msgpack_named_after_the_lane_and_one_for_each(
    core: Core, queue: ArqQueue
) -> None:
    await happen(core, "a")
    await happen(core, "b")
    await put(core, "c", "probe.slow")
    short = await queue.redis.zrange(JOBS, 0, -1)
    long = await queue.redis.zrange(LONG, 0, -1)
    assert len(short) == len(long) == 1
    message = decode(await queue.redis.get(b"arq:job:" + short[0]))
    assert (message["f"], message["a"]) == ("kernel.relay", ["alpha"])
    assert long[0].startswith(b"kernel.long:alpha:")


async def test_nothing_is_told_of_what_is_rolled_back(core: Core, queue: ArqQueue) -> None:
    with suppress(RuntimeError):
        async with core.tenant_scope("alpha") as ctx:
            await enqueue(ctx, "probe.note")
            raise RuntimeError
    assert await queue.redis.dbsize() == 0


async def test_messages_of_other_versions_do_no_harm(
    core: Core, queue: ArqQueue, redis_url: str
) -> None:
    await queue.redis.enqueue_job("kernel.retired", "alpha", _queue_name=JOBS)
    await queue.redis.enqueue_job("kernel.relay", "alpha", 1, 2, _queue_name=JOBS)
    await queue.redis.enqueue_job("kernel.relay", "nobody", _queue_name=JOBS)
    await queue.redis.set("arq:job:garbage", b"\xc1 not msgpack")
    await queue.redis.zadd(JOBS, {"garbage": 1, "no-such-job": 1})
    await happen(core, "a")
    async with worker(core, redis_url):
        await drain(core, timeout=20)

        async def empty() -> bool:
            return not await queue.redis.zcard(JOBS)

        await until(empty)
    assert await effects(core, actor=OBEY) == ["a"]


async def test_flushing_redis_again_and_again_loses_nothing(
    core: Core, queue: ArqQueue, redis_url: str, clock: TurnedClock, monkeypatch: Any
) -> None:
    monkeypatch.setattr(delivering, "BATCH", 20)
    monkeypatch.setattr(lanes, "TURN_SECONDS", 0.05)

    async def flush() -> None:
        while True:
            await queue.redis.flushall()
            await asyncio.sleep(0.03)

    async with worker(core, redis_url):
        flushing = asyncio.create_task(flush())
        for n in range(40):
            await happen(core, *(f"e{n}.{m}" for m in range(10)))
            await put(core, f"task {n}")
            await asyncio.sleep(0.01)
        clock.turn(hours=1)
        flushing.cancel()
        await queue.redis.flushall()
        await drain(core, timeout=40)
    events = [f"e{n}.{m}" for n in range(40) for m in range(10)]
    assert sorted(await effects(core, actor=OBEY)) == sorted(events)
    assert sorted(await effects(core, actor=ALSO)) == sorted(events)
    assert sorted(await effects(core, actor="job probe.note")) == sorted(
        f"task {n}" for n in range(40)
    )
    assert await effects(core, actor="job probe.tick") == ["tick 15 11:00"]


async def test_what_was_lost_before_the_worker_started_is_found(
    core: Core, queue: ArqQueue, redis_url: str
) -> None:
    await happen(core, "a")
    await put(core, "b")
    await queue.redis.flushall()
    await work(core, redis_url, burst=True, poll=0.01)
    assert sorted(await effects(core)) == ["a", "a", "b"]


async def test_redis_goes_away_in_mid_run_and_comes_back(
    core: Core, queue: ArqQueue, tmp_path: Path
) -> None:
    server = EmbeddedServers(tmp_path, postgres=False)
    own_url = (await server.start()).redis_url
    try:
        with structlog.testing.capture_logs() as logs:
            async with worker(core, own_url):
                await put(core, "before")
                await drain(core, timeout=20)
                await put(core, "wait 0.5")
                await asyncio.sleep(0.2)
                await server.stop()
                await put(core, "meanwhile")
                await happen(core, "meanwhile too")
                await asyncio.sleep(0.6)
                in_hand = await effects(core, actor="job probe.note")
                await server.start()
                await drain(core, timeout=30)
        assert in_hand[:2] == ["before", "wait 0.5"], "what is in hand needs no Redis"
        assert await effects(core, actor="job probe.note") == ["before", "wait 0.5", "meanwhile"]
        assert await effects(core, actor=OBEY) == ["meanwhile too"]
        said = [line["event"] for line in logs if "Redis" in line["event"]]
        assert said == ["Redis does not answer: work waits in Postgres", "Redis answers again"]
    finally:
        await server.stop()


async def test_a_worker_killed_in_a_handler_is_taken_over_and_counts_once(
    core: Core, queue: ArqQueue, redis_url: str, tmp_path: Path
) -> None:
    mark, other_mark = tmp_path / "handler", tmp_path / "job"
    await happen(core, "first", f"kill {mark}", "last")
    await put(core, f"kill {other_mark}")
    async with other_process(core, redis_url) as one, other_process(core, redis_url) as two:
        ends = await asyncio.wait_for(asyncio.gather(one.wait(), two.wait()), 40)
    assert ends == [-signal.SIGKILL] * 2 and mark.exists() and other_mark.exists()
    assert await effects(core, actor=OBEY) == []
    async with worker(core, redis_url):
        await drain(core, timeout=30)
    assert await effects(core, actor=OBEY) == ["first", f"kill {mark}", "last"]
    assert await effects(core, actor="job probe.note") == [f"kill {other_mark}"]
    (task,) = await rows(core, "SELECT state, attempts FROM jobs_task WHERE key IS NULL")
    # One attempt more where the event killed a worker that had this job in hand as well.
    assert task["state"] == "done" and task["attempts"] in (2, 3)


async def test_sigterm_finishes_what_is_in_hand_and_begins_nothing(
    core: Core, queue: ArqQueue, redis_url: str
) -> None:
    await put(core, "wait 1.5")
    await put(core, "later")

    async def begun() -> Any:
        return await value(core, "SELECT count(*) FROM jobs_task WHERE state = 'running'")

    async with other_process(core, redis_url) as process:
        await until(begun)
        await put(core, "wait 60", "probe.slow")

        async def both() -> Any:
            return await begun() == 2

        await until(both, 10)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    assert await effects(core) == ["wait 1.5"]
    states = await rows(core, "SELECT state, attempts FROM jobs_task WHERE key IS NULL ORDER BY id")
    assert states == [
        {"state": "done", "attempts": 1},
        {"state": "due", "attempts": 0},
        {"state": "due", "attempts": 0},
    ], "the one that would have taken a minute was broken off, undone, and costs no attempt"


async def test_many_deliveries_of_one_tenant_do_not_starve_another(
    core: Core, queue: ArqQueue, redis_url: str, charlie: str, monkeypatch: Any
) -> None:
    await run_due_inline(core, charlie)
    monkeypatch.setattr(delivering, "BATCH", 50)
    monkeypatch.setattr(lanes, "TURN_SECONDS", 0.2)
    await happen(core, *(f"e{n}" for n in range(10_000)))
    async with core.tenant_scope("alpha") as ctx:
        for n in range(500):
            await enqueue(ctx, "probe.note", {"what": f"t{n}"})
    async with worker(core, redis_url, jobs=1):  # one turn at a time: the hardest case

        async def busy() -> bool:
            return len(await effects(core, actor=OBEY)) > 100

        await until(busy)
        await happen(core, "mine", tenant=charlie)
        await put(core, "mine too", tenant=charlie)

        async def served() -> bool:
            return len(await effects(core, charlie)) >= 4

        await until(served)
        left = 10_000 - len(await effects(core, actor=OBEY))
        tasks_left = 500 - len(await effects(core, actor="job probe.note"))
    assert left > 2_000 and tasks_left > 50, "alpha is far from done"
    await change(core, "DELETE FROM events_delivery")


async def test_a_long_job_does_not_hold_up_short_ones(
    core: Core, queue: ArqQueue, redis_url: str
) -> None:
    await put(core, "wait 3", "probe.slow")
    async with worker(core, redis_url):
        await asyncio.sleep(0.2)
        await put(core, "quick")

        async def quick() -> bool:
            return await effects(core) == ["quick"]

        await until(quick, 2.5)
        await drain(core, timeout=20)
    assert sorted(await effects(core)) == ["quick", "wait 3"]


async def test_two_workers_share_the_work(core: Core, queue: ArqQueue, redis_url: str) -> None:
    async with other_process(core, redis_url), worker(core, redis_url):
        for n in range(30):
            await put(core, f"t{n}")
            await happen(core, f"e{n}")
        await drain(core, timeout=40)
    assert await effects(core, actor="job probe.note") == [f"t{n}" for n in range(30)]
    assert sorted(await effects(core, actor=OBEY)) == sorted(f"e{n}" for n in range(30))


async def test_a_lane_that_fails_rests_and_is_told_of(
    core: Core, queue: ArqQueue, redis_url: str, monkeypatch: Any
) -> None:
    turns = 0

    async def broken(*_: Any) -> bool:
        nonlocal turns
        turns += 1
        raise RuntimeError("for jane@example.com")

    monkeypatch.setitem(lanes.LANES, "kernel.relay", broken)
    await happen(core, "a")
    with structlog.testing.capture_logs() as logs:
        async with worker(core, redis_url):
            await put(core, "other")
            await asyncio.sleep(2.5)
    assert await effects(core) == ["other"]
    assert 1 <= turns <= 3
    assert {line["error"] for line in logs if line["event"] == "turn failed"} == {
        "RuntimeError: for …"
    }


async def test_waiting_for_quiet_says_what_is_left(core: Core) -> None:
    await happen(core, "a")
    with pytest.raises(Unavailable, match=r"kernel\.relay of alpha"):
        await drain(core, timeout=0.1)
    assert await sweep(core) == 1, "without a queue it only counts"
    await run_due_inline(core, "alpha")
    await drain(core, timeout=5)
    assert await due_work(core) == []


async def test_a_pool_in_which_turns_could_wait_for_one_another_is_refused(
    core: Core, redis_url: str
) -> None:
    small = replace(core, pool=Pool(core.pool.url, size=3))
    with pytest.raises(InvalidConfig, match="MAILWRIGHT_DB_POOL to 4"):
        await work(small, redis_url, burst=True)


async def test_a_dead_server_costs_a_request_nothing(core: Core) -> None:
    queue = core.queue = ArqQueue("unix:///nowhere/valkey.sock")
    await happen(core, "a")
    assert await queue.wake("kernel.relay", "alpha") is False
    await queue.close()
    assert await value(core, "SELECT count(*) FROM events_event") == 1
