"""One unit of work is one transaction, under a role that cannot bypass the tenant walls."""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import asyncpg

from kernel.contracts.errors import Unavailable, UnscopedQuery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from asyncpg.pool import PoolConnectionProxy

APP_ROLE = "mailwright_app"
"""Sees the rows of one tenant: the one named by the setting `mailwright.tenant`."""
SYSTEM_ROLE = "mailwright_system"
"""Sees the rows of every tenant. Only `system_scope` takes it, and logs why."""

_current: ContextVar[UnitOfWork | None] = ContextVar("mailwright_uow", default=None)


class UnitOfWork:
    """A transaction and what must happen after it. Implements `contracts.context.Database`.

    Await its calls in sequence: a transaction has one connection.
    """

    def __init__(self, conn: PoolConnectionProxy[Any], tenant: str | None) -> None:
        self.conn = conn
        self.tenant = tenant
        self.before_commit: list[Callable[[], Awaitable[Any]]] = []
        """The last of the transaction: for what takes a lock that many wait for (the consent ledger)."""
        self.after_commit: list[Callable[[], Awaitable[Any]]] = []

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """All rows."""
        rows: list[Any] = await self.conn.fetch(sql, *args)
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        """The first row, or None."""
        return await self.conn.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""
        return await self.conn.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> str:
        """The command tag, e.g. `UPDATE 3`."""
        tag: str = await self.conn.execute(sql, *args)
        return tag

    async def copy(self, table: str, columns: Sequence[str], records: Sequence[Any]) -> None:
        """Bulk insert by binary COPY into a staging table, then one INSERT … SELECT.

        PostgreSQL refuses COPY into a table with row-level security, so nobody can copy around the
        wall; the tenant's id is added here. Under a thousand rows, `INSERT … SELECT FROM unnest()`
        is faster.
        """
        names = ", ".join(columns)
        staging = f"staging_{table}"
        await self.conn.execute(
            f"CREATE TEMP TABLE {staging} ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
        )
        await self.conn.copy_records_to_table(staging, columns=list(columns), records=records)
        await self.conn.execute(
            f"INSERT INTO {table} (tenant_id, {names}) SELECT $1, {names} FROM {staging}",
            self.tenant,
        )
        await self.conn.execute(f"DROP TABLE {staging}")

    async def copy_in(self, table: str, source: Any) -> None:
        """COPY into a temporary table from CSV: bytes in a file object, or an async iterable."""
        await self.conn.copy_to_table(table, source=source, format="csv")

    async def copy_out(self, sql: str, *args: Any, output: Any) -> int:
        """COPY the rows of a query out as CSV with a header: to a path, a file object or a coroutine
        function that takes bytes. Returns how many; memory does not grow with them.
        """
        tag: str = await self.conn.copy_from_query(
            sql, *args, output=output, format="csv", header=True
        )
        return int(tag.rpartition(" ")[2])

    async def cursor(self, sql: str, *args: Any, size: int = 1000) -> AsyncIterator[list[Any]]:
        """Pages of `size` rows from a server-side cursor."""
        cursor = await self.conn.cursor(sql, *args)
        while rows := await cursor.fetch(size):
            yield rows


def current() -> UnitOfWork:
    """The unit of work around the caller.

    Raises:
        UnscopedQuery: there is none.
    """
    unit = _current.get()
    if unit is None:
        raise UnscopedQuery(
            "A query ran outside a tenant scope.",
            "Open `core.tenant_scope(...)`, or `core.system_scope(reason)` for work across tenants.",
        )
    return unit


class Pool:
    """Connections to one database. `open()` it, `close()` it; never shared between event loops."""

    def __init__(self, url: str, size: int = 10) -> None:
        self.url = url
        self.size = size
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> Pool:
        """Connect; raises Unavailable, with what to do, when the server does not answer."""
        try:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=self.size,
                command_timeout=600,
                server_settings={"application_name": "mailwright", "timezone": "UTC"},
            )
        except (OSError, asyncpg.PostgresError) as error:
            raise Unavailable(
                f"PostgreSQL does not answer: {error or type(error).__name__}.",
                "Check DATABASE_URL, or leave it empty to use the embedded server.",
            ) from error
        return self

    async def close(self) -> None:
        """Give every connection back."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def session_lock(self, key: int) -> AsyncIterator[None]:
        """Hold the advisory lock `key` on a connection of its own; waits until it is free."""
        if self._pool is None:
            raise Unavailable("The database pool is not open.", "Call `await pool.open()` first.")
        async with self._pool.acquire() as conn:
            await conn.execute("SELECT pg_advisory_lock($1)", key)
            try:
                yield
            finally:
                await conn.execute("SELECT pg_advisory_unlock($1)", key)

    @asynccontextmanager
    async def unit_of_work(
        self, role: str | None = APP_ROLE, tenant: str | None = None
    ) -> AsyncIterator[UnitOfWork]:
        """A transaction as `role`, for `tenant`; committed at the end, rolled back on an error.

        Args:
            role: APP_ROLE, SYSTEM_ROLE, or None for the owner (migrations only).
            tenant: whose rows the APP_ROLE sees.
        """
        if self._pool is None:
            raise Unavailable("The database pool is not open.", "Call `await pool.open()` first.")
        async with self._pool.acquire() as conn:
            unit = UnitOfWork(conn, tenant)
            async with conn.transaction():
                if role is not None:
                    await _take_role(conn, role, tenant)
                token = _current.set(unit)
                try:
                    yield unit
                    while unit.before_commit:
                        await unit.before_commit.pop(0)()
                finally:
                    _current.reset(token)
        for call in unit.after_commit:
            await call()


async def _take_role(conn: PoolConnectionProxy[Any], role: str, tenant: str | None) -> None:
    try:
        await conn.execute(f"SET LOCAL ROLE {role}")
    except (asyncpg.UndefinedObjectError, asyncpg.InvalidParameterValueError) as error:
        raise Unavailable(
            f"The database has no role {role}.",
            "Run `mailwright migrate`, then `mailwright doctor`.",
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise Unavailable(
            f"The database user may not take the role {role}.",
            f"As an administrator run: GRANT {role} TO <the user of DATABASE_URL>.",
        ) from error
    if tenant is not None:
        await conn.execute("SELECT set_config('mailwright.tenant', $1, true)", tenant)
