"""Break everything, again and again, while a campaign goes out; then count everybody.

Workers die at every line between claim and record, one after the other in random order. Between and
during: Redis is emptied, Postgres is killed and started, the shop's clock jumps, a second worker runs,
people unsubscribe or are erased, and the provider fails in every way its fake knows. What was really
accepted is told by the other side's own book.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil

from kernel.pipeline import approvals, campaigns, run
from kernel.profiles.rights import erase_customer
from kernel.testing.seed import add_customers
from tests.e2e.chaos.dying import Line, lines
from tests.e2e.chaos.workers import Nursery, let_leases_end, nursery
from tests.e2e.chaos.world import LOST, World

if TYPE_CHECKING:
    from uuid import UUID

    from tests.e2e.chaos.oracle import Oracle

PATIENCE = 4.0
"""Seconds in which a worker must come to its line; else it is killed where it is."""
BATCH = 25
"""Messages a hand-over: small, so that there are enough of them for all the deaths."""
SHARE = 4
"""After so many batches a worker has had its chance to come to its line."""
STORMS = ("redis", "postgres", "clock", "second worker", "leaving")


@dataclass(kw_only=True)
class Report:
    """What came of it."""

    seed: int
    kills: int = 0
    lines: int = 0
    lines_reached: int = 0
    storms: Counter[str] = field(default_factory=Counter)
    law: campaigns.Law | None = None
    states: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    twice: list[str] = field(default_factory=list)
    written_to_after_leaving: list[str] = field(default_factory=list)
    accepted_unknown_to_us: list[str] = field(default_factory=list)
    never_accepted: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Nobody twice, nobody lost, nobody who left, and the law intact."""
        assert self.law is not None and self.law.holds, self
        assert not self.twice, self
        assert not self.written_to_after_leaving, self
        assert not self.accepted_unknown_to_us, self
        assert not self.never_accepted, self


