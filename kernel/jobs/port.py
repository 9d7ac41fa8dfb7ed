"""Work to be done later: a durable row first, then a hint to the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kernel.contracts.base import canonical
from kernel.contracts.errors import NotFound
from kernel.events.wake import wake

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

_INSERT = """
INSERT INTO jobs_task (tenant_id, job, long, payload, key, due_at)
VALUES ($1, $2, $3, $4::jsonb, $5, now() + $6::double precision * interval '1 second')
ON CONFLICT (tenant_id, job, key) WHERE state = 'due' AND key IS NOT NULL DO NOTHING
RETURNING id
"""
_WAITS = """
SELECT EXISTS (SELECT FROM jobs_task
  WHERE tenant_id = $1 AND job = $2 AND key = $3 AND state IN ('due', 'running'))
"""


async def enqueue(
    ctx: Context,
    job: str,
    payload: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    delay: float = 0.0,
) -> bool:
    """Have `job` (`<plugin>.<name>`) run once for this tenant, if and only if the transaction of
    `ctx` commits. The row is what counts, the queue is only told: losing Redis loses no job.

    Args:
        ctx: the tenant, in a transaction.
        job: one that a plugin declared.
        payload: plain data that JSON can hold; the job gets it back as it was.
        key: at most one task of this job with this key waits at a time. One that runs already does
            not count: what you changed, it may not have seen.
        delay: seconds of machine time to wait at least.

    Returns:
        False when a task with the same key waits already, so that nothing was added.

    Raises:
        NotFound: no plugin declared such a job.
    """
    owned = cast("TenantScope", ctx).core.board.jobs.get(job)
    if owned is None:
        raise NotFound(f"No plugin declares a job `{job}`.", "Return it from the hook `jobs`.")
    added = await ctx.db.fetchval(
        _INSERT,
        ctx.tenant.id,
        job,
        owned.value.long,
        canonical(payload or {}).decode(),
        key,
        delay,
    )
    if added is not None and delay <= 0:
        wake(ctx, "kernel.long" if owned.value.long else "kernel.task")
    return added is not None


async def waits(ctx: Context, job: str, key: str) -> bool:
    """Whether a task that was enqueued under this key is still to be done, or being done."""
    found: bool = await ctx.db.fetchval(_WAITS, ctx.tenant.id, job, key)
    return found
