"""Words for the variants of a campaign, once everybody is decided: by who writes best, checked, else the
type's own. A campaign leaves `deciding` only when every variant in use has words.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.campaigns import Brief, CampaignType, Written
from kernel.contracts.decisions import Pending
from kernel.pipeline import own_words, variant_names, variant_store, wording
from kernel.pipeline.variant_store import Words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.plugboard.parts import Answer
    from kernel.tenancy.scope import TenantScope

CHUNK = 8
"""Variants a call. The results of each are committed, so that a crash repeats only the last one."""
PATIENCE = timedelta(hours=26)
"""Machine time from the proposal after which nobody is waited for: two hours over what a batch of
requests may take (`consult` is bounded likewise)."""
SLICE = 5.0
"""Seconds after which other campaigns have their turn."""
PAUSE = (1.0, 600.0)
"""Seconds between two questions about what is pending, at least and at most."""

# Variants that a message is planned with and that have no final words. Nothing to do while a
# question is pending, or while anybody is undecided.
UNWRITTEN = """
SELECT m.variant FROM pipeline_message m
WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.state IN ('planned', 'deferred')
GROUP BY m.variant
HAVING NOT EXISTS (SELECT FROM pipeline_variant v WHERE v.tenant_id = $1 AND v.campaign_id = $2
                   AND v.variant = m.variant AND v.settled)
ORDER BY m.variant
"""

TURN = """
SELECT c.consult_at IS NULL OR c.consult_at <= now() AS awake,
  (SELECT min(opened_at) < now() - $3::interval FROM pipeline_variant v
   WHERE v.tenant_id = $1 AND v.campaign_id = $2) AS late
FROM pipeline_campaign c WHERE c.tenant_id = $1 AND c.id = $2 AND c.status = 'deciding'
  AND NOT EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1 AND m.campaign_id = $2
                  AND m.state = 'candidate')
"""

# Where nobody wrote for a segment or language, its messages go with those of everybody: the merchant
# reads the same words once.
JOIN = """
UPDATE pipeline_message m SET variant = r.plain
FROM unnest($3::text[], $4::text[]) r (variant, plain)
WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.variant = r.variant
  AND m.state IN ('planned', 'deferred')
