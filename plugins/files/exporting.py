"""Everything a tenant has, as files: streamed from COPY, so that memory does not grow with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from kernel.sdk import Context
from plugins.files.exports import FILES, README, File

Told = Callable[[str, int, int], Any]

_COLUMNS = """
SELECT column_name AS name, data_type AS type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'tenant_id'
ORDER BY ordinal_position
"""
_UTC = """to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
_SPELL = {
    "timestamp with time zone": _UTC,
    "ARRAY": "array_to_string({0}, ',')",
    "jsonb": "{0}::text",
    "uuid": "{0}::text",
    "boolean": "{0}::text",
    "bytea": "encode({0}, 'base64')",
}
_POLARS: dict[str, Any] = {
    "bigint": pl.Int64,
    "integer": pl.Int32,
    "smallint": pl.Int16,
    "double precision": pl.Float64,
    "boolean": pl.Boolean,
    "timestamp with time zone": pl.Datetime("us", "UTC"),
}


async def export_tenant(
    ctx: Context,
    folder: Path,
    form: str,
    plugin_tables: Mapping[str, str],
    told: Told = lambda name, done, total: None,
) -> dict[str, int]:
    """How many rows each file has.

    Args:
        ctx: the tenant.
        folder: a new or empty one; only the owner may read what is put there.
        form: csv, parquet or jsonl.
        plugin_tables: table -> the plugin that owns it, for those of plugins.
        told: called before each file with its name, its number from 0, and how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    files = [*FILES, *await _of_plugins(ctx, plugin_tables)]
    counts: dict[str, int] = {}
    for number, file in enumerate(files):
        name = f"{file.name}.{form}"
        told(name, number, len(files))
        counts[name] = await _write(ctx, file, folder / name, form)
    _private(folder / "README.md").write_text(_readme(ctx, files, counts, form), "utf-8")
    return counts


async def _of_plugins(ctx: Context, tables: Mapping[str, str]) -> list[File]:
    """The tables of plugins as they stand; each column tells its database type."""
    found = []
    for table, plugin in sorted(tables.items()):
        columns = await ctx.db.fetch(_COLUMNS, table)
        if columns:
            found.append(
                File(
                    name=table,
                    about=f"Kept by the plugin `{plugin}`; its README describes it.",
                    sql=f'FROM "{table}" t WHERE t.tenant_id = $1',
                    columns=tuple((c["name"], f't."{c["name"]}"', c["type"], "") for c in columns),
                )
            )
    return found


async def _write(ctx: Context, file: File, path: Path, form: str) -> int:
    """Writes one file, through CSV; the number of its rows."""
    spelt = ", ".join(
        f'{_SPELL.get(kind, "{0}").format(source)} AS "{name}"'
        for name, source, kind, _ in file.columns
    )
    plain = path if form == "csv" else path.with_suffix(".csv.part")
    _private(plain)
    count = await ctx.db.copy_out(f"SELECT {spelt} {file.sql}", ctx.tenant.id, output=str(plain))
    if form != "csv":
        try:
            await asyncio.to_thread(_convert, file, plain, _private(path), form)
        finally:
            plain.unlink()
    return count


def _convert(file: File, source: Path, target: Path, form: str) -> None:
    schema: dict[str, Any] = {name: pl.String for name, *_ in file.columns}
    casts = [_cast(name, kind) for name, _, kind, _ in file.columns]
    frame = pl.scan_csv(source, schema=schema).with_columns(casts)
    if form == "parquet":
        frame.sink_parquet(target)
    else:
        frame.sink_ndjson(target)


def _cast(name: str, kind: str) -> pl.Expr:
    column = pl.col(name)
    if kind == "boolean":
        return column == "true"
    if kind.startswith("numeric"):
        return column.cast(pl.Decimal(14, 4 if kind == "numeric4" else 2))
    if kind == "timestamp with time zone":
        return column.str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_zone="UTC", time_unit="us")
    return column.cast(_POLARS.get(kind, pl.String))


def _private(path: Path) -> Path:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    return path


def _readme(ctx: Context, files: list[File], counts: dict[str, int], form: str) -> str:
    parts = [README.format(name=ctx.tenant.name, tenant=ctx.tenant.id, now=ctx.now, form=form)]
    for file in files:
        name = f"{file.name}.{form}"
        parts.append(f"\n## {name}\n\n{file.about} {counts[name]:,} rows.\n\n")
        parts.append("| column | type | what it is |\n|---|---|---|\n")
        parts += [
            f"| {column} | {kind.removesuffix('4')} | {text} |\n"
            for column, _, kind, text in file.columns
        ]
    return "".join(parts)
