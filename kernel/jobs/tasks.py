"""Runs the tasks of a tenant, one after another, each in its own transaction with its state.

A task is `due`, then `running` (committed before it runs, and counted as an attempt), then `done`,
`skipped`, `dead`, or `due` again after a wait. Whoever runs tasks holds the tenant's lane, so a task
that is found `running` belongs to a process that died: it is due again. `attempts` is also the mark
by which a process that only seemed dead finds out, and takes its work back.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from kernel.contracts.base import Frozen
from kernel.events.turn import ATTEMPTS, attempt, sentence, wait_after
from kernel.jobs.kernel_jobs import KERNEL, find_job
from kernel.plugboard.parts import Failure

if TYPE_CHECKING:
    from kernel.contracts.plugins import Job
    from kernel.db.uow import UnitOfWork
    from kernel.events.turn import Turn
    from kernel.plugboard.parts import Owned
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

log = structlog.get_logger(__name__)

SECONDS = 120.0
LONG_SECONDS = 4 * 3600.0
"""How long a job may take, and one that is declared `long`."""

_CLAIM = """
UPDATE jobs_task SET state = 'running', attempts = attempts + 1, updated_at = now()
WHERE tenant_id = $1 AND id = (
  SELECT id FROM jobs_task WHERE tenant_id = $1 AND long = $2 AND state = 'due' AND due_at <= now()
  ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, job, long, payload::text AS payload, attempts
"""

_LEFT = """
SELECT id, job, long, payload::text AS payload, attempts FROM jobs_task
WHERE tenant_id = $1 AND long = $2 AND state = 'running'
"""

_SETTLE = """
UPDATE jobs_task t SET updated_at = now(), attempts = t.attempts - $6,
  due_at = now() + $7 * interval '1 second',
  state = CASE WHEN $4 = 'due' AND twin THEN 'skipped' ELSE $4 END,
  error = CASE WHEN $4 = 'due' AND twin THEN 'A later task with the same key takes its place.'
          ELSE $5 END
FROM (SELECT EXISTS (SELECT FROM jobs_task o JOIN jobs_task m USING (tenant_id, job, key)
                     WHERE m.tenant_id = $1 AND m.id = $2 AND o.state = 'due') AS twin) AS keyed
WHERE t.tenant_id = $1 AND t.id = $2 AND t.state = 'running' AND t.attempts = $3
RETURNING t.id
"""


class Task(Frozen):
    """A claimed row of `jobs_task`."""

    id: int
    job: str
    long: bool
    payload: str
    attempts: int


class Outcome(Frozen):
    """What becomes of a task. `wait` is in seconds; `given_back` is 1 for an attempt that does not
    count.
    """

    state: str
    error: str = ""
    wait: float = 0.0
    given_back: int = 0


class Taken(Exception):
    """The task is not ours any more, so nothing it did may be committed."""


async def run_tasks(core: Core, tenant_id: str, turn: Turn, *, long: bool) -> bool:
    """True when the turn ended before all due tasks (the long ones, or the others) were run."""
    await _take_back(core, tenant_id, long)
    while not turn.over():
        async with core.pool.unit_of_work(tenant=tenant_id) as unit:
            row = await unit.fetchrow(_CLAIM, tenant_id, long)
        if row is None:
            return False
        await _run(core, tenant_id, Task(**row))
    return True


async def _take_back(core: Core, tenant_id: str, long: bool) -> None:
    """Make due again what a process that died had begun."""
    async with core.pool.unit_of_work(tenant=tenant_id) as unit:
        for row in await unit.fetch(_LEFT, tenant_id, long):
            task = Task(**row)
            log.warning("job had not ended", job=task.job, attempts=task.attempts)
            if task.attempts < ATTEMPTS:
                await _settle(unit, tenant_id, task, Outcome(state="due"))
            else:
                error = f"The process ended while this job ran, and it was begun {ATTEMPTS} times."
                await _settle(unit, tenant_id, task, Outcome(state="dead", error=error))


async def _run(core: Core, tenant_id: str, task: Task) -> None:
    owned = find_job(core.board, task.job)
    plugin = task.job.partition(".")[0]
    with structlog.contextvars.bound_contextvars(plugin=plugin, job=task.job):
        try:
            if owned is not None and owned.value.transaction:
                async with core.tenant_scope(tenant_id, actor=f"job {task.job}") as ctx:
                    outcome = await _outcome(ctx, owned, task)
                    if not await _settle(ctx.db, tenant_id, task, outcome):
                        raise Taken(task.job)
            else:
                outcome = await _outcome(await core.detached(tenant_id), owned, task)
                await _settle_alone(core, tenant_id, task, outcome)
        except asyncio.CancelledError:
            given_back = Outcome(state="due", given_back=1)
            await asyncio.shield(_settle_alone(core, tenant_id, task, given_back))
            raise
        # The transaction itself failed: its connection, a check at commit, the tenant gone.
        except Exception as error:  # noqa: BLE001
            await _settle_alone(core, tenant_id, task, _failed(task, error))


async def _outcome(ctx: TenantScope, owned: Owned[Job] | None, task: Task) -> Outcome:
    """Run the job, if it can and may be run."""
    if owned is None:
        gone = f"No installed plugin has the job {task.job}: install it again and replay."
        return Outcome(state="dead", error=gone)
    if owned.plugin not in ctx.enabled and owned.plugin != KERNEL:
        return Outcome(state="skipped", error=f"The plugin {owned.plugin} is switched off.")
    payload = msgspec.json.decode(task.payload)
    if not isinstance(payload, dict):
        return Outcome(state="dead", error="The payload is not an object of names and values.")
    given: dict[str, Any] = payload
    limit = LONG_SECONDS if task.long else SECONDS
    error = await attempt(ctx, lambda: owned.value.run(ctx, given), limit)
    if error is None:
        return Outcome(state="done")
    what = f"job {owned.value.name}"
    ctx.core.board.report(Failure(ctx.tenant.id, owned.plugin, what, error))
    return _failed(task, error)


def _failed(task: Task, error: BaseException) -> Outcome:
    wait = wait_after(task.attempts)
    if wait is None:
        return Outcome(state="dead", error=sentence(error))
    return Outcome(state="due", error=sentence(error), wait=wait)


async def _settle(unit: UnitOfWork, tenant_id: str, task: Task, outcome: Outcome) -> bool:
    """False when the task is not ours any more."""
    done = await unit.fetchval(
        _SETTLE,
        tenant_id,
        task.id,
        task.attempts,
        outcome.state,
        outcome.error,
        outcome.given_back,
        outcome.wait,
    )
    return done is not None


async def _settle_alone(core: Core, tenant_id: str, task: Task, outcome: Outcome) -> None:
    async with core.pool.unit_of_work(tenant=tenant_id) as unit:
        await _settle(unit, tenant_id, task, outcome)
