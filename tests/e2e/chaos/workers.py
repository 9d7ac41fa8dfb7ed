"""Workers on demand, to be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kernel.testing.pytest_plugin import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kernel.tenancy.core import Core


class Nursery:
    """Asks the process of `nursery` for one worker after another."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def worker(self, **wish: Any) -> int:
        """The process id of a new worker; what may be wished for stands in `nursery`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(core: Core, redis_url: str, **environment: str) -> Iterator[Nursery]:
    """Workers that use the database and queue given."""
    settings = {
        "MAILWRIGHT_ENV": "test",
        "DATABASE_URL": core.pool.url,
        "REDIS_URL": redis_url,
        "MAILWRIGHT_SECRET": SECRET,
        "MAILWRIGHT_BASE_URL": "http://mail.test",
        "MAILWRIGHT_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.chaos.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment, **settings},
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        process.wait()


async def let_leases_end(core: Core) -> int:
    """Let the minutes pass that a lease lasts; returns how many attempts it was about.

    Only what has no answer for half a second is touched: no living worker's attempt takes as long.
    """
    async with core.system_scope("chaos") as unit:
        tag = await unit.execute(
            """UPDATE pipeline_message SET lease_until = now() WHERE (tenant_id, id) IN (
                 SELECT tenant_id, id FROM pipeline_message WHERE lease_until > now()
                 AND (state = 'unknown' OR updated_at < now() - interval '0.5 seconds')
                 FOR UPDATE SKIP LOCKED)"""
        )
    return int(tag.rpartition(" ")[2])
