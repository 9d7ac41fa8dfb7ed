"""Tells the queue that a tenant has work, once its transaction is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from kernel.contracts.context import Context, JobQueue
    from kernel.tenancy.scope import TenantScope


@dataclass(frozen=True)
class _Wake:
    queue: JobQueue
    job: str
    tenant: str

    async def __call__(self) -> None:
        await self.queue.wake(self.job, self.tenant)


def wake(ctx: Context, job: str) -> None:
    """After the commit, have a worker look for work of the kernel's job `job` in this tenant.

    Only a hint that saves waiting for the next sweep: what is due stands in Postgres. Many calls in
    one transaction are one hint.
    """
    scope = cast("TenantScope", ctx)
    if scope.core.queue is None:
        return
    hint = _Wake(scope.core.queue, job, scope.tenant.id)
    if hint not in scope.db.after_commit:
        scope.after_commit(hint)
