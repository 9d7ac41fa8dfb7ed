"""The words of a campaign, one row a variant: frozen at the proposal, editable until it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.campaigns import Copy

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from kernel.contracts.context import Context


class Variant(Frozen):
    """One variant as the merchant sees it: the words, the original ones, and who edited them."""

    name: str
    copy: Copy
    original: Copy
    edited_at: datetime | None
    edited_by: str
    messages: int
    """How many messages of the campaign use it."""


async def freeze(ctx: Context, campaign_id: UUID, copies: dict[str, Copy]) -> None:
    """Keep the words with a new campaign."""
    texts = [canonical(copy).decode() for copy in copies.values()]
    await ctx.db.execute(
        """INSERT INTO pipeline_variant (tenant_id, campaign_id, variant, copy, original)
           SELECT $1, $2, v.name, v.copy::jsonb, v.copy::jsonb
           FROM unnest($3::text[], $4::text[]) v (name, copy)""",
        ctx.tenant.id,
        campaign_id,
        list(copies),
        texts,
    )


async def copies(ctx: Context, campaign_id: UUID) -> dict[str, Copy]:
    """Variant -> words, as they stand."""
    rows = await ctx.db.fetch(
        "SELECT variant, copy FROM pipeline_variant WHERE tenant_id = $1 AND campaign_id = $2",
        ctx.tenant.id,
        campaign_id,
    )
    return {row["variant"]: msgspec.json.decode(row["copy"], type=Copy) for row in rows}


async def listing(ctx: Context, campaign_id: UUID) -> list[Variant]:
    """All variants of a campaign, the most used first."""
    rows = await ctx.db.fetch(
        """SELECT v.*, (SELECT count(*) FROM pipeline_message m WHERE m.tenant_id = $1
                        AND m.campaign_id = $2 AND m.variant = v.variant) AS messages
           FROM pipeline_variant v WHERE v.tenant_id = $1 AND v.campaign_id = $2
           ORDER BY messages DESC, v.variant""",
        ctx.tenant.id,
        campaign_id,
    )
    return [
        Variant(
            name=row["variant"],
            copy=msgspec.json.decode(row["copy"], type=Copy),
            original=msgspec.json.decode(row["original"], type=Copy),
            edited_at=row["edited_at"],
            edited_by=row["edited_by"],
            messages=row["messages"],
        )
        for row in rows
    ]
