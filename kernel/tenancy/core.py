"""What every edge holds (web, worker, command): enough to open a scope, and nothing more."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from kernel.contracts.base import Frozen
from kernel.contracts.errors import NotFound
from kernel.db.uow import SYSTEM_ROLE, Pool, UnitOfWork
from kernel.tenancy import audit
from kernel.tenancy.scope import TenantScope, load_tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.contracts.context import Clock, JobQueue
    from kernel.plugboard.board import Plugboard

log = structlog.get_logger(__name__)

_WROTE = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)


class Links(Frozen):
    """How addresses of ours are made and signed."""

    base_url: str
    secret: str
    old_secrets: tuple[str, ...] = ()
    """Former secrets: they verify and open, and make nothing (kernel/tenancy/keys.py)."""


@dataclass(kw_only=True)
class Core:
    """The parts that scopes are made of. Edges hold it; plugins never see it."""

    pool: Pool
    board: Plugboard
    links: Links
    queue: JobQueue | None = None
    clock: Clock = field(default_factory=SystemClock)
    production: bool = False
    command: str = ""
    """Which command of `mailwright` a person runs, for the audit trail; empty in servers."""

    @asynccontextmanager
    async def tenant_scope(
        self, tenant_id: str, actor: str = "system"
    ) -> AsyncIterator[TenantScope]:
        """One tenant in one transaction: committed at the end, rolled back on an error.

        Raises:
            NotFound: there is no such tenant.
        """
        async with self.pool.unit_of_work(tenant=tenant_id) as unit:
            tenant = await load_tenant(unit, tenant_id)
            if tenant is None:
                raise NotFound(
                    f"There is no tenant `{tenant_id}`.",
                    "See `mailwright tenants plan` for those that are configured.",
                )
            scope = TenantScope(self, unit, tenant, actor)
            with structlog.contextvars.bound_contextvars(tenant=tenant_id):
                yield scope
            if self.command and actor != "system" and await unit.fetchval(_WROTE):
                await audit.record(scope, "command.run", self.command)

    async def detached(self, tenant_id: str, actor: str = "system") -> TenantScope:
        """A tenant's context without a transaction, for code that must not hold one open: channels
        and long jobs. It opens its own with `ctx.transaction()`.
        """
        async with self.tenant_scope(tenant_id, actor) as scope:
            return TenantScope(self, None, scope.tenant, actor)

    @asynccontextmanager
    async def system_scope(self, reason: str) -> AsyncIterator[UnitOfWork]:
        """All tenants' rows, in one transaction; the only way around the walls, and logged."""
        log.debug("system scope", reason=reason)
        async with self.pool.unit_of_work(role=SYSTEM_ROLE) as unit:
            yield unit

    async def tenants(self, reason: str) -> list[str]:
        """The ids of all tenants, sorted."""
        async with self.system_scope(reason) as unit:
            rows = await unit.fetch("SELECT tenant_id FROM tenancy_tenant ORDER BY tenant_id")
        return [row["tenant_id"] for row in rows]
