"""Workers on demand, to be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from kernel.testing.pytest_plugin import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kernel.tenancy.core import Core
    from tests.e2e.chaos.world import World


class Nursery:
    """Asks the process of `nursery` for one worker after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def worker(self, world: World, environment: dict[str, str], **wish: Any) -> int:
        """The process id of a new worker on the servers of `world`.

        Args:
            world: its database and queue.
            environment: further variables, for its channel.
            wish: what may be wished for stands in `nursery`.
        """
        settings = {
            **environment,
            "MAILWRIGHT_ENV": "test",
            "DATABASE_URL": world.core.pool.url,
            "REDIS_URL": world.redis_url,
            "MAILWRIGHT_SECRET": SECRET,
            "MAILWRIGHT_BASE_URL": "http://mail.test",
            "MAILWRIGHT_LOG_LEVEL": "error",
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"settings": settings, **wish}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(log: Path) -> Iterator[Nursery]:
    """Ready in some seconds. What its workers say, which is much when servers die, goes to `log`."""
    with log.open("a") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.chaos.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            env={**os.environ, "MAILWRIGHT_ENV": "test"},
        )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        process.wait()


def kill(pid: int) -> None:
    """As kill -9 does; nothing where it is dead already."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


async def let_leases_end(core: Core) -> None:
    """The minutes pass that a lease lasts. Attempts of living workers do not take as long: call it when
    none lives. What the server still does for one just killed may hold rows in another order.
    """
    while True:
        try:
            async with core.system_scope("chaos") as unit:
                await unit.execute(
                    "UPDATE pipeline_message SET lease_until = now() WHERE lease_until > now()"
                )
        except asyncpg.DeadlockDetectedError:
            continue
        return


async def let_be_asked_again(core: Core) -> None:
    """The minute passes in which a channel is not asked again about the same messages."""
    async with core.system_scope("chaos") as unit:
        await unit.execute(
            """UPDATE pipeline_message SET lease_until = now() WHERE (tenant_id, id) IN (
                 SELECT tenant_id, id FROM pipeline_message
                 WHERE state = 'unknown' AND lease_until > now() FOR UPDATE SKIP LOCKED)"""
        )
