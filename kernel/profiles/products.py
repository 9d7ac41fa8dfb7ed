"""Products from any source into the database, by SKU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kernel.profiles.frames import PRODUCTS, clean_tags, conform
from kernel.profiles.staging import query_frame, stage

if TYPE_CHECKING:
    from kernel.contracts.context import Context

_FIELDS = [name for name in PRODUCTS if name not in ("sku", "source")]
_VALUES = ", ".join("string_to_array(tags, ',')" if name == "tags" else name for name in _FIELDS)
_SET = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS)

# xmax is 0 in a row that this statement inserted and not in one that it updated.
_MERGE = f"""
INSERT INTO profiles_product AS p (tenant_id, sku, source, {", ".join(_FIELDS)})
SELECT $1, sku, source, {_VALUES} FROM stage_product ORDER BY n
ON CONFLICT (tenant_id, sku) DO UPDATE SET {_SET}, source = excluded.source, updated_at = now()
WHERE ({", ".join(f"p.{n}" for n in _FIELDS)})
  IS DISTINCT FROM ({", ".join(f"excluded.{n}" for n in _FIELDS)})
RETURNING sku, (xmax = 0)::int AS created
"""


async def merge(ctx: Context, products: pl.DataFrame) -> pl.DataFrame:
    """Writes `products` (columns PRODUCTS); the last row of a SKU counts.

    Returns:
        One row a SKU that was written: sku, created (1 new, 0 changed).
    """
    rows = conform(products, PRODUCTS, "products").with_columns(tags=clean_tags(pl.col("tags")))
    rows = rows.unique("sku", keep="last", maintain_order=True).with_row_index("n")
    await stage(ctx, "stage_product", rows)
    return await query_frame(ctx, {"sku": pl.String, "created": pl.Int8}, _MERGE, ctx.tenant.id)