class Chaos:
    """One campaign and all that happens to it."""

    def __init__(self, world: World, oracle: Oracle, *, count: int, kills: int, seed: int) -> None:
        self.world, self.core, self.oracle = world, world.core, oracle
        self.count, self.kills = count, kills
        self.dice = random.Random(seed)
        self.report = Report(seed=seed)
        self.left: set[str] = set()

    async def go(self, storms: tuple[str, ...] = STORMS) -> Report:
        """All of it; the report is complete, not judged."""
        campaign_id = await self._approved()
        deaths = self._deaths()
        self.report.lines = len(set(deaths))
        reached: set[Line] = set()
        with nursery(self.core, self.world.redis_url, **self.oracle.environment) as workers:
            for number, line in enumerate(deaths[: self.kills]):
                if not await self._left():
                    break
                if await self._one_death(workers, line, number, storms):
                    reached.add(line)
                self.report.kills += 1
            await self._finish(workers, campaign_id)
        self.report.lines_reached = len(reached)
        await self._count(campaign_id)
        return self.report

    def _deaths(self) -> list[Line]:
        every = lines(self.oracle.channel)
        deaths: list[Line] = []
        while len(deaths) < self.kills:
            self.dice.shuffle(every)
            deaths += every
        return deaths

    async def _approved(self) -> UUID:
        async with self.core.system_scope("chaos") as unit:
            # No waves: their half hours are not what is tried here.
            await unit.execute(
                """UPDATE tenancy_tenant SET clock_at = $1, sending = '{"ramp_from": 0}'""",
                self.core.clock.now(),
            )
        async with self.core.tenant_scope("alpha") as ctx:
            await add_customers(ctx, self.count, created_at=ctx.now - timedelta(days=2))
        [campaign_id] = await run.propose_due(self.core, "alpha")
        while await run.advance(self.core, "alpha"):
            pass
        async with self.core.tenant_scope("alpha") as ctx:
            await ctx.db.execute("UPDATE pipeline_campaign SET channel = $1", self.oracle.channel)
            await approvals.approve(ctx, campaign_id)
        return campaign_id

    async def _left(self) -> int:
        async with self.core.system_scope("chaos") as unit:
            found: int = await unit.fetchval(
                "SELECT count(*) FROM pipeline_message WHERE state IN ('planned', 'deferred')"
            )
        return found

    async def _one_death(
        self, workers: Nursery, line: Line, number: int, storms: tuple[str, ...]
    ) -> bool:
        """Whether the worker died at its line."""
        times = self.dice.choice((1, 1, 1, 2, 3))
        before = await self._left()
        pid = workers.worker(die=[line.file, line.number, times], batch=BATCH)
        other = None
        if storms and number % 10 == 9:
            storm = storms[(number // 10) % len(storms)]
            self.report.storms[storm] += 1
            other = await self._storm(storm, workers)
        reached = await self._dies(pid, before)
        if not reached:
            _kill(pid)
        if other is not None:
            await asyncio.sleep(self.dice.uniform(0, 0.3))
            _kill(other)
            self.report.kills += 1
        await let_leases_end(self.core)
        return reached

    async def _dies(self, pid: int, before: int) -> bool:
        """Whether the worker came to its line before its patience or its share of messages ended."""
        for _ in range(int(PATIENCE / 0.02)):
            if not psutil.pid_exists(pid):
                return True
            if before - await self._left() >= SHARE * BATCH:
                break
            await asyncio.sleep(0.02)
        return not psutil.pid_exists(pid)

    async def _storm(self, storm: str, workers: Nursery) -> int | None:
        await asyncio.sleep(self.dice.uniform(0, 0.3))
        if storm == "redis":
            await self.world.flush_redis()
        elif storm == "postgres":
            await self.world.restart_postgres()
        elif storm == "clock":
            await self.world.turn_clock(self.dice.choice((-3, -1, 1, 2)))
        elif storm == "leaving":
            await self._someone_leaves()
        else:
            return workers.worker(batch=BATCH)
        return None

    async def _someone_leaves(self) -> None:
        """Some who wait unsubscribe, some are erased: from this commit on they get nothing."""
        async with self.core.tenant_scope("alpha") as ctx:
            rows = await ctx.db.fetch(
                """SELECT m.id, m.customer_id FROM pipeline_message m
                   JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
                   WHERE m.tenant_id = 'alpha' AND m.state IN ('planned', 'deferred')
                   ORDER BY random() LIMIT 6 FOR UPDATE OF c, m SKIP LOCKED"""
            )
            for index, row in enumerate(rows):
                if index % 2:
                    await erase_customer(ctx, row["customer_id"])
                else:
                    await ctx.db.execute(
                        """UPDATE profiles_customer SET email_consent = 'unsubscribed',
                           consent_at = $2 WHERE tenant_id = 'alpha' AND id = $1""",
                        row["customer_id"],
                        ctx.now,
                    )
        self.left |= {str(row["id"]) for row in rows}

    async def _finish(self, workers: Nursery, campaign_id: UUID) -> None:
        """Let one worker end what is left; what stays unknown is settled by the other side."""
        pid = workers.worker()
        async with self.core.system_scope("chaos") as unit:
            await unit.execute(
                "UPDATE tenancy_tenant SET clock_at = $1",
                self.core.clock.now() + timedelta(hours=4),
            )
        while True:
            async with self.core.tenant_scope("alpha") as ctx:
                law = (await campaigns.get(ctx, campaign_id)).law
            if law.waiting + law.deferred == 0 and (
                self.oracle.channel != "outbox" or law.unknown == 0
            ):
                break
            await let_leases_end(self.core)
            await self.world.turn_clock(0.5)  # waves
            await asyncio.sleep(0.3)
        _kill(pid)
        await let_leases_end(self.core)

    async def _count(self, campaign_id: UUID) -> None:
        report = self.report
        accepted = await self.oracle.accepted()
        async with self.core.tenant_scope("alpha") as ctx:
            report.law = (await campaigns.get(ctx, campaign_id)).law
            rows = await ctx.db.fetch("SELECT id, state FROM pipeline_message")
        states = {str(row["id"]): row["state"] for row in rows}
        report.states = Counter(states.values())
        report.accepted = len(accepted)
        report.twice = [key for key, times in accepted.items() if times > 1]
        report.written_to_after_leaving = sorted(self.left & accepted.keys())
        ours = ("accepted", "delivered", "bounced", "unknown")
        report.accepted_unknown_to_us = [k for k in accepted if states.get(k) not in ours]
        report.never_accepted = [
            key
            for key, state in states.items()
            if state in ("accepted", "delivered", "bounced") and key not in accepted
        ]


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


__all__ = ["LOST", "Chaos", "Report"]
