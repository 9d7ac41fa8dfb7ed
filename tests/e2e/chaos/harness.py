"""Break everything, again and again, while a campaign goes out; then count everybody.

Workers die at every line between claim and record, one after the other in random order. Between and
during: Redis is emptied, Postgres is killed and started, the shop's clock jumps, a second worker runs,
people unsubscribe, are suppressed or erased, and the provider fails in every way its fake knows. Then it
tells what became of its mail, to workers that die at every line, too; and then days pass. What was really
accepted is told by the other side's own book.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import psutil

from kernel.pipeline import approvals, campaigns, run
from kernel.pipeline.suppressing import suppress
from kernel.profiles.rights import erase_customer
from kernel.testing.seed import add_customers
from tests.e2e.chaos.dying import BETWEEN_EVENT_AND_LEDGER, Line, lines
from tests.e2e.chaos.report import AFTER_THE_LAST, ALL_TOLD, DAYS_LATER, Moment, Report
from tests.e2e.chaos.workers import Nursery, kill, let_be_asked_again, let_leases_end

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from tests.e2e.chaos.oracle import Oracle
    from tests.e2e.chaos.world import World

PATIENCE = 4.0
"""Seconds in which a worker must come to its line; else it is killed where it is."""
SHARE = 4
"""After so many batches a worker has had its chance to come to its line."""
HEARING = 5
"""For so many deaths while sending, there is one while being told."""
STORMS = ("redis", "postgres", "clock", "second worker", "leaving")
WAYS = ("unsubscribed", "suppressed", "erased")
"""How people leave."""
DAYS = 4
"""In which what is unknown is settled by time: `sending.unknown_hours` are three."""
EVERY = 5.0
"""Seconds between two lines of progress."""

WAITING = """SELECT due_at FROM pipeline_message WHERE tenant_id = 'alpha'
             AND state IN ('planned', 'deferred', 'attempting')"""
UNKNOWN = "SELECT NULL::timestamptz AS due_at FROM pipeline_message WHERE state = 'unknown'"


class Chaos:
    """One campaign and all that happens to it."""

    def __init__(
        self,
        world: World,
        workers: Nursery,
        oracle: Oracle,
        *,
        count: int,
        kills: int,
        seed: int,
    ) -> None:
        self.world, self.core, self.workers, self.oracle = world, world.core, workers, oracle
        self.count, self.kills = count, kills
        self.batch = max(5, count // (SHARE * kills))
        """Messages a hand-over: small, so that there are enough of them for all the deaths."""
        self.storm_every = max(1, min(10, kills // len(STORMS)))
        self.dice = random.Random(seed)
        self.report = Report(channel=oracle.channel, count=count, seed=seed, taken=oracle.taken)
        self.doing = "approving"
        self.left = count
        """Messages that wait, when last looked at."""
        self.campaign: UUID

    async def go(self) -> Report:
        """All of it; the report is complete, not judged."""
        progress = asyncio.create_task(self._tell_progress())
        begun = time.monotonic()
        try:
            self.campaign = await self._approved()
            begun = time.monotonic()
            self.doing = "sending"
            await self._die_while_sending()
            self.doing = "sending the rest"
            await self._finish()
            await self._note(AFTER_THE_LAST)
            self.doing = "being told"
            await self._be_told()
            await self._note(ALL_TOLD)
            self.doing = "waiting for days"
            await self._let_days_pass()
            await self._note(DAYS_LATER)
        finally:
            progress.cancel()
        self.report.seconds = time.monotonic() - begun
        self.report.faults = self.oracle.faults()
        return self.report

    async def _tell_progress(self) -> None:
        begun, report = time.monotonic(), self.report
        print(f"\n{report.channel}: {self.count:,} messages, seed {report.seed}", flush=True)
        while True:
            await asyncio.sleep(EVERY)
            print(
                f"  {time.monotonic() - begun:4.0f} s  {self.doing}: {report.kills:,} killed, "
                f"{self.left:,} messages left, {len(report.reached):,} lines reached",
                flush=True,
            )

    async def _approved(self) -> UUID:
        async with self.core.system_scope("chaos") as unit:
            # No waves and no breaker: they are not what is tried here. A pace, but none that holds up.
            await unit.execute(
                """UPDATE tenancy_tenant SET clock_at = $1,
                   sending = '{"ramp_from": 0, "max_bounces": 100, "max_complaints": 100,
                     "rate_per_hour": 1000000000}'""",
                self.core.clock.now(),
            )
        async with self.core.tenant_scope("alpha") as ctx:
            await add_customers(ctx, self.count, created_at=ctx.now - timedelta(days=2))
            await ctx.db.execute(
                """UPDATE profiles_customer SET email = replace(email, '@example.com', '@bounce.test')
                   WHERE tenant_id = 'alpha' AND id % 50 = 0"""
            )
        [campaign_id] = await run.propose_due(self.core, "alpha")
        while await run.advance(self.core, "alpha"):
            pass
        async with self.core.tenant_scope("alpha") as ctx:
            await ctx.db.execute("UPDATE pipeline_campaign SET channel = $1", self.oracle.channel)
            await approvals.approve(ctx, campaign_id)
        return campaign_id

    # --- on the way out

    async def _die_while_sending(self) -> None:
        for number, line in enumerate(self._in_turn(lines(self.oracle.channel))):
            self.left = await self.world.hurry(WAITING)
            if number == self.kills or not self.left:
                return
            storm = ""
            if number % self.storm_every == self.storm_every - 1:
                storm = STORMS[number // self.storm_every % len(STORMS)]
            await self._one_death(line, storm)

    def _in_turn(self, every: list[Line]) -> Iterator[Line]:
        """Each line once in random order, and all of them again and again."""
        while True:
            self.dice.shuffle(every)
            yield from every

    async def _look(self) -> int:
        async with self.core.system_scope("chaos") as unit:
            self.left = await unit.fetchval(
                "SELECT count(*) FROM pipeline_message WHERE state IN ('planned', 'deferred')"
            )
        return self.left

    def _worker(self, line: Line | None = None, batch: int | None = None) -> int:
        wish: dict[str, object] = {"batch": batch} if batch else {}
        if line is not None:
            wish["die"] = [line.file, line.number, self.dice.choice((1, 1, 1, 2, 3))]
        return self.workers.worker(self.world, self.oracle.environment, **wish)

    def _kill(self, pid: int) -> None:
        kill(pid)
        self.report.kills += 1

    async def _one_death(self, line: Line, storm: str) -> None:
        before = self.left
        pid = self._worker(line, self.batch)
        other = None
        if storm:
            self.report.storms[storm] += 1
            other = await self._storm(storm)
        self.report.tried.add(line)
        if await self._dies(pid, before - SHARE * self.batch):
            self.report.reached.add(line)
        self._kill(pid)
        if other is not None:
            await asyncio.sleep(self.dice.uniform(0, 0.3))
            self._kill(other)
        await let_leases_end(self.core)

    async def _dies(self, pid: int, enough: int, patience: float = PATIENCE) -> bool:
        """Whether the worker came to its line before our patience ended, or no more than `enough` were left."""
        begun = looked = time.monotonic()
        while psutil.pid_exists(pid):
            now = time.monotonic()
            if now - begun > patience:
                return False
            if now - looked > 0.2:  # to count takes long among many
                if await self._look() <= enough:
                    break
                looked = time.monotonic()
            await asyncio.sleep(0.01)
        return not psutil.pid_exists(pid)

    async def _storm(self, storm: str) -> int | None:
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
            return self._worker(batch=self.batch)
        return None

    async def _someone_leaves(self) -> None:
        """Some who wait unsubscribe, are suppressed or erased: from this commit on they get nothing."""
        left: dict[str, str] = {}
        async with self.core.tenant_scope("alpha") as ctx:
            rows = await ctx.db.fetch(
                """SELECT m.id, m.customer_id, c.email FROM pipeline_message m
                   JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
                   WHERE m.tenant_id = 'alpha' AND m.state IN ('planned', 'deferred')
                   ORDER BY random() LIMIT 6 FOR UPDATE OF c, m SKIP LOCKED"""
            )
            for index, row in enumerate(rows):
                way = left[str(row["id"])] = WAYS[index % len(WAYS)]
                if way == "erased":
                    await erase_customer(ctx, row["customer_id"])
                elif way == "suppressed":
                    await suppress(ctx, row["email"], "complained")
                else:
                    await ctx.db.execute(
                        """UPDATE profiles_customer SET email_consent = 'unsubscribed',
                           consent_at = $2 WHERE tenant_id = 'alpha' AND id = $1""",
                        row["customer_id"],
                        ctx.now,
                    )
        self.report.left |= left

    async def _finish(self) -> None:
        """One worker sends what is left. Where the channel is certain, nothing stays unknown, either."""
        work = f"{WAITING} UNION ALL {UNKNOWN}" if self.oracle.certain else WAITING
        pid = self._worker()
        while left := await self.world.wait(work):
            self.left = left
            if self.oracle.certain:
                await let_be_asked_again(self.core)
        self.left = 0
        self._kill(pid)

    # --- what is heard of it

    async def _be_told(self) -> None:
        """The other side tells what it tells by itself; those who note it die, too."""
        telling = asyncio.create_task(self.oracle.tell(self.world))
        every = self._in_turn(lines(self.oracle.channel, BETWEEN_EVENT_AND_LEDGER))
        await asyncio.wait({telling}, timeout=0.1)
        for line in itertools.islice(every, self.kills // HEARING):
            if telling.done():
                break
            pid = self._worker(line)
            self.report.tried.add(line)
            if await self._dies(pid, enough=-1, patience=1.0):
                self.report.reached.add(line)
            self._kill(pid)
        pid = self._worker()
        self.report.told = await telling
        self._kill(pid)

    async def _let_days_pass(self) -> None:
        await self.world.turn_clock(24 * DAYS)
        await let_leases_end(self.core)
        pid = self._worker()
        while await self.world.wait(UNKNOWN):
            await let_be_asked_again(self.core)
        until = time.monotonic() + 30
        while not self.report.finished and time.monotonic() < until:
            await asyncio.sleep(0.1)
            async with self.core.tenant_scope("alpha") as ctx:
                status = (await campaigns.get(ctx, self.campaign)).status
            self.report.finished = status == "finished"
        self._kill(pid)

    async def _note(self, name: str) -> None:
        async with self.core.tenant_scope("alpha") as ctx:
            law = (await campaigns.get(ctx, self.campaign)).law
            rows = await ctx.db.fetch(
                "SELECT id, state FROM pipeline_message WHERE campaign_id = $1", self.campaign
            )
        states = {str(row["id"]): row["state"] for row in rows}
        book = await self.oracle.accepted(self.world)
        self.report.moments.append(Moment(name=name, law=law, states=states, book=book))