"""


async def write(scope: TenantScope, campaign: Campaign) -> bool:
    """Give words to every variant in use, in a bounded slice of time.

    Returns True when all have them; False: call again, when the campaign's `consult_at` has passed.

    Args:
        scope: the tenant, outside a transaction.
        campaign: one in which everybody is decided.
    """
    until = time.monotonic() + SLICE
    async with scope.transaction() as ctx:
        turn = await ctx.db.fetchrow(TURN, ctx.tenant.id, campaign.id, PATIENCE)
        if turn is None or not turn["awake"]:
            return False
        names = await _unwritten(ctx, campaign)
        if not names:
            return True
        templates = await own_words.templates(ctx, campaign)
        plans = scope.core.board.plans("write_copy", ctx.enabled)
        kind = _kind(ctx, campaign)
        if kind is None or kind.transactional or not plans.steps:
            words = [own_words.find(templates, name) for name in names]
            await variant_store.put(ctx, campaign.id, words, "write", settled=True)
            return True
        enabled = ctx.enabled
    again: list[float] = []
    for start in range(0, len(names), CHUNK):
        if start and time.monotonic() > until:
            return False
        own = [own_words.find(templates, name) for name in names[start : start + CHUNK]]
        briefs = [brief(campaign, kind, one) for one in own]
        answers = await scope.core.board.first("write_copy", enabled, "briefs", briefs, ctx=scope)
        found = [judged(*one, bool(turn["late"])) for one in zip(briefs, own, answers, strict=True)]
        alone = {one.variant for one, answer in zip(own, answers, strict=True) if answer is None}
        await _keep(scope, campaign, [one for one in found if isinstance(one, Words)], alone, names)
        again += [one.again_in for one in found if isinstance(one, Pending)]
    if again:
        seconds = min(max(min(again), PAUSE[0]), PAUSE[1])
        async with scope.transaction() as ctx:
            await ctx.db.execute(
                """UPDATE pipeline_campaign SET consult_at = now() + make_interval(secs => $3)
                   WHERE tenant_id = $1 AND id = $2 AND status = 'deciding'""",
                ctx.tenant.id,
                campaign.id,
                seconds,
            )
    return not again


def brief(campaign: Campaign, kind: CampaignType, own: Words) -> Brief:
    """What the writer of a variant is told.

    An offer counts as one that ends only where the kernel has seen to it: in the tone `urgent`.
    """
    name = variant_names.parse(own.variant)
    return Brief(
        campaign=campaign,
        variant=own.variant,
        kind=kind,
        fallback=own.copy,
        tone=name.tone,
        segment=name.segment_title,
        language=name.language or variant_names.BASE,
        offer=name.offer,
        offer_ends=name.offer and name.tone == "urgent",
        slots=wording.slots_of(kind, name.offer),
    )


def judged(asked: Brief, own: Words, answer: Answer | None, late: bool) -> Words | Pending:
    """The words that a variant gets, or Pending to ask again. What is refused has still cost."""
    if answer is None:
        return msgspec.structs.replace(own, fallback="Nobody wrote it.")
    said: Written | Pending = answer.value
    if isinstance(said, Pending):
        if not late:
            return said
        hours = PATIENCE.total_seconds() / 3600
        return msgspec.structs.replace(
            own, fallback=f"{answer.plugin} had no words within {hours:g} hours."
        )
    costs = msgspec.structs.replace(
        own,
        model=said.model,
        prompt_hash=said.prompt_hash,
        tokens=said.tokens,
        cost_micros=said.cost_micros,
    )
    if said.copy is None:
        why = said.fallback or f"{answer.plugin} wrote none."
        return msgspec.structs.replace(costs, fallback=why)
    wrong = wording.problems(
        said.copy,
        slots=asked.slots,
        offer=asked.offer,
        offer_ends=asked.offer_ends,
        language=asked.language,
    )
    if wrong:
        field, sentence = next(iter(wrong.items()))
        return msgspec.structs.replace(
            costs, fallback=f"What {answer.plugin} wrote was refused. {field}: {sentence}"
        )
    return msgspec.structs.replace(
        costs,
        copy=said.copy,
        language=asked.language,
        source=answer.plugin,
        fallback=said.fallback,
    )


async def _keep(
    scope: TenantScope,
    campaign: Campaign,
    words: Sequence[Words],
    alone: Collection[str],
    names: Collection[str],
) -> None:
    """Commit a chunk's words, unless the campaign has ended meanwhile.

    Args:
        scope: the tenant, outside a transaction.
        campaign: whose.
        words: of the variants that have them now.
        alone: those of them that nobody would write.
        names: all that had no words before.
    """
    plain = {
        one.variant: name
        for one in words
        if one.variant in alone and (name := own_words.everybody(one)) != one.variant
    }
    kept: dict[str, Words] = {}
    for one in words:
        name = plain.get(one.variant, one.variant)
        if name == one.variant or name not in names:  # else its own words are still to come
            kept.setdefault(name, msgspec.structs.replace(one, variant=name))
    async with scope.transaction() as ctx:
        deciding = await ctx.db.fetchval(
            """SELECT true FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2
               AND status = 'deciding' FOR SHARE""",
            ctx.tenant.id,
            campaign.id,
        )
        if not deciding:
            return
        await ctx.db.execute(JOIN, ctx.tenant.id, campaign.id, list(plain), list(plain.values()))
        await variant_store.put(ctx, campaign.id, [*kept.values()], "write", settled=True)


async def _unwritten(ctx: Context, campaign: Campaign) -> list[str]:
    rows = await ctx.db.fetch(UNWRITTEN, ctx.tenant.id, campaign.id)
    return [row["variant"] for row in rows]


def _kind(ctx: TenantScope, campaign: Campaign) -> CampaignType | None:
    owned = ctx.core.board.campaign_types.get(campaign.campaign_type)
    return owned.value if owned else None
