"""`write_copy`: the words of a variant, asked for once and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import msgspec

from kernel.sdk import Pending, Written
from plugins.claude import asking, client, facts, repo, setups, shop
from plugins.claude.answers import Words
from plugins.claude.manifest import ClaudeSettings
from plugins.claude.repo import Question
from plugins.claude.words import copy_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Brief, Context

WINDOW, SECONDS = 3.0, 24.0
"""In which questions of one call are begun; how long one answer may take. Together under 30."""
SOON = 1.0

Answer = Written | Pending | None


async def write(ctx: Context, briefs: Sequence[Brief]) -> list[Answer]:
    """One answer per brief, in their order."""
    settings = ctx.settings(ClaudeSettings)
    if not settings.write or not briefs or not client.key(ctx.tenant.id):
        return [None] * len(briefs)
    async with ctx.transaction() as tx:
        setup = setups.writing(settings.model_write, await shop.of_writing(tx))
        name = await setups.keep(tx, setup)
        ids = [question_id(brief, setup.prompt_hash) for brief in briefs]
        await repo.put(
            tx,
            [
                Question(
                    id=one,
                    kind="copy",
                    way="direct",
                    campaign_id=brief.campaign.id,
                    customer_id=None,
                    bucket=brief.variant,
                    members=(),
                    setup=name,
                    facts=facts.data_block(told(brief)),
                )
                for one, brief in zip(ids, briefs, strict=True)
            ],
        )
    blocked = await asking.work(ctx, settings, ids, WINDOW, SECONDS)
    async with ctx.transaction() as tx:
        known = await repo.load(tx, ids)
    return [_answer(known[one], setup.prompt_hash, blocked) for one in ids]


def question_id(brief: Brief, prompt_hash: str) -> UUID:
    """One question for one variant of a campaign and one version of the prompt."""
    return uuid5(brief.campaign.id, f"{brief.variant}/{prompt_hash}")


def told(brief: Brief) -> dict[str, object]:
    """What is told of a mail: nothing of a customer."""
    own = brief.fallback
    return {
        "purpose": brief.kind.purpose,
        "brief": brief.kind.brief,
        "tone": brief.tone,
        "segment": facts.plain(brief.segment),
        "language": facts.plain(brief.language),
        "offer": brief.offer,
        "offer_ends": brief.offer_ends,
        "slots": sorted(brief.slots),
        "fallback": {
            name: facts.without_emails(text) for name, text in msgspec.to_builtins(own).items()
        },
    }


def _answer(question: Question, prompt_hash: str, blocked: str) -> Answer:
    if question.state in ("waiting", "asked"):
        if not (blocked and question.state == "waiting"):
            return Pending(reason="Claude is writing", again_in=SOON)
        return Written(copy=None, prompt_hash=prompt_hash, fallback=blocked)
    good = question.state == "answered"
    return Written(
        copy=copy_of(msgspec.json.decode(question.answer, type=Words)) if good else None,
        model=question.model,
        prompt_hash=prompt_hash,
        tokens=question.tokens,
        cost_micros=question.cost_micros,
        fallback="" if good else question.fallback,
    )
