"""Children are kept running, stopped in order, and never outlive us."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from kernel.contracts.errors import Unavailable
from kernel.runtime.supervisor import supervise

CHILD = textwrap.dedent(
    """
    import asyncio, sys, pathlib
    from kernel.runtime.stopping import stop_event

    async def main(folder, work):
        stop = stop_event(supervised=True)
        started = folder / f"started-{__import__('os').getpid()}"
        started.touch()
        await stop.wait()
        await asyncio.sleep(work)  # what is in hand
        (folder / "finished").touch()

    asyncio.run(main(pathlib.Path(sys.argv[1]), float(sys.argv[2])))
    """
)
PARENT = textwrap.dedent(
    """
    import asyncio, os, sys
    from kernel.runtime.supervisor import supervise

    async def ready(): pass

    command = [sys.executable, "-c", sys.argv[1], sys.argv[2], "0.1"]
    asyncio.run(supervise({"child": command}, os.environ, asyncio.Event(), ready()))
    """
)
WRONG = [sys.executable, "-c", "raise SystemExit(2)"]


async def nothing() -> None:
    """Readiness that says nothing."""


async def started(folder: Path, count: int = 1) -> list[int]:
    async with asyncio.timeout(20):
        while len(found := sorted(folder.glob("started-*"))) < count:
            await asyncio.sleep(0.02)
    return [int(path.name.removeprefix("started-")) for path in found]


def child(folder: Path, work: float = 0.3) -> list[str]:
    return [sys.executable, "-c", CHILD, str(folder), str(work)]


async def test_a_stop_lets_children_finish_what_they_have_in_hand(tmp_path: Path) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(supervise({"c": child(tmp_path)}, os.environ, stop, nothing()))
    (pid,) = await started(tmp_path)
    stop.set()
    await task
    assert (tmp_path / "finished").exists()
    assert not psutil.pid_exists(pid)


async def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(supervise({"c": child(tmp_path)}, os.environ, stop, nothing()))
    (first,) = await started(tmp_path)
    os.kill(first, signal.SIGKILL)
    assert len(await started(tmp_path, 2)) == 2
    stop.set()
    await task


async def test_a_child_that_always_falls_stops_everything(tmp_path: Path) -> None:
    commands = {"good": child(tmp_path, 0), "bad": [sys.executable, "-c", "raise SystemExit(3)"]}
    with pytest.raises(ExceptionGroup) as caught:
        await supervise(commands, os.environ, asyncio.Event(), nothing())
    (error,) = caught.value.exceptions
    assert isinstance(error, Unavailable) and "The bad process ended 5 times" in str(error)
    assert (tmp_path / "finished").exists(), "the other one was stopped in order"


async def test_children_stop_in_order_when_we_are_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, CHILD, str(tmp_path)
    )
    (pid,) = await started(tmp_path)
    parent.kill()
    await parent.wait()
    until = time.monotonic() + 10
    while not (tmp_path / "finished").exists():
        assert time.monotonic() < until
        await asyncio.sleep(0.02)
    assert pid


async def test_an_error_to_correct_is_not_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await supervise({"bad": WRONG}, os.environ, asyncio.Event(), nothing())
    (error,) = caught.value.exceptions
    assert isinstance(error, Unavailable) and "cannot start" in str(error)
