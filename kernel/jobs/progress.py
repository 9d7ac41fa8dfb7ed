"""How far long work has come, for whoever waits: seen at once, whatever becomes of the work."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Literal, cast

from kernel.contracts.base import Frozen
from kernel.events.turn import sentence

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

WRITE_SECONDS = 0.5
"""The least time between two writes: work may report every row."""
PAGE = 50

_BEGIN = """
INSERT INTO jobs_progress AS p (tenant_id, key, title, total) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, key) DO UPDATE SET title = excluded.title, total = excluded.total, done = 0,
  note = '', error = '', started_at = now(), updated_at = now(), finished_at = NULL
"""

_WRITE = """
UPDATE jobs_progress SET done = $3, total = $4, note = $5, updated_at = now()
WHERE tenant_id = $1 AND key = $2
"""

_END = """
UPDATE jobs_progress SET done = $3, total = $4, note = $5, error = $6, updated_at = now(),
  finished_at = now()
WHERE tenant_id = $1 AND key = $2
"""

# Work that was killed cannot say so: it is lost when it said nothing for ten minutes.
_PAGE = """
SELECT key, title, done, total, note, error, started_at, updated_at, finished_at,
  CASE WHEN finished_at IS NOT NULL AND error <> '' THEN 'failed'
       WHEN finished_at IS NOT NULL THEN 'finished'
       WHEN updated_at < now() - interval '10 minutes' THEN 'lost'
       ELSE 'running' END AS state
FROM jobs_progress WHERE tenant_id = $1 ORDER BY finished_at IS NOT NULL, updated_at DESC LIMIT $2
"""


class ProgressLine(Frozen):
    """A piece of long work, as the admin shows it. `total` is None where nobody knows it."""

    key: str
    title: str
    state: Literal["running", "finished", "failed", "lost"]
    done: int
    total: int | None
    note: str
    error: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Progress:
    """What `progress` yields: tell it how much was done."""

    def __init__(self, scope: TenantScope, key: str, total: int | None) -> None:
        self._scope = scope
        self._key = key
        self._written = time.monotonic()
        self.done = 0
        self.total = total
        self.note = ""

    async def add(self, count: int = 1, note: str | None = None) -> None:
        """`count` more are done. Written at most twice a second, so it may be called often."""
        self.done += count
        self.note = self.note if note is None else note
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self._written = time.monotonic()
            await self.write(_WRITE)

    async def write(self, sql: str, *more: object) -> None:
        """Run one statement about this work, in a transaction of its own."""
        async with self._scope.core.pool.unit_of_work(tenant=self._scope.tenant.id) as unit:
            state = (self.done, self.total, self.note)
            await unit.execute(sql, self._scope.tenant.id, self._key, *state, *more)


@asynccontextmanager
async def progress(
    ctx: Context, key: str, title: str, total: int | None = None
) -> AsyncIterator[Progress]:
    """Show a piece of long work in the admin while the block runs, and how it ended.

    It is written in transactions of its own, so it is seen before `ctx` commits, and stays when `ctx`
    is undone.

    Args:
        ctx: the tenant, in a transaction or detached.
        key: which work; the same key again replaces what was shown.
        title: what the merchant reads.
        total: how many there are to do, if known. It may be set later: `bar.total = 5000`.

    Example:
        async with progress(ctx, "rfm.compute", "Computing segments", len(customers)) as bar:
            for batch in batches:
                ...
                await bar.add(len(batch))
    """
    scope = cast("TenantScope", ctx)
    async with scope.core.pool.unit_of_work(tenant=scope.tenant.id) as unit:
        await unit.execute(_BEGIN, scope.tenant.id, key, title, total)
    bar = Progress(scope, key, total)
    try:
        yield bar
    except BaseException as error:
        await bar.write(_END, sentence(error))
        raise
    await bar.write(_END, "")


async def progress_page(ctx: Context, limit: int = PAGE) -> list[ProgressLine]:
    """What runs now, then what ended last; at most `limit` lines."""
    return [ProgressLine(**row) for row in await ctx.db.fetch(_PAGE, ctx.tenant.id, limit)]
