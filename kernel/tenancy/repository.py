"""The only builder of Piccolo queries on tenant tables: every one of them filtered by the tenant."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import asyncpg
import msgspec
from piccolo.columns.combination import WhereRaw
from piccolo.utils.sql_values import convert_to_sql_value

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidInput, UnscopedQuery
from kernel.db.engine import DB

if TYPE_CHECKING:
    from piccolo.columns import Column
    from piccolo.custom_types import Combinable
    from piccolo.query.base import Query
    from piccolo.table import Table

    from kernel.contracts.context import Context

T = TypeVar("T", bound="Table")
Row = dict[str, Any]


class Page(Frozen):
    """Some rows, and the mark after which the next page begins; empty when there is none."""

    rows: list[Row]
    next: str = ""


class TenantRepository(Generic[T]):
    """The rows of one table that belong to the tenant of `ctx`, in its transaction.

    Rows are dicts by column name; JSON columns come decoded. Conditions are Piccolo's, e.g.
    `OutboxMail.sent_at > ctx.now`.

    Raises:
        UnscopedQuery: there is no open transaction of that tenant, or the table has no tenant_id.

    Example:
        mails = TenantRepository(OutboxMail, ctx)
        page = await mails.page((OutboxMail.sent_at,), limit=20, descending=True)
    """

    def __init__(self, table: type[T], ctx: Context) -> None:
        if not any(column._meta.name == "tenant_id" for column in table._meta.columns):
            raise UnscopedQuery(
                f"The table {table._meta.tablename} has no column tenant_id.",
                "Only tables made with `tenant_table` hold rows of tenants.",
            )
        if getattr(ctx.db, "tenant", None) != ctx.tenant.id:
            raise UnscopedQuery(
                f"The open transaction is not one of tenant `{ctx.tenant.id}`.",
                "Use the `ctx` that `core.tenant_scope` or `ctx.transaction()` gave you.",
            )
        table._meta._db = DB  # and so a query built elsewhere runs in a scope or not at all
        self._table = table
        self._tenant = ctx.tenant.id
        self._db = ctx.db

    async def select(
        self,
        where: Combinable | None = None,
        *,
        columns: Sequence[Column] = (),
        order_by: Sequence[Column] = (),
        descending: bool = False,
        limit: int = 1000,
    ) -> list[Row]:
        """At most `limit` rows. To walk through more, use `page`."""
        query = self._table.select(*columns).where(self._all(where)).limit(limit)
        if order_by:
            query = query.order_by(*order_by, ascending=not descending)
        return await self._rows(query)

    async def get(self, where: Combinable) -> Row | None:
        """The row that meets the condition, or None."""
        rows = await self.select(where, limit=1)
        return rows[0] if rows else None

    async def count(self, where: Combinable | None = None) -> int:
        """How many rows meet the condition."""
        rows = await self._rows(self._table.count().where(self._all(where)))
        return int(rows[0]["count"])

    async def insert(self, *rows: Mapping[str, Any], returning: Sequence[Column] = ()) -> list[Row]:
        """Insert; a column that is left out takes the database's default. Returns `returning`.

        For more than a few hundred rows use SQL over `unnest` or `ctx.db.copy`.
        """
        for row in rows:
            self._refuse_foreign(row)
        columns = self._table._meta.columns
        given = [c for c in columns if any(c._meta.name in row for row in rows)]
        given = [c for c in given if c._meta.name != "tenant_id"]
        args: list[Any] = [self._tenant]
        lines = []
        for row in rows:
            marks = ["$1"]
            for column in given:
                if column._meta.name in row:
                    args.append(convert_to_sql_value(row[column._meta.name], column))
                    marks.append(f"${len(args)}")
                else:
                    marks.append("DEFAULT")
            lines.append(f"({', '.join(marks)})")
        if not lines:
            return []
        names = ", ".join(["tenant_id", *(f'"{c._meta.name}"' for c in given)])
        back = ", ".join(f'"{c._meta.name}"' for c in returning)
        sql = f"INSERT INTO {self._table._meta.tablename} ({names}) VALUES {', '.join(lines)}"
        return await self._fetch(f"{sql} RETURNING {back}" if back else sql, args)

    async def update(self, values: Mapping[str, Any], where: Combinable | None) -> int:
        """Change rows that meet the condition (None: all of the tenant's); returns how many."""
        self._refuse_foreign(values)
        changes: dict[Column | str, Any] = dict(values.items())
        query = self._table.update(changes, force=True).where(self._all(where))
        return await self._execute(query)

    async def delete(self, where: Combinable | None) -> int:
        """Delete rows that meet the condition (None: all of the tenant's); returns how many."""
        return await self._execute(self._table.delete(force=True).where(self._all(where)))

    async def page(
        self,
        order_by: Sequence[Column] = (),
        after: str = "",
        limit: int = 50,
        *,
        where: Combinable | None = None,
        descending: bool = False,
    ) -> Page:
        """A page of at most `limit` rows by key: as fast at the end as at the beginning, and no row
        is seen twice or missed because others came or went.

        Args:
            order_by: columns that are never null; the table's key is added.
            after: `next` of the page before, or empty for the first.
            limit: rows a page.
            where: a condition.
            descending: newest first.
        """
        key = self._table._meta.primary_key
        columns = [c for c in order_by if c._meta.name != key._meta.name] + [key]
        if any(column._meta.params.get("null") for column in columns):
            raise ValueError("a column that may be null cannot order pages")
        if after:
            place = WhereRaw(
                "({}) {} ({})".format(
                    ", ".join(
                        f'"{c._meta.table._meta.tablename}"."{c._meta.name}"' for c in columns
                    ),
                    "<" if descending else ">",
                    ", ".join(["{}"] * len(columns)),
                ),
                *_read_mark(after, columns),
            )
            where = place if where is None else where & place
        rows = await self.select(
            where, order_by=columns, descending=descending, limit=max(1, limit) + 1
        )
        more = len(rows) > limit
        rows = rows[:limit]
        return Page(rows=rows, next=_mark(rows[-1], columns) if more else "")

    def _all(self, where: Combinable | None) -> Combinable:
        mine = f'"{self._table._meta.tablename}"."tenant_id" = {{}}'
        if where is None:
            return WhereRaw(mine, self._tenant)
        # Our own parentheses: raw SQL may hold an OR.
        return WhereRaw(f"{mine} AND ({{}})", self._tenant, where.querystring)

    def _refuse_foreign(self, row: Mapping[str, Any]) -> None:
        if row.get("tenant_id", self._tenant) != self._tenant:
            raise UnscopedQuery(
                f"A row for tenant `{row['tenant_id']}` in the scope of `{self._tenant}`.",
                "Leave tenant_id out: the repository fills it.",
            )
        unknown = row.keys() - {column._meta.name for column in self._table._meta.columns}
        if unknown:
            names = ", ".join(sorted(unknown))
            raise ValueError(f"{self._table._meta.tablename} has no column {names}")

    async def _rows(self, query: Query[Any, Any]) -> list[Row]:
        sql, args = query.querystrings[0].compile_string(engine_type="postgres")
        return await self._fetch(sql, args)

    async def _fetch(self, sql: str, args: Sequence[Any]) -> list[Row]:
        json = {column._meta.name for column in self._table._meta.json_columns}
        with _in_time():
            rows = [dict(row) for row in await self._db.fetch(sql, *args)]
        for row in rows:
            row.update({n: msgspec.json.decode(row[n]) for n in json & row.keys() if row[n]})
        return rows

    async def _execute(self, query: Query[Any, Any]) -> int:
        sql, args = query.querystrings[0].compile_string(engine_type="postgres")
        with _in_time():
            tag = await self._db.execute(sql, *args)
        return int(tag.rpartition(" ")[2])


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except asyncpg.InterfaceError as error:
        if "released" not in str(error):
            raise
        raise UnscopedQuery(
            "The transaction of this repository has ended.", "Make the repository where it is used."
        ) from error


def _mark(row: Row, columns: Sequence[Column]) -> str:
    values = msgspec.json.encode([row[column._meta.name] for column in columns])
    return base64.urlsafe_b64encode(values).decode().rstrip("=")


def _read_mark(mark: str, columns: Sequence[Column]) -> list[Any]:
    try:
        raw = msgspec.json.decode(base64.urlsafe_b64decode(mark + "=" * (-len(mark) % 4)))
        if len(raw) != len(columns):
            raise ValueError
        pairs = zip(raw, columns, strict=True)
        return [msgspec.convert(value, column.value_type, strict=False) for value, column in pairs]
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise InvalidInput("This page does not exist.", "Begin again at the first page.") from error
