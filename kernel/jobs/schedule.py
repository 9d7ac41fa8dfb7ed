"""When regular jobs are due: slots on the tenant's clock, each of which runs once.

A slot is a moment. `jobs_schedule` holds the last one of each job that was turned into a task, in the
same transaction. So what was missed is found again from these two alone, whatever happened to Redis,
and of several missed slots the latest runs.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.contracts.base import Frozen
from kernel.events.wake import wake
from kernel.jobs.kernel_jobs import regular_jobs

if TYPE_CHECKING:
    from kernel.contracts.plugins import Job
    from kernel.events.turn import Turn
    from kernel.plugboard.parts import Owned
    from kernel.tenancy.core import Core

# The first of two planners at once wins, and only it gets the row back.
_RECORD = """
INSERT INTO jobs_schedule AS s (tenant_id, job, slot)
SELECT $1, * FROM unnest($2::text[], $3::timestamptz[])
ON CONFLICT (tenant_id, job) DO UPDATE SET slot = excluded.slot, updated_at = now()
WHERE s.slot <> excluded.slot RETURNING job
"""

_TASKS = """
INSERT INTO jobs_task (tenant_id, job, long, payload, key)
SELECT $1, job, long, '{}', 'slot' FROM unnest($2::text[], $3::boolean[]) AS due (job, long)
ON CONFLICT (tenant_id, job, key) WHERE state = 'due' AND key IS NOT NULL DO NOTHING
"""


class Slot(Frozen):
    """The latest slot of a job, to be recorded; `run` says whether it also becomes a task."""

    job: str
    at: datetime
    run: bool


@functools.cache
def zone(name: str) -> ZoneInfo:
    """The time zone of this name; UTC where this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def slot_at(job: Job, now: datetime, tz: ZoneInfo) -> datetime:
    """The latest slot of `job` that is not after `now`, in UTC.

    `every` counts from the epoch. `daily_at` is once a day by the wall clock of `tz`: where the clock
    jumps over it, as long after the jump as it would have been; where it comes twice, the first time.
    """
    if job.every is not None:
        return datetime.fromtimestamp(now.timestamp() // job.every * job.every, UTC)
    today = now.astimezone(tz).date()
    hour = time.fromisoformat(job.daily_at or "00:00")
    # fold is 0: the offset before a change of the clock, which is what the sentence above says.
    slots = (
        datetime.combine(today - timedelta(days=back), hour, tz).astimezone(UTC)
        for back in (0, 1, 2)
    )
    return next(slot for slot in slots if slot <= now)


def next_slot(job: Job, now: datetime, tz: ZoneInfo) -> datetime:
    """A moment up to which no new slot of `job` comes, in UTC; usually the next slot itself."""
    if job.every is not None:
        return slot_at(job, now, tz) + timedelta(seconds=job.every)
    today = now.astimezone(tz).date()
    hour = time.fromisoformat(job.daily_at or "00:00")
    slots = (
        datetime.combine(today + timedelta(days=ahead), hour, tz).astimezone(UTC)
        for ahead in (0, 1, 2)
    )
    return min((slot for slot in slots if slot > now), default=now + timedelta(days=1))


def due_slots(
    jobs: Mapping[str, Owned[Job]], now: datetime, tz: ZoneInfo, recorded: Mapping[str, datetime]
) -> list[Slot]:
    """The slots of `jobs` that `recorded` (job -> last slot) does not have yet.

    A job seen for the first time runs at once if it is `every` so often, and waits for its hour if it
    is daily. After the clock was turned back, the present slot is recorded and does not run.
    """
    found = []
    for name, owned in jobs.items():
        at, last = slot_at(owned.value, now, tz), recorded.get(name)
        if at != last:
            run = owned.value.every is not None if last is None else at > last
            found.append(Slot(job=name, at=at, run=run))
    return found


async def plan(core: Core, tenant_id: str, turn: Turn) -> bool:
    """False: every slot of the tenant that is due has become a task, and is recorded."""
    async with core.tenant_scope(tenant_id, actor="schedule") as ctx:
        jobs = regular_jobs(core.board, ctx.enabled)
        rows = await ctx.db.fetch(
            "SELECT job, slot FROM jobs_schedule WHERE tenant_id = $1", tenant_id
        )
        recorded = {row["job"]: row["slot"] for row in rows}
        slots = due_slots(jobs, ctx.now, zone(ctx.tenant.timezone), recorded)
        if not slots:
            return False
        won = await ctx.db.fetch(
            _RECORD, tenant_id, [slot.job for slot in slots], [slot.at for slot in slots]
        )
        ours = {row["job"] for row in won}
        # Earlier slots first: what computes at night runs before what proposes in the morning, even
        # where a turned clock makes both due at once.
        names = [s.job for s in sorted(slots, key=lambda s: s.at) if s.run and s.job in ours]
        long = [jobs[name].value.long for name in names]
        await ctx.db.execute(_TASKS, tenant_id, names, long)
        for lane in {"kernel.long" if one else "kernel.task" for one in long}:
            wake(ctx, lane)
    return False
