"""One tenant for one request or job: the implementation of `contracts.context.Context`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from kernel.contracts.errors import InvalidConfig, UnscopedQuery
from kernel.contracts.plugins import NoSettings
from kernel.contracts.tenancy import Brand, Sender, Sending, Tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from datetime import datetime

    from kernel.db.uow import UnitOfWork
    from kernel.tenancy.core import Core

S = TypeVar("S")

_TENANT = """
SELECT t.*, coalesce((SELECT json_object_agg(p.plugin, p.settings) FROM tenancy_plugin p
                      WHERE p.tenant_id = t.tenant_id AND p.enabled), '{}')::text AS plugins
FROM tenancy_tenant t WHERE t.tenant_id = $1
"""


class TenantScope:
    """What services and hooks are handed: the tenant, its time, its settings, its rows."""

    def __init__(self, core: Core, db: UnitOfWork | None, tenant: Tenant, actor: str) -> None:
        self.core = core
        self._db = db
        self.tenant = tenant
        self.actor = actor
        self.enabled: frozenset[str] = core.board.enabled(tenant.plugins)
        self._settings: dict[type, Any] = {}

    @property
    def db(self) -> UnitOfWork:
        """The rows, in this scope's transaction; raises UnscopedQuery in a detached scope."""
        if self._db is None:
            raise UnscopedQuery(
                "This code runs outside a transaction.", "Open one: `async with ctx.transaction()`."
            )
        return self._db

    @property
    def now(self) -> datetime:
        """The tenant's time: its own clock where one is set (sandbox, trials), else the system's."""
        return self.tenant.clock_at or self.core.clock.now()

    def settings(self, kind: type[S]) -> S:
        """The tenant's settings of the plugin whose manifest declares `kind`."""
        if kind not in self._settings:
            plugin = self.core.board.owner_of_settings(kind)
            self._settings[kind] = read_settings(plugin, kind, self.tenant.plugins.get(plugin, {}))
        found: S = self._settings[kind]
        return found

    def all_settings(self) -> dict[str, Any]:
        """By plugin the settings Struct, for every enabled plugin."""
        kinds = {n: self.core.board.plugins[n].manifest.settings for n in sorted(self.enabled)}
        return {name: self.settings(kind) for name, kind in kinds.items() if kind is not NoSettings}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[TenantScope]:
        """A fresh transaction in the same tenant, with the tenant as it stands now."""
        async with self.core.tenant_scope(self.tenant.id, self.actor) as scope:
            yield scope

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A part of this transaction that is undone alone when it raises; the plugboard puts one
        around every plugin it asks. In a detached scope, nothing.
        """
        if self._db is None:
            yield
            return
        waiting, last = len(self._db.after_commit), list(self._db.before_commit)
        await self._db.execute("SAVEPOINT part")
        try:
            yield
            # Fails after an SQL error that was swallowed; asyncpg's own nested transaction would
            # then leave the whole transaction dead.
            await self._db.execute("RELEASE SAVEPOINT part")
        except BaseException:
            del self._db.after_commit[waiting:]  # what was undone must not be told of either
            self._db.before_commit[:] = last  # and what was done already is to do again
            await self._db.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part")
            raise

    def after_commit(self, call: Callable[[], Awaitable[Any]]) -> None:
        """Run `call` once the transaction is committed."""
        self.db.after_commit.append(call)


def read_settings(plugin: str, kind: type[S], raw: dict[str, Any]) -> S:
    """`raw` as the settings Struct of `plugin`.

    Raises:
        InvalidConfig: naming plugin, field and fix.
    """
    try:
        return msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidConfig(
            f"The settings of plugin `{plugin}` are not valid: {error}.",
            f"See `mailwright plugins show {plugin}` for its settings.",
        ) from error


async def load_tenant(unit: UnitOfWork, tenant_id: str) -> Tenant | None:
    """The tenant as it stands in the database, or None."""
    row = await unit.fetchrow(_TENANT, tenant_id)
    if row is None:
        return None
    return Tenant(
        id=row["tenant_id"],
        reseller_id=row["reseller_id"],
        name=row["name"],
        timezone=row["timezone"],
        currency=row["currency"],
        country=row["country"],
        sender=msgspec.json.decode(row["sender"], type=Sender),
        postal_address=row["postal_address"],
        brand=msgspec.json.decode(row["brand"], type=Brand),
        autonomy=row["autonomy"],
        holdout_percent=row["holdout_percent"],
        sending=msgspec.json.decode(row["sending"], type=Sending),
        clock_at=row["clock_at"],
        halted_at=row["halted_at"],
        halted_reason=row["halted_reason"],
        plugins=msgspec.json.decode(row["plugins"]),
    )
