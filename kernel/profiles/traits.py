"""Traits: facts about customers that plugins write, kept with their source, version and time."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
from asyncpg import UniqueViolationError

from kernel.contracts.base import canonical
from kernel.contracts.errors import InvalidInput
from kernel.profiles.staging import stage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.profiles import Trait

# A trait whose value stays the same keeps its row, version and time: it tells since when it is so.
_WRITE = """
INSERT INTO profiles_trait AS t (tenant_id, customer_id, name, value, plugin, version, at)
SELECT $1, customer_id, name, value, $2, $3, $4
FROM unnest($5::bigint[], $6::text[], $7::jsonb[]) AS s(customer_id, name, value)
ON CONFLICT (tenant_id, customer_id, name) DO UPDATE
SET value = excluded.value, plugin = excluded.plugin, version = excluded.version, at = excluded.at
WHERE t.value IS DISTINCT FROM excluded.value
"""
_BATCH = 20_000
_ROWS = {"customer_id": pl.Int64, "value": pl.String}
# A row costs more on its way than what is in it, so a million travel as one text for each name. In JSON
# neither a tab nor the end of a line stands raw.
_NOW = """
SELECT name, string_agg(customer_id::text || E'\\t' || value::text, E'\\n') AS rows
FROM profiles_trait WHERE tenant_id = $1 AND name = ANY($2::text[])
  AND customer_id >= $3 AND customer_id < $4
