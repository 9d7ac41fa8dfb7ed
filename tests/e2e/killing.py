"""Kill the worker with -9 at random moments of a dispatch, again and again, and count everybody."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.pipeline import approvals, campaigns, run
from kernel.testing.pytest_plugin import SECRET
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from kernel.tenancy.core import Core


@dataclass(kw_only=True)
class Report:
    """What came of it."""

    kills: int
    seed: int
    law: campaigns.Law
    mails: int
    messages: int
    twice: int
    were_unknown: int
    died_attempting: int

    def check(self, audience: int) -> None:
        """Nobody twice, nobody lost, the law intact, and the book of the outbox agrees."""
        assert self.law.holds, self
        assert self.twice == 0, self
        assert self.law.audience == audience == self.law.sent, self
        assert self.mails == self.messages == audience, self


class Nursery:
    """Workers on demand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def worker(self) -> int:
        """The process id of a new worker."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def nursery(core: Core, redis_url: str) -> Iterator[Nursery]:
    """Workers that use the database and queue given."""
    environment = {
        **os.environ,
        "MAILWRIGHT_ENV": "test",
        "DATABASE_URL": core.pool.url,
        "REDIS_URL": redis_url,
        "MAILWRIGHT_SECRET": SECRET,
        "MAILWRIGHT_BASE_URL": "http://mail.test",
        "MAILWRIGHT_LOG_LEVEL": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield Nursery(process)
    finally:
        process.kill()
        process.wait()


async def approved_campaign(core: Core, count: int) -> UUID:
    """A campaign to `count` customers, ready to go out; the tenant's clock stands still."""
    async with core.system_scope("killing") as unit:
        await unit.execute(
            """UPDATE tenancy_tenant SET clock_at = $1, sending = '{"ramp_from": 0}'""",
            core.clock.now(),
        )
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, count, created_at=ctx.now - timedelta(days=2))
    [campaign_id] = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    async with core.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign_id)
    return campaign_id


async def kill_workers(core: Core, redis_url: str, *, count: int, kills: int, seed: int) -> Report:
    """Dispatch `count` messages while the worker is killed `kills` times, then let one finish."""
    dice = random.Random(seed)
    campaign_id = await approved_campaign(core, count)
    were_unknown = died_attempting = done = 0
    with nursery(core, redis_url) as workers:
        while done < kills:
            before = await handed_over(core)
            if before == count:
                break
            pid = workers.worker()
            # Spread over the whole dispatch: never more than its share before the next death.
            while await handed_over(core) == before:
                await asyncio.sleep(0.002)
            await asyncio.sleep(dice.uniform(0, 0.15))
            os.kill(pid, signal.SIGKILL)
            done += 1
            died_attempting += await let_leases_end(core)
        pid = workers.worker()
        while not await finished(core, campaign_id):
            were_unknown += await count_state(core, "unknown")
            await let_leases_end(core)
            await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
    async with core.tenant_scope("alpha") as ctx:
        law = (await campaigns.get(ctx, campaign_id)).law
        mails = await ctx.db.fetchval("SELECT count(*) FROM outbox_mail")
        messages = await ctx.db.fetchval("SELECT count(DISTINCT message_id) FROM outbox_mail")
    return Report(
        kills=done,
        seed=seed,
        law=law,
        mails=mails,
        messages=messages,
        twice=mails - messages,
        were_unknown=were_unknown,
        died_attempting=died_attempting,
    )


async def handed_over(core: Core) -> int:
    """How many messages have left `planned`."""
    async with core.system_scope("killing") as unit:
        found: int = await unit.fetchval(
            "SELECT count(*) FROM pipeline_message WHERE state <> 'planned'"
        )
    return found


async def count_state(core: Core, state: str) -> int:
    """How many messages are in `state`."""
    async with core.system_scope("killing") as unit:
        found: int = await unit.fetchval(
            "SELECT count(*) FROM pipeline_message WHERE state = $1", state
        )
    return found


async def let_leases_end(core: Core) -> int:
    """Let the minutes pass that a lease lasts; returns how many attempts it was about.

    Only what has no answer for half a second is touched: no living worker's attempt takes as long.
    """
    async with core.system_scope("killing") as unit:
        tag = await unit.execute(
            """UPDATE pipeline_message SET lease_until = now() WHERE (tenant_id, id) IN (
                 SELECT tenant_id, id FROM pipeline_message WHERE lease_until > now()
                 AND (state = 'unknown' OR updated_at < now() - interval '0.5 seconds')
                 FOR UPDATE SKIP LOCKED)"""
        )
    return int(tag.rpartition(" ")[2])


async def finished(core: Core, campaign_id: UUID) -> bool:
    """Whether the campaign has come to its end."""
    async with core.tenant_scope("alpha") as ctx:
        return (await campaigns.get(ctx, campaign_id)).status == "finished"
