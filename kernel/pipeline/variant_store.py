"""Writes the words of variants; whatever they ever were stays in `pipeline_variant_version`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.campaigns import Copy
from kernel.pipeline import variant_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.contracts.context import Context


class Words(Frozen):
    """The words of one variant, where they come from, and what they took."""

    variant: str
    copy: Copy
    language: str = variant_names.BASE
    """Of the words, which is not that of the name where there were none in that language."""
    source: str = "template"
    model: str = ""
    prompt_hash: str = ""
    tokens: int = 0
    cost_micros: int = 0
    fallback: str = ""


# Settled words are left alone: the merchant has edited them, or another worker was first. Words
# that did not change are no new version.
PUT = """
WITH put AS (
  INSERT INTO pipeline_variant AS v (tenant_id, campaign_id, variant, copy, original, language, source,
    model, prompt_hash, tokens, cost_micros, fallback, tone, segment, offer, settled)
  SELECT $1, $2, r.variant, r.copy::jsonb, r.copy::jsonb, r.language, r.source, r.model, r.prompt_hash,
    r.tokens, r.cost_micros, r.fallback, r.tone, r.segment, r.offer, $3
  FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[],
    $11::bigint[], $12::text[], $13::text[], $14::text[], $15::boolean[])
    r (variant, copy, language, source, model, prompt_hash, tokens, cost_micros, fallback, tone,
       segment, offer)
  ON CONFLICT (tenant_id, campaign_id, variant) DO UPDATE SET copy = EXCLUDED.copy,
    original = EXCLUDED.original, language = EXCLUDED.language, source = EXCLUDED.source,
    model = EXCLUDED.model, prompt_hash = EXCLUDED.prompt_hash, tokens = EXCLUDED.tokens,
    cost_micros = EXCLUDED.cost_micros, fallback = EXCLUDED.fallback, settled = EXCLUDED.settled,
    version = v.version + (v.copy IS DISTINCT FROM EXCLUDED.copy)::int
  WHERE NOT v.settled
  RETURNING v.variant, v.version, v.copy, v.source, v.fallback)
INSERT INTO pipeline_variant_version
SELECT $1, $2, variant, version, copy, source, $16, $17, $18, fallback FROM put
ON CONFLICT DO NOTHING
"""

EDIT = """
WITH edit AS (
  UPDATE pipeline_variant SET copy = $4::jsonb, edited_at = $5, edited_by = $6, settled = true,
    version = version + 1
  WHERE tenant_id = $1 AND campaign_id = $2 AND variant = $3 RETURNING *)
INSERT INTO pipeline_variant_version
SELECT $1, $2, $3, version, copy, 'merchant', $7, $5, $6, $8 FROM edit RETURNING version
"""


async def put(
    ctx: Context, campaign_id: UUID, words: Sequence[Words], action: str, *, settled: bool
) -> None:
    """Keep words that are not settled yet, made by `action` ("propose", "write").

    Args:
        ctx: the tenant.
        campaign_id: whose.
        words: one a variant.
        action: for the version's record.
        settled: whether they are final, so that only the merchant can change them.
    """
    names = [variant_names.parse(one.variant) for one in words]
    await ctx.db.execute(
        PUT,
        ctx.tenant.id,
        campaign_id,
        settled,
        [one.variant for one in words],
        [canonical(one.copy).decode() for one in words],
        [one.language for one in words],
        [one.source for one in words],
        [one.model for one in words],
        [one.prompt_hash for one in words],
        [one.tokens for one in words],
        [one.cost_micros for one in words],
        [one.fallback for one in words],
        [name.tone for name in names],
        [name.segment_title for name in names],
        [name.offer for name in names],
        action,
        ctx.now,
        ctx.actor,
    )


async def edit(
    ctx: Context, campaign_id: UUID, variant: str, copy: Copy, action: str, why: str
) -> int:
    """Replace the words by the merchant's; returns the new version."""
    text = canonical(copy).decode()
    version: int = await ctx.db.fetchval(
        EDIT, ctx.tenant.id, campaign_id, variant, text, ctx.now, ctx.actor, action, why
    )
    return version


async def copies(ctx: Context, campaign_id: UUID) -> dict[str, Copy]:
    """Variant -> words, as they stand."""
    rows = await ctx.db.fetch(
        "SELECT variant, copy FROM pipeline_variant WHERE tenant_id = $1 AND campaign_id = $2",
        ctx.tenant.id,
        campaign_id,
    )
    return {row["variant"]: msgspec.json.decode(row["copy"], type=Copy) for row in rows}


async def languages(ctx: Context, campaign_id: UUID) -> dict[str, str]:
    """Variant -> the language its words are in."""
    rows = await ctx.db.fetch(
        "SELECT variant, language FROM pipeline_variant WHERE tenant_id = $1 AND campaign_id = $2",
        ctx.tenant.id,
        campaign_id,
    )
    return {row["variant"]: row["language"] for row in rows}