GROUP BY name
"""
_IDS = """
SELECT coalesce(min(customer_id), 0) AS first, coalesce(max(customer_id), -1) AS last
FROM profiles_trait WHERE tenant_id = $1
"""
_AT_ONCE = 1 << 20
_WRITE_NEW = """
INSERT INTO profiles_trait AS t (tenant_id, customer_id, name, value, plugin, version, at)
SELECT $1, s.customer_id, s.name, s.value::jsonb, $2, $3, $4
FROM stage_trait s JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.customer_id
WHERE s.value IS NOT NULL AND c.erased_at IS NULL
"""
_WRITE_STAGED = f"""{_WRITE_NEW}
ON CONFLICT (tenant_id, customer_id, name) DO UPDATE
SET value = excluded.value, plugin = excluded.plugin, version = excluded.version, at = excluded.at
WHERE t.value IS DISTINCT FROM excluded.value
"""
_DROP_STAGED = """
DELETE FROM profiles_trait t USING stage_trait s
WHERE s.value IS NULL AND t.tenant_id = $1 AND t.customer_id = s.customer_id AND t.name = s.name
"""


async def write_traits(ctx: Context, plugin: str, version: str, traits: Sequence[Trait]) -> int:
    """How many traits are new or have another value now; the others are not touched.

    Args:
        ctx: the tenant.
        plugin: who writes; every trait's name begins with it and a dot, so that no plugin writes
            another's.
        version: of the plugin or its model.
        traits: at most one of a name for each customer; the last one counts.
    """
    _own(plugin, {trait.name for trait in traits})
    latest = list({(t.customer_id, t.name): t for t in traits}.values())
    written = 0
    for start in range(0, len(latest), _BATCH):
        batch = latest[start : start + _BATCH]
        tag = await ctx.db.execute(
            _WRITE,
            ctx.tenant.id,
            plugin,
            version,
            ctx.now,
            [t.customer_id for t in batch],
            [t.name for t in batch],
            [canonical(t.value).decode() for t in batch],
        )
        written += _count(tag)
    return written


async def write_trait_frame(
    ctx: Context,
    plugin: str,
    version: str,
    frame: pl.DataFrame,
    whole: Collection[str] = (),
) -> int:
    """How many traits are new, have another value now, or are gone. For a million customers at once:
    what stands already is read in bulk and compared here, and only what differs is sent.

    Args:
        ctx: the tenant.
        plugin: who writes; every trait's name begins with it and a dot.
        version: of the plugin or its model.
        frame: `customer_id`, once each, and a column for each trait: numbers, text, booleans, moments,
            or lists or structs of numbers and text. A null takes the trait away. Who is not a customer,
            or asked to be forgotten in the meantime, is left out.
        whole: names of traits of which the frame tells all: who is not in it loses them.
    """
    names = [name for name in frame.columns if name != "customer_id"]
    _own(plugin, [*names, *whole])
    now = await _standing(ctx, whole) if whole else {}
    frame = frame.sort("customer_id")
    parts = []
    for name in sorted({*names, *whole}):
        new = pl.DataFrame(schema=_ROWS)
        if name in names:
            new = frame.select("customer_id", value=_json(frame[name]))
        if name in whole:
            new = _differing(new.drop_nulls(), now[name], frame.schema.get(name, pl.String()))
        parts.append(new.select("customer_id", "value", name=pl.lit(name)))
    if not parts or not any(part.height for part in parts):
        return 0
    await stage(ctx, "stage_trait", pl.concat(parts).sort("customer_id", "name"))
    args = ctx.tenant.id, plugin, version, ctx.now
    if set(names) <= now.keys() and not any(rows.height for rows in now.values()):
        # The first time: a million rows go in a third faster when none is looked for. Had somebody else
        # just written the same traits, this is undone and they are looked for after all.
        with suppress(UniqueViolationError):
            async with ctx.savepoint():
                return _count(await ctx.db.execute(_WRITE_NEW, *args))
    gone = await ctx.db.execute(_DROP_STAGED, ctx.tenant.id)
    return _count(gone) + _count(await ctx.db.execute(_WRITE_STAGED, *args))


def _count(tag: str) -> int:
    return int(tag.rpartition(" ")[2])


async def _standing(ctx: Context, names: Collection[str]) -> dict[str, pl.DataFrame]:
    """What each of these traits is now, as JSON, sorted by customer."""
    texts: dict[str, list[str]] = {name: [] for name in names}
    ids = await ctx.db.fetchrow(_IDS, ctx.tenant.id)
    for first in range(ids["first"], ids["last"] + 1, _AT_ONCE):
        rows = await ctx.db.fetch(_NOW, ctx.tenant.id, list(names), first, first + _AT_ONCE)
        for row in rows:
            texts[row["name"]].append(row["rows"])
    return {name: _parsed("\n".join(parts)) for name, parts in texts.items()}


def _parsed(rows: str) -> pl.DataFrame:
    if not rows:
        return pl.DataFrame(schema=_ROWS)
    read = pl.read_csv(
        rows.encode(), separator="\t", has_header=False, quote_char=None, schema=_ROWS
    )
    return read.sort("customer_id")


def _own(plugin: str, names: Collection[str]) -> None:
    foreign = sorted({name for name in names if not name.startswith(f"{plugin}.")})
    if foreign:
        raise InvalidInput(
            f"The plugin `{plugin}` may not write {', '.join(foreign)}.",
            f"Name its traits `{plugin}.<something>`.",
        )


def _json(values: pl.Series) -> pl.Series:
    """Each value as JSON; null for null, and for a number that is none."""
    kind = values.dtype
    if kind.is_float():
        return values.set(~values.is_finite(), None).cast(pl.String)
    if kind.is_integer() or kind == pl.Boolean:
        return values.cast(pl.String)
    if kind == pl.Datetime:
        return values.dt.strftime('"%Y-%m-%dT%H:%M:%SZ"')
    text = values.to_frame("v").to_struct("s").struct.json_encode()  # {"v":…}
    return text.str.slice(5, text.str.len_chars() - 6).set(values.is_null(), None)


def _differing(new: pl.DataFrame, now: pl.DataFrame, kind: pl.DataType) -> pl.DataFrame:
    """Rows of `new` whose value is not the present one, and a null for whom `new` does not have; both are
    sorted. A value that only looks different costs the server a look, nothing more.
    """
    if new["customer_id"].equals(
        now["customer_id"]
    ):  # most nights; a join takes five times as long
        both = new.with_columns(value_now=now["value"])
    else:
        both = new.join(now, on="customer_id", how="full", coalesce=True, suffix="_now")
    old, fresh = pl.col("value_now"), pl.col("value")
    if kind.is_numeric():
        old, fresh = (c.cast(pl.Float64, strict=False) for c in (old, fresh))
    elif kind.is_nested():  # Postgres puts a space after each comma and colon
        old, fresh = (c.str.replace_all(r"([,:]) ", "$1") for c in (old, fresh))
    return both.filter(old.ne_missing(fresh)).select("customer_id", "value")


async def traits_of(ctx: Context, customer_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The traits of those customers that have any: id -> name -> value."""
    rows = await ctx.db.fetch(
        "SELECT customer_id, json_object_agg(name, value ORDER BY name)::text AS traits "
        "FROM profiles_trait WHERE tenant_id = $1 AND customer_id = ANY($2::bigint[]) "
        "GROUP BY customer_id",
        ctx.tenant.id,
        list(customer_ids),
    )
    return {row["customer_id"]: msgspec.json.decode(row["traits"]) for row in rows}
