"""What a plugin is given: one tenant, its time, its settings and its database. Never the app."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kernel.contracts.tenancy import Tenant

S = TypeVar("S")


class Clock(Protocol):
    """Where "now" comes from."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Database(Protocol):
    """The tenant's rows, in the current transaction. Row-level security stands around it.

    Placeholders are `$1, $2 …` (asyncpg). Rows are mappings.
    """

    async def fetch(self, sql: str, *args: Any) -> list[Any]: ...

    async def fetchrow(self, sql: str, *args: Any) -> Any: ...

    async def fetchval(self, sql: str, *args: Any) -> Any: ...

    async def execute(self, sql: str, *args: Any) -> str: ...

    async def copy(self, table: str, columns: Sequence[str], records: Sequence[Any]) -> None:
        """Bulk insert by COPY: one tuple a row, in the order of `columns`."""
        ...

    def cursor(self, sql: str, *args: Any, size: int = 1000) -> AsyncIterator[list[Any]]:
        """Pages of rows from a server-side cursor: memory does not grow with the result."""
        ...


class JobQueue(Protocol):
    """Where work to be done later is put. May be lost whole: what is due is found in Postgres."""

    async def enqueue(
        self,
        job: str,
        *,
        tenant: str,
        payload: dict[str, Any] | None = None,
        key: str | None = None,
        delay: float = 0.0,
    ) -> bool:
        """Put `job` on its queue; False when one with the same `key` already waits or runs."""
        ...

    async def ping(self) -> None:
        """Nothing, when the queue answers; else raises."""
        ...


@runtime_checkable
class Context(Protocol):
    """One tenant, for one request or one job."""

    tenant: Tenant
    now: datetime
    enabled: frozenset[str]
    db: Database
    actor: str

    def settings(self, kind: type[S]) -> S:
        """The tenant's settings of the plugin whose manifest declares `kind`."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Context]:
        """A fresh transaction in the same tenant, committed at its end. For code the kernel calls
        outside one: channels and long jobs that commit batch by batch.
        """
        ...

    def after_commit(self, call: Any) -> None:
        """Run the coroutine function `call` once the transaction is committed (and never if not)."""
        ...
