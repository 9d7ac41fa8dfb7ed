"""The words of a campaign, one row a variant: the type's own at the proposal, better ones where somebody
writes them, editable until they are sent. Every version is kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.campaigns import Copy
from kernel.contracts.errors import NotFound
from kernel.pipeline import approvals, compose, offer_words, variant_names, variant_store, wording
from kernel.pipeline.previews import preview
from kernel.pipeline.variant_store import copies, languages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

__all__ = [
    "OFFER_SLOTS", "Variant", "Version", "copies", "freeze", "has_offer", "languages", "listing",
    "preview", "restore", "slots", "versions",
]  # fmt: skip

OFFER_SLOTS = offer_words.OFFER_SLOTS


class Variant(Frozen):
    """One variant as the merchant sees it: the words, the original ones, and who edited them."""

    name: str
    copy: Copy
    original: Copy
    edited_at: datetime | None
    edited_by: str
    messages: int
    """How many messages of the campaign use it."""
    version: int
    source: str
    """`template`, or the plugin that wrote the original."""
    model: str
    prompt_hash: str
    tokens: int
    cost_micros: int
    """What writing it cost, in millionths of a US dollar; also where the words were then refused."""
    fallback: str
    """Why it is a template though somebody could have written it; empty otherwise."""
    tone: str
    segment: str
    language: str
    """Of the words."""
    offer: bool
    settled: bool
    """Whether the words are final: false while the campaign is being decided."""

    @property
    def warnings(self) -> dict[str, str]:
        """Field -> what is unwise in words that the merchant edited; their own word, so no more."""
        ends = self.offer and self.tone == "urgent"
        if not self.edited_at:
            return {}
        return wording.warnings(
            self.copy, offer=self.offer, offer_ends=ends, language=self.language
        )


class Version(Frozen):
    """One version of a variant's words: who made it, when and why."""

    version: int
    copy: Copy
    source: str
    """`template`, `merchant`, or the plugin that wrote it."""
    action: str
    """`propose`, `write`, `edit` or `restore`."""
    at: datetime
    actor: str
    why: str


async def freeze(ctx: Context, campaign_id: UUID, copies: Mapping[str, Copy]) -> None:
    """Keep the type's own words with a new campaign."""
    words = [
        variant_store.Words(
            variant=name,
            copy=copy,
            language=variant_names.parse(name).language or variant_names.BASE,
        )
        for name, copy in copies.items()
    ]
    await variant_store.put(ctx, campaign_id, words, "propose", settled=False)


async def listing(ctx: Context, campaign_id: UUID) -> list[Variant]:
    """All variants of a campaign, the most used first."""
    rows = await ctx.db.fetch(
        """SELECT v.*, v.variant AS name,
             (SELECT count(*) FROM pipeline_message m WHERE m.tenant_id = $1
              AND m.campaign_id = $2 AND m.variant = v.variant) AS messages
           FROM pipeline_variant v WHERE v.tenant_id = $1 AND v.campaign_id = $2
           ORDER BY messages DESC, v.variant""",
        ctx.tenant.id,
        campaign_id,
    )
    return [_as(Variant, row, ("copy", "original")) for row in rows]


async def versions(ctx: Context, campaign_id: UUID, variant: str) -> list[Version]:
    """Every version of a variant's words, newest first; raises NotFound."""
    rows = await ctx.db.fetch(
        """SELECT * FROM pipeline_variant_version
           WHERE tenant_id = $1 AND campaign_id = $2 AND variant = $3 ORDER BY version DESC""",
        ctx.tenant.id,
        campaign_id,
        variant,
    )
    if not rows:
        raise NotFound(f"The campaign has no variant `{variant}`.", "See its copy.")
    return [_as(Version, row, ("copy",)) for row in rows]


async def restore(
    ctx: Context, campaign_id: UUID, variant: str, version: int | None = None, why: str = ""
) -> None:
    """Put an earlier version's words back, as a new version: what was edited stays readable.

    Args:
        ctx: the tenant.
        campaign_id: whose.
        variant: its name.
        version: which; None for the one before the present one.
        why: for the record.

    Raises:
        NotFound: there is no such version.
        Conflict: the campaign has ended.
    """
    known = await versions(ctx, campaign_id, variant)
    wanted = known[0].version - 1 if version is None else version
    found = next((one for one in known if one.version == wanted), None)
    if found is None:
        raise NotFound(f"`{variant}` has no version {wanted}.", "See its versions.")
    said = why or f"as in version {wanted}"
    await approvals.edit(ctx, campaign_id, variant, found.copy, action="restore", why=said)


def slots(ctx: Context, campaign_type: str, variant: str) -> tuple[str, ...]:
    """The slots that the words of a variant may hold."""
    owned = cast("TenantScope", ctx).core.board.campaign_types.get(campaign_type)
    own: Iterable[str] = owned.value.slots if owned else ()
    offer = OFFER_SLOTS if has_offer(variant) else ()
    return (*compose.SLOTS, *own, *offer)


def has_offer(variant: str) -> bool:
    """Whether the words of the variant tell of an offer, and so may hold its slots."""
    return variant_names.parse(variant).offer


def _as(kind: Any, row: Any, decoded: tuple[str, ...]) -> Any:
    values = {name: row[name] for name in kind.__struct_fields__}
    texts = {name: msgspec.json.decode(values[name], type=Copy) for name in decoded}
    return kind(**values | texts)
