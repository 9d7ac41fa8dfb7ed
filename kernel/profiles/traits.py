"""Traits: facts about customers that plugins write, kept with their source, version and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.base import canonical
from kernel.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

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


async def write_traits(ctx: Context, plugin: str, version: str, traits: Sequence[Trait]) -> int:
    """How many traits are new or have another value now; the others are not touched.

    Args:
        ctx: the tenant.
        plugin: who writes; every trait's name begins with it and a dot, so that no plugin writes
            another's.
        version: of the plugin or its model.
        traits: at most one of a name for each customer; the last one counts.
    """
    foreign = sorted({t.name for t in traits if not t.name.startswith(f"{plugin}.")})
    if foreign:
        raise InvalidInput(
            f"The plugin `{plugin}` may not write {', '.join(foreign)}.",
            f"Name its traits `{plugin}.<something>`.",
        )
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
        written += int(tag.rpartition(" ")[2])
    return written


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
