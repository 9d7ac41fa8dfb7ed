"""Tasks: durable, run once, tried again, dead, skipped, and never by the wrong process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from kernel.contracts.errors import NotFound
from kernel.events.turn import ATTEMPTS, Turn
from kernel.jobs import tasks as running
from kernel.jobs.dead import dead_tasks, replay_task, replay_tasks
from kernel.jobs.due import due_work, run_due_inline
from kernel.jobs.locks import LaneLocks
from kernel.jobs.progress import progress, progress_page
from kernel.jobs.tasks import run_tasks
from kernel.sdk import enqueue
from kernel.tenancy.core import Core
from tests.kernel.jobs.fixtures import change, effects, make_due, rows, value

STATES = "SELECT job, state, attempts, error FROM jobs_task WHERE key IS DISTINCT FROM 'slot' ORDER BY id"


@pytest_asyncio.fixture(autouse=True)
async def no_slot_is_due(core: Core) -> AsyncIterator[None]:
    await run_due_inline(core, "alpha")
    await change(core, "DELETE FROM probe_effect")
    yield


async def put(core: Core, *what: str, job: str = "probe.note", **options: Any) -> list[bool]:
    async with core.tenant_scope("alpha") as ctx:
        return [await enqueue(ctx, job, {"what": one}, **options) for one in what]


async def test_a_task_runs_once_with_its_payload(core: Core) -> None:
    assert await put(core, "a", "b") == [True, True]
    await run_due_inline(core, "alpha")
    await run_due_inline(core, "alpha")
    assert await effects(core, actor="job probe.note") == ["a", "b"]
    assert [(s["state"], s["attempts"]) for s in await rows(core, STATES)] == [("done", 1)] * 2


async def test_what_is_rolled_back_is_not_run(core: Core) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with core.tenant_scope("alpha") as ctx:
            await enqueue(ctx, "probe.note")
            raise RuntimeError
    assert await due_work(core) == []


async def test_an_unknown_job_is_refused_at_once(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        with pytest.raises(NotFound, match=r"probe\.nothing"):
            await enqueue(ctx, "probe.nothing")


async def test_a_key_waits_once_and_can_be_put_again_while_the_first_runs(core: Core) -> None:
    assert await put(core, "a", "b", key="k") == [True, False]
    assert await put(core, "c", key="other") == [True]
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["a", "c"]
    await put(core, "wait 0.3", key="k")
    first = asyncio.create_task(run_due_inline(core, "alpha"))
    await asyncio.sleep(0.15)
    assert await put(core, "after", key="k") == [True], "the running one may not have seen it"
    await first
    await run_due_inline(core, "alpha")
    assert (await effects(core))[2:] == ["wait 0.3", "after"]


async def test_delay_is_machine_time(core: Core, clock: Any) -> None:
    await put(core, "later", delay=3600)
    clock.turn(minutes=10)
    await run_due_inline(core, "alpha")
    assert await effects(core) == []
    await make_due(core)
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["later"]


@pytest.mark.parametrize("what", ["fail", "sql", "cancel", "exit"])
async def test_failure_undoes_the_work_and_tries_again(core: Core, what: str) -> None:
    await put(core, what, "good")
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["good"]
    for _ in range(ATTEMPTS + 1):
        await make_due(core)
        await run_due_inline(core, "alpha")
    dead, done = await rows(core, STATES)
    assert (dead["state"], dead["attempts"], done["state"]) == ("dead", ATTEMPTS, "done")
    assert "jane@" not in dead["error"]
    async with core.tenant_scope("bravo") as ctx:
        assert await dead_tasks(ctx) == [] and await replay_tasks(ctx) == 0
    await change(
        core, """UPDATE jobs_task SET payload = '{"what": "mended"}' WHERE state = 'dead'"""
    )
    async with core.tenant_scope("alpha") as ctx:
        (letter,) = await dead_tasks(ctx)
        await replay_task(ctx, letter.id)
        with pytest.raises(NotFound):
            await replay_task(ctx, letter.id)
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["good", "mended"]


async def test_a_detached_job_commits_by_itself_and_is_tried_again(core: Core) -> None:
    await put(core, "fail", job="probe.alone")
    await run_due_inline(core, "alpha")
    await make_due(core)
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["fail", "fail"], "safe to run twice is the job's own affair"
    (row,) = await rows(core, STATES)
    assert (row["state"], row["attempts"]) == ("due", 2)


async def test_a_job_that_hangs_is_broken_off(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "SECONDS", 0.2)
    await put(core, "hang", "good")
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["good"]
    assert (await rows(core, STATES))[0]["error"] == "NoAnswer: did not end within 0.2 s"


async def test_what_cannot_be_run_is_dead_or_skipped_with_a_sentence(core: Core) -> None:
    await put(core, "a", "b", "c")
    await change(
        core, "UPDATE jobs_task SET job = 'probe.gone' WHERE payload @> '{\"what\": \"a\"}'"
    )
    await change(core, "UPDATE jobs_task SET payload = '[1]' WHERE payload @> '{\"what\": \"b\"}'")
    await run_due_inline(core, "alpha")
    gone, odd, done = await rows(core, STATES)
    assert (gone["state"], odd["state"], done["state"]) == ("dead", "dead", "done")
    assert "No installed plugin has the job probe.gone" in gone["error"]
    assert "not an object" in odd["error"]
    await put(core, "d")
    await change(core, "UPDATE tenancy_plugin SET enabled = false")
    await run_due_inline(core, "alpha")
    assert (await rows(core, STATES))[3]["state"] == "skipped"
    assert await effects(core) == ["c"]


async def test_a_process_that_only_seemed_dead_takes_its_work_back(core: Core) -> None:
    await put(core, "wait 0.4")
    slow = asyncio.create_task(run_tasks(core, "alpha", Turn(), long=False))
    await asyncio.sleep(0.15)
    await run_tasks(core, "alpha", Turn(), long=False)  # takes it over, and runs it to its end
    await slow
    assert await effects(core) == ["wait 0.4"]
    assert [(s["state"], s["attempts"]) for s in await rows(core, STATES)] == [("done", 2)]


async def test_a_job_that_kills_its_process_does_so_only_so_often(core: Core) -> None:
    await put(core, "a")
    await change(
        core, "UPDATE jobs_task SET state = 'running', attempts = $1 WHERE state = 'due'", ATTEMPTS
    )
    await run_due_inline(core, "alpha")
    (row,) = await rows(core, STATES)
    assert row["state"] == "dead" and "process ended" in row["error"]
    assert await effects(core) == []


async def test_what_is_broken_off_in_order_costs_no_attempt(core: Core) -> None:
    await put(core, "wait 30", key="k")
    task = asyncio.create_task(run_tasks(core, "alpha", Turn(), long=False))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (row,) = await rows(core, STATES)
    assert (row["state"], row["attempts"]) == ("due", 0)
    assert await effects(core) == []


async def test_a_later_task_with_the_same_key_takes_the_place_of_one_that_failed(
    core: Core,
) -> None:
    await put(core, "fail", key="k")
    await change(core, "UPDATE jobs_task SET state = 'running', attempts = 1 WHERE state = 'due'")
    await put(core, "newer", key="k")
    await run_due_inline(core, "alpha")
    assert [s["state"] for s in await rows(core, STATES)] == ["skipped", "done"]
    assert await effects(core) == ["newer"]


async def test_old_tasks_and_deliveries_are_tidied(core: Core, clock: Any) -> None:
    await put(core, "old", "fail")
    await run_due_inline(core, "alpha")
    await change(core, "UPDATE jobs_task SET updated_at = now() - interval '8 days'")
    await put(core, "new")
    clock.turn(days=1)
    await run_due_inline(core, "alpha")
    left = await rows(core, STATES)
    assert [(s["job"], s["state"]) for s in left] == [("probe.note", "due"), ("probe.note", "done")]


async def test_a_lane_is_held_once_in_all_processes(core: Core) -> None:
    async with LaneLocks(core.pool.url) as here, LaneLocks(core.pool.url) as there:
        async with here.hold("kernel.task", "alpha") as ours:
            assert ours
            async with here.hold("kernel.task", "alpha") as again:
                assert not again
            async with there.hold("kernel.task", "alpha") as theirs:
                assert not theirs
            async with there.hold("kernel.task", "bravo") as other:
                assert other
        async with there.hold("kernel.task", "alpha") as theirs:
            assert theirs
            assert there._conn is not None
            there._conn.terminate()
            await asyncio.sleep(0.2)
            async with here.hold("kernel.task", "alpha") as ours:
                assert ours, "Postgres gave it back with the connection"
        async with there.hold("kernel.task", "charlie") as theirs:
            assert theirs, "connected again"


async def test_progress_is_seen_before_the_work_commits_and_stays_when_it_fails(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        async with progress(ctx, "one", "Counting", 10) as bar:
            await bar.add(3, "three")
            bar._written = 0.0
            await bar.add(1)
            (line,) = await progress_page(ctx)
            assert (line.state, line.done, line.total, line.note) == ("running", 4, 10, "three")
        (line,) = await progress_page(ctx)
        assert (line.state, line.done) == ("finished", 4)
    with pytest.raises(ValueError):  # noqa: PT012
        async with core.tenant_scope("alpha") as ctx:
            async with progress(ctx, "two", "Failing") as bar:
                await bar.add(1)
                raise ValueError("no")
    async with progress(await core.detached("alpha"), "one", "Counting again", 2):
        pass
    await change(core, "UPDATE jobs_progress SET updated_at = now() - interval '1 hour'")
    async with core.tenant_scope("alpha") as ctx:
        lines = {line.key: line for line in await progress_page(ctx)}
    assert (lines["two"].state, lines["two"].error, lines["two"].done) == (
        "failed",
        "ValueError: no",
        1,
    )
    assert (lines["one"].state, lines["one"].title, lines["one"].done) == (
        "finished",
        "Counting again",
        0,
    )
    await change(core, "UPDATE jobs_progress SET finished_at = NULL")
    async with core.tenant_scope("alpha") as ctx:
        assert {line.state for line in await progress_page(ctx)} == {"lost"}
    assert await value(core, "SELECT count(*) FROM jobs_progress WHERE tenant_id = 'bravo'") == 0
