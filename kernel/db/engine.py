"""The Piccolo engine that runs every query on the current unit of work, or refuses to run it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from piccolo.engine.postgres import PostgresEngine

from kernel.db.uow import current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from piccolo.querystring import QueryString


class ScopedEngine(PostgresEngine):
    """Has no connection of its own: a Piccolo query shares the transaction, role and tenant of the
    unit of work around it, and raises UnscopedQuery where there is none.
    """

    def __init__(self) -> None:
        super().__init__(config={}, extensions=())

    async def check_version(self) -> None:
        """Nothing: `mailwright doctor` does this, with a connection."""

    async def prep_database(self) -> None:
        """Nothing: extensions are made by migrations."""

    async def run_querystring(self, querystring: QueryString, in_pool: bool = True) -> Any:
        sql, args = querystring.compile_string(engine_type=self.engine_type)
        return await current().conn.fetch(sql, *args)

    async def run_ddl(self, ddl: str, in_pool: bool = True) -> Any:
        return await current().conn.fetch(ddl)

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        async with current().conn.transaction():
            yield

    def transaction(self, allow_nested: bool = True) -> Any:
        """A savepoint in the current unit of work (Piccolo's migrations ask for it)."""
        return self._savepoint()


DB = ScopedEngine()
"""The one there is: it holds no connection, so that nothing about it is global but its name."""
