"""Child processes kept running until they are told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any

import structlog

from kernel.contracts.errors import Unavailable

log = structlog.get_logger(__name__)

GRACE = 60.0
"""Seconds a child has to finish what it has in hand."""
_FALLS = 5
_WITHIN = 60.0


def mailwright(*arguments: str) -> list[str]:
    """The command line that runs this same `mailwright` with these arguments."""
    return [sys.executable, "-m", "kernel.cli.main", *arguments]


async def supervise(
    commands: Mapping[str, list[str]],
    env: Mapping[str, str],
    stop: asyncio.Event,
    ready: Coroutine[Any, Any, None],
) -> None:
    """Keeps a process running for every command until `stop`, then stops them in order.

    Args:
        commands: name -> command line; each must end when its standard input does.
        env: the environment of the children.
        stop: set it to stop: children get SIGTERM, finish what they have in hand, and end.
        ready: awaited once beside them, to tell that they answer.

    Raises:
        Unavailable: one of them fell five times within a minute, or ended with an error to correct
            (code 2) at its first start.
    """
    async with asyncio.TaskGroup() as tasks:
        children = [
            tasks.create_task(_keep(name, command, env, stop)) for name, command in commands.items()
        ]
        told = tasks.create_task(ready)
        await asyncio.wait(children)
        told.cancel()


async def _keep(name: str, command: list[str], env: Mapping[str, str], stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    falls: list[float] = []
    first = True
    while not stop.is_set():
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(env),
            stdin=asyncio.subprocess.PIPE,
            start_new_session=True,  # control-C reaches only us, and we pass it on once
        )
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await _end(name, process)
        if stop.is_set():
            return
        if first and process.returncode == 2:
            raise Unavailable(
                f"The {name} process cannot start.", "Correct what it said above and start again."
            )
        first = False
        falls = [time for time in falls if time > loop.time() - _WITHIN] + [loop.time()]
        log.error("process ended", process=name, code=process.returncode, times=len(falls))
        if len(falls) >= _FALLS:
            raise Unavailable(
                f"The {name} process ended {_FALLS} times within a minute.",
                f"Its last lines above say why; `mailwright {name}` runs it alone.",
            )
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(0.1 * 2 ** len(falls), 5))


async def _end(name: str, process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE)
    except TimeoutError:
        log.error("process did not stop in time and is killed", process=name, seconds=GRACE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
