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

    async def copy_in(self, table: str, source: Any) -> None:
        """Bulk insert of CSV, in bytes, into a temporary table of this transaction."""
        ...

    async def copy_out(self, sql: str, *args: Any, output: Any) -> int:
        """The rows of a query as CSV with a header, to a path or file object; how many."""
        ...

    def cursor(self, sql: str, *args: Any, size: int = 1000) -> AsyncIterator[list[Any]]:
        """Pages of rows from a server-side cursor: memory does not grow with the result."""
        ...


class JobQueue(Protocol):
    """How workers are told that there is work. It may be lost whole: what is due stands in Postgres."""

    async def wake(self, job: str, tenant: str) -> bool:
        """Have a worker look for work of the kernel's job `job` in this tenant. Never raises.

        Returns:
            False when that is asked for already, or the queue does not answer.
        """
        ...

    async def ping(self) -> None:
        """Nothing, when the queue answers; else raises."""
        ...


@runtime_checkable
class Context(Protocol):
    """One tenant, for one request or one job."""

    tenant: Tenant
    enabled: frozenset[str]
    actor: str

    @property
    def now(self) -> datetime:
        """The tenant's time."""
        ...

    @property
    def db(self) -> Database:
        """The tenant's rows, in the current transaction."""
        ...

    def settings(self, kind: type[S]) -> S:
        """The tenant's settings of the plugin whose manifest declares `kind`."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Context]:
        """A fresh transaction in the same tenant, committed at its end. For code the kernel calls
        outside one: channels and long jobs that commit batch by batch.
        """
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of this transaction that is undone alone when it raises. Outside one, nothing."""
        ...

    def after_commit(self, call: Any) -> None:
        """Run the coroutine function `call` once the transaction is committed (and never if not)."""
        ...
