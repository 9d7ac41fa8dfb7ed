"""Tasks that failed for good: to be looked at, and run again."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.contracts.errors import NotFound
from kernel.events.wake import wake

if TYPE_CHECKING:
    from kernel.contracts.context import Context

PAGE = 50


class DeadTask(Frozen):
    """One task that could not be run. Pages go by `id`."""

    id: int
    job: str
    attempts: int
    error: str
    created_at: datetime
    died_at: datetime


_PAGE = """
SELECT id, job, attempts, error, created_at, updated_at AS died_at FROM jobs_task
WHERE tenant_id = $1 AND state = 'dead' AND id > $2 ORDER BY id LIMIT $3
"""

# A task with a key leaves it behind: one with the same key may wait already.
_REPLAY = """
UPDATE jobs_task SET state = 'due', key = NULL, attempts = 0, due_at = now(), updated_at = now()
WHERE tenant_id = $1 AND state = 'dead' AND ($2::bigint IS NULL OR id = $2) RETURNING long
"""


async def dead_tasks(ctx: Context, after: int = 0, limit: int = PAGE) -> list[DeadTask]:
    """At most `limit` dead tasks, oldest first, after the one with the id `after`."""
    return [DeadTask(**row) for row in await ctx.db.fetch(_PAGE, ctx.tenant.id, after, limit)]


async def replay_task(ctx: Context, task_id: int) -> None:
    """Have one dead task run again, with all its attempts before it.

    Raises:
        NotFound: there is no such dead task.
    """
    if not await _replay(ctx, task_id):
        raise NotFound(
            f"There is no dead task {task_id}.",
            "It may have been replayed already: see `mailwright events list`.",
        )


async def replay_tasks(ctx: Context) -> int:
    """Have all dead tasks run again; returns how many."""
    return await _replay(ctx, None)


async def _replay(ctx: Context, task_id: int | None) -> int:
    rows = await ctx.db.fetch(_REPLAY, ctx.tenant.id, task_id)
    for long in {row["long"] for row in rows}:
        wake(ctx, "kernel.long" if long else "kernel.task")
    return len(rows)
