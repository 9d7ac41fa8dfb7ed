"""Frames into temporary tables and query results into frames, both through COPY.

PostgreSQL refuses COPY into a table behind row-level security, so bulk goes COPY -> temporary table
-> INSERT ... SELECT, which the wall checks row by row. CSV written by polars is several times
faster than tuples made in Python, and writing overlaps with the server's reading.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.contracts.context import Context

_TYPES: dict[type[pl.DataType], str] = {
    pl.Int32: "int",
    pl.UInt32: "bigint",
    pl.Int64: "bigint",
    pl.String: "text",
    pl.Boolean: "boolean",
    pl.Datetime: "timestamptz",
}
CHUNK = 50_000


async def stage(ctx: Context, table: str, frame: pl.DataFrame, *, joined: bool = True) -> None:
    """The rows of `frame` in the temporary table `table`, which replaces one of that name and is
    gone at the end of the transaction.

    Args:
        ctx: the tenant.
        table: its name.
        frame: the rows.
        joined: True when it will be joined, so that the planner must know how large it is.
    """
    columns = ", ".join(f'"{name}" {_sql_type(dtype)}' for name, dtype in frame.schema.items())
    await ctx.db.execute(f"DROP TABLE IF EXISTS {table}")
    await ctx.db.execute(f"CREATE TEMP TABLE {table} ({columns}) ON COMMIT DROP")
    if frame.height:
        await ctx.db.copy_in(table, _csv(frame))
    if joined:
        await ctx.db.execute(f"ANALYZE {table}")


async def query_frame(ctx: Context, schema: dict[str, Any], sql: str, *args: Any) -> pl.DataFrame:
    """The rows of `sql` as a frame of `schema`, whose names are those of the query's columns."""
    buffer = io.BytesIO()
    await ctx.db.copy_out(sql, *args, output=buffer)
    buffer.seek(0)
    return pl.read_csv(buffer, schema=schema)


async def new_ids(ctx: Context, table: str, count: int) -> pl.Series:
    """So many ids of `table` that nobody has or will get."""
    sql = f"SELECT nextval('{table}_id_seq') AS id FROM generate_series(1, $1::int)"
    frame = await query_frame(ctx, {"id": pl.Int64}, sql, count)
    return frame["id"].sort()


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"numeric({dtype.precision},{dtype.scale})"
    return _TYPES[type(dtype)]


async def _csv(frame: pl.DataFrame) -> AsyncIterator[bytes]:
    for part in frame.iter_slices(CHUNK):
        yield part.write_csv(include_header=False).encode()
