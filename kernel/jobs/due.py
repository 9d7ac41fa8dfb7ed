"""What is due, found in Postgres alone: for the sweep, and for those who wait until all is quiet."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kernel.contracts.base import Frozen
from kernel.contracts.errors import Unavailable
from kernel.jobs.kernel_jobs import regular_jobs
from kernel.jobs.lanes import LANES, Runner
from kernel.jobs.locks import LaneLocks
from kernel.jobs.schedule import due_slots, next_slot, zone
from kernel.pipeline import run as pipeline

if TYPE_CHECKING:
    from kernel.db.uow import UnitOfWork
    from kernel.tenancy.core import Core

# Each EXISTS is one step into a partial index that holds open work only.
_OPEN = """
SELECT t.tenant_id, t.timezone, t.clock_at,
  ARRAY (SELECT p.plugin FROM tenancy_plugin p WHERE p.tenant_id = t.tenant_id AND p.enabled)
    AS plugins,
  EXISTS (SELECT FROM events_event e WHERE e.tenant_id = t.tenant_id AND e.relayed_at IS NULL)
    AS "kernel.relay",
  EXISTS (SELECT FROM events_delivery d WHERE d.tenant_id = t.tenant_id AND d.state = 'pending'
          AND d.due_at <= now()) AS "kernel.deliver",
  EXISTS (SELECT FROM jobs_task j WHERE j.tenant_id = t.tenant_id AND NOT j.long
          AND (j.state = 'running' OR j.state = 'due' AND j.due_at <= now())) AS "kernel.task",
  EXISTS (SELECT FROM jobs_task j WHERE j.tenant_id = t.tenant_id AND j.long
          AND (j.state = 'running' OR j.state = 'due' AND j.due_at <= now())) AS "kernel.long"
FROM tenancy_tenant t WHERE $1::text IS NULL OR t.tenant_id = $1
ORDER BY t.tenant_id
"""
_COLUMNS = ("kernel.relay", "kernel.deliver", "kernel.task", "kernel.long")


class Work(Frozen):
    """A tenant has work on a lane."""

    lane: str
    tenant: str


class _Planned(Frozen):
    enabled: frozenset[str]
    timezone: str
    at: datetime
    until: datetime


class Hints:
    """Which tenants had no slot due until when: it saves reading their schedules every second."""

    def __init__(self) -> None:
        self._planned: dict[str, _Planned] = {}

    def quiet(self, tenant: str, enabled: frozenset[str], timezone: str, now: datetime) -> bool:
        """True when nothing changed that could make a slot due."""
        known = self._planned.get(tenant)
        return (
            known is not None
            and known.at <= now < known.until
            and (known.enabled, known.timezone) == (enabled, timezone)
        )

    def note(self, tenant: str, planned: _Planned) -> None:
        """Postgres says that no slot is due for the tenant."""
        self._planned[tenant] = planned


async def due_work(
    core: Core, hints: Hints | None = None, tenant_id: str | None = None
) -> list[Work]:
    """Every (lane, tenant) with something due, as of one moment: work that goes from one lane to
    another in one transaction is seen on one of them.

    Args:
        core: whose database and clock.
        hints: kept between calls by a caller that asks often.
        tenant_id: look at this tenant only.
    """
    async with core.system_scope("find due work") as unit:
        await unit.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = await unit.fetch(_OPEN, tenant_id)
        found = [
            Work(lane=lane, tenant=row["tenant_id"])
            for row in rows
            for lane in _COLUMNS
            if row[lane]
        ]
        scheduled = await _slots_due(core, unit, rows, hints or Hints())
        found += [Work(lane="kernel.scheduled", tenant=tenant) for tenant in scheduled]
        known = {row["tenant_id"] for row in rows}
        found += [
            Work(lane="kernel.advance", tenant=tenant)
            for tenant in await pipeline.tenants_with_work(unit, core.clock.now())
            if tenant in known
        ]
    return found


async def _slots_due(core: Core, unit: UnitOfWork, rows: list[Any], hints: Hints) -> list[str]:
    asked = []
    for row in rows:
        enabled, now = core.board.enabled(row["plugins"]), row["clock_at"] or core.clock.now()
        if not hints.quiet(row["tenant_id"], enabled, row["timezone"], now):
            asked.append((row, enabled, now))
    if not asked:
        return []
    recorded: dict[str, dict[str, datetime]] = {}
    sql = "SELECT tenant_id, job, slot FROM jobs_schedule WHERE tenant_id = ANY($1::text[])"
    for slot in await unit.fetch(sql, [row["tenant_id"] for row, _, _ in asked]):
        recorded.setdefault(slot["tenant_id"], {})[slot["job"]] = slot["slot"]
    due = []
    for row, enabled, now in asked:
        tenant, tz = row["tenant_id"], zone(row["timezone"])
        jobs = regular_jobs(core.board, enabled)
        if due_slots(jobs, now, tz, recorded.get(tenant, {})):
            due.append(tenant)
        elif jobs:
            until = min(next_slot(owned.value, now, tz) for owned in jobs.values())
            hints.note(
                tenant, _Planned(enabled=enabled, timezone=row["timezone"], at=now, until=until)
            )
    return due


async def sweep(core: Core, hints: Hints | None = None) -> int:
    """Wake the workers for everything that is due; returns how many (lane, tenant) that is. This one
    look is what makes every kind of work recoverable after Redis lost it, or a worker died.
    """
    work = await due_work(core, hints)
    if core.queue is not None:
        for one in work:
            await core.queue.wake(one.lane, one.tenant)
    return len(work)


async def drain(core: Core, *, timeout: float = 60.0) -> None:
    """Returns when nothing is due for any tenant: workers elsewhere do the work. What waits for its
    next attempt, or for a later time, is not due.

    Raises:
        Unavailable: something was still due after `timeout` seconds; it says what.
    """
    work: list[Work] = []
    try:
        async with asyncio.timeout(timeout):
            while work := await due_work(core):
                if core.queue is not None:
                    for one in work:
                        await core.queue.wake(one.lane, one.tenant)
                await asyncio.sleep(0.02)
    except TimeoutError:
        left = ", ".join(f"{one.lane} of {one.tenant}" for one in work[:10])
        raise Unavailable(
            f"After {timeout:g} s there is still work: {left}.",
            "See that `mailwright worker` runs, and what it says.",
        ) from None


async def run_due_inline(core: Core, tenant_id: str, *, timeout: float = 600.0) -> None:
    """Do everything that is due for the tenant in this process, without Redis, until it is quiet.
    Errors of plugins are kept as always; errors of the kernel are raised.

    Raises:
        Unavailable: something was still due after `timeout` seconds.
    """
    async with LaneLocks(core.pool.url) as locks:
        runner = Runner(core, locks)
        try:
            async with asyncio.timeout(timeout) as timer:
                while work := await due_work(core, tenant_id=tenant_id):
                    # In the order of LANES, in which one lane feeds the next.
                    for one in sorted(work, key=lambda work: list(LANES).index(work.lane)):
                        await runner.turn_or_raise(one.lane, one.tenant)
                    await asyncio.sleep(0.002)  # another process may hold a lane
        except TimeoutError:
            if not timer.expired():
                raise
            raise Unavailable(
                f"After {timeout:g} s, {tenant_id} still has work.", "Give it more time."
            ) from None
