"""The campaign type's own words for a variant: the nearest there are, and what is said of an offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.campaigns import Campaign, Copy
from kernel.contracts.errors import Conflict
from kernel.pipeline import offer_words, variant_names
from kernel.pipeline.variant_store import Words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernel.contracts.context import Context

# What the campaign was proposed with, as the merchant may have changed it; of a variant that a plugin
# has written since, what it said before.
TEMPLATES = """
SELECT v.variant, CASE WHEN v.source = 'template' THEN v.copy ELSE f.copy END AS copy
FROM pipeline_variant v JOIN pipeline_variant_version f ON f.tenant_id = v.tenant_id
  AND f.campaign_id = v.campaign_id AND f.variant = v.variant AND f.version = 1
WHERE v.tenant_id = $1 AND v.campaign_id = $2 AND f.action = 'propose'
"""


async def templates(ctx: Context, campaign: Campaign) -> dict[str, Copy]:
    """Variant -> the type's own words, as the merchant may have changed them."""
    rows = await ctx.db.fetch(TEMPLATES, ctx.tenant.id, campaign.id)
    return {row["variant"]: msgspec.json.decode(row["copy"], type=Copy) for row in rows}


def find(templates: Mapping[str, Copy], variant: str) -> Words:
    """The campaign type's words for a variant, with a paragraph about the offer if they lack it.

    Raises:
        Conflict: the type has no words in this tone.
    """
    name = variant_names.parse(variant)
    found = variant_names.find(templates, name)
    if found is None:
        raise Conflict(
            f"There are no words for the variant `{variant}`.",
            f"Give the campaign type copy for the tone {name.tone!r}.",
        )
    nearest, copy = found
    language = nearest.language or variant_names.BASE
    if name.offer:
        copy = offer_words.with_offer(copy, language)
    return Words(variant=variant, copy=copy, language=language)


def everybody(words: Words) -> str:
    """The variant of all who get these words of ours, of whatever segment."""
    name = variant_names.parse(words.variant)
    language = name.language if words.language == name.language else ""
    return str(variant_names.Name(tone=name.tone, offer=name.offer, language=language))
