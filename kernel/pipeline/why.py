"""Why: the story of a decision in words."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.decisions import Advice, DecisionRecord
from kernel.contracts.errors import NotFound
from kernel.pipeline import consult, words
from kernel.pipeline.replay import Replay, replay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context

__all__ = ["Replay", "Story", "replay", "stories", "story", "why"]

STOPPED = ("suppressed", "capped")


class Story(Frozen):
    """One decision, what it rested on, and what became of it."""

    record: DecisionRecord
    campaign_id: UUID
    campaign_title: str
    state: str
    reason: str
    outcomes: tuple[tuple[str, datetime], ...]
    advice: tuple[Advice, ...] = ()
    """What the decision rests on of what was asked, or paid for."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """The story in words, in the order in which it happened."""
        record, decision = self.record, self.record.decision
        chance = next((o.probability for o in decision.options if o.action == decision.chosen), 1.0)
        drawn = f"; it had a chance of {chance:.1%}" if chance < 1 else ""
        who = f"{decision.policy} ({record.plugin} {record.plugin_version})"
        told = [
            f"{record.decided_at:%Y-%m-%d %H:%M} UTC: send “{self.campaign_title}” or not?",
            words.known(record.features),
            words.possible([option.action for option in decision.options]),
            *map(words.advice, self.advice),
            f"{who} chose {words.action(decision.chosen)}, {decision.confidence:.0%} sure{drawn}.",
            *decision.reasons,
        ]
        if decision.fallback:
            told.append(f"Fallback: {decision.fallback}.")
        told += map(words.change, record.changes)
        if record.grant:
            told.append(words.grant(record.grant))
        if self.state in STOPPED and not self.reason.startswith("expired"):
            told.append(f"The law and the caps did not allow it: {self.reason}")
        elif record.action.send:
            told.append("No law and no cap stood against it when it was decided.")
        told.append(f"Now: {self.state}." + (f" {self.reason}" if self.reason else ""))
        told += [f"{kind.capitalize()} on {at:%Y-%m-%d %H:%M} UTC." for kind, at in self.outcomes]
        return tuple(told)


SELECT = """
SELECT d.record, d.campaign_id, c.title, m.state, m.reason,
  (SELECT json_agg(json_build_array(o.kind, o.at) ORDER BY o.at)::text FROM pipeline_outcome o
   WHERE o.tenant_id = $1 AND o.message_id = m.id) AS outcomes
FROM pipeline_decision d
JOIN pipeline_campaign c ON c.tenant_id = $1 AND c.id = d.campaign_id
LEFT JOIN pipeline_message m ON m.tenant_id = $1 AND m.campaign_id = d.campaign_id
  AND m.customer_id = d.customer_id AND m.decision_id = d.id
WHERE d.tenant_id = $1
"""


async def why(
    ctx: Context, customer_id: int, limit: int = 20, message_id: UUID | None = None
) -> list[Story]:
    """The customer's decisions, newest first; not sending and hold-outs are decisions too.

    Args:
        ctx: the tenant.
        customer_id: of whom.
        limit: how many.
        message_id: only the one about this message.
    """
    rows = await ctx.db.fetch(
        SELECT
        + """ AND d.customer_id = $2 AND ($4::uuid IS NULL OR m.id = $4)
            ORDER BY d.decided_at DESC, d.id DESC LIMIT $3""",
        ctx.tenant.id,
        customer_id,
        limit,
        message_id,
    )
    return await _stories(ctx, rows)


async def story(ctx: Context, decision_id: UUID) -> Story:
    """One decision; raises NotFound."""
    found = await stories(ctx, [decision_id])
    if not found:
        raise NotFound("There is no such decision.", "`mailwright why CUSTOMER` lists them.")
    return found[decision_id]


async def stories(ctx: Context, decision_ids: Sequence[UUID]) -> dict[UUID, Story]:
    """These decisions, by id, those that exist."""
    rows = await ctx.db.fetch(
        SELECT + " AND d.id = ANY($2::uuid[])", ctx.tenant.id, list(decision_ids)
    )
    return {story.record.id: story for story in await _stories(ctx, rows)}


async def _stories(ctx: Context, rows: Sequence[Any]) -> list[Story]:
    records = [msgspec.json.decode(row["record"], type=DecisionRecord) for row in rows]
    ids = {key for record in records for key in record.advice}
    advice = await consult.stored(ctx, sorted(ids)) if ids else {}
    return [
        Story(
            record=record,
            campaign_id=row["campaign_id"],
            campaign_title=row["title"],
            state=row["state"] or "",
            reason=row["reason"] or "",
            outcomes=msgspec.json.decode(
                row["outcomes"] or "[]", type=tuple[tuple[str, datetime], ...]
            ),
            advice=tuple(advice[key] for key in record.advice if key in advice),
        )
        for row, record in zip(rows, records, strict=True)
    ]
