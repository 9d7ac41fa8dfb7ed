"""Why: the story of a decision in words, and its replay to the same bytes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.decisions import Candidate, DecisionRecord
from kernel.contracts.errors import Conflict, NotFound
from kernel.pipeline import decide, frames, guard, records
from kernel.pipeline.features import FEATURES_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope


class Story(Frozen):
    """One decision, what it rested on, and what became of it."""

    record: DecisionRecord
    campaign_id: UUID
    campaign_title: str
    state: str
    reason: str
    outcomes: tuple[tuple[str, datetime], ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """The story in words, in the order in which it happened."""
        record = self.record
        chosen = record.decision.chosen
        what = f"to send, tone {chosen.tone}" if chosen.send else "not to send"
        told = [
            f"{record.decided_at:%Y-%m-%d %H:%M} UTC: send “{self.campaign_title}” or not?",
            f"{len(record.decision.options)} actions were possible.",
            f"{record.decision.policy} ({record.plugin} {record.plugin_version}) chose {what}.",
            *record.decision.reasons,
        ]
        if record.decision.fallback:
            told.append(f"Fallback: {record.decision.fallback}.")
        told += [f"Guardrail {change.guardrail}: {change.reason}" for change in record.changes]
        told.append(f"Now: {self.state}." + (f" {self.reason}" if self.reason else ""))
        told += [f"{kind.capitalize()} on {at:%Y-%m-%d %H:%M} UTC." for kind, at in self.outcomes]
        return tuple(told)


class Replay(Frozen):
    """A decision computed again: the stored bytes and the new ones."""

    stored: bytes
    computed: bytes

    @property
    def same(self) -> bool:
        """Whether they are equal, byte for byte."""
        return self.stored == self.computed


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


async def why(ctx: Context, customer_id: int, limit: int = 20) -> list[Story]:
    """The customer's decisions, newest first; not sending and hold-outs are decisions too."""
    rows = await ctx.db.fetch(
        SELECT + " AND d.customer_id = $2 ORDER BY d.decided_at DESC, d.id DESC LIMIT $3",
        ctx.tenant.id,
        customer_id,
        limit,
    )
    return [_story(row) for row in rows]


async def story(ctx: Context, decision_id: UUID) -> Story:
    """One decision; raises NotFound."""
    row = await ctx.db.fetchrow(SELECT + " AND d.id = $2", ctx.tenant.id, decision_id)
    if row is None:
        raise NotFound("There is no such decision.", "`mailwright why CUSTOMER` lists them.")
    return _story(row)


async def stories(ctx: Context, decision_ids: Sequence[UUID]) -> dict[UUID, Story]:
    """These decisions, by id, those that exist."""
    rows = await ctx.db.fetch(
        SELECT + " AND d.id = ANY($2::uuid[])", ctx.tenant.id, list(decision_ids)
    )
    return {story.record.id: story for story in map(_story, rows)}


async def replay(ctx: Context, decision_id: UUID) -> Replay:
    """Compute the decision again from what is stored: its features, settings and time.

    Raises:
        NotFound: there is no such decision.
        Conflict: a plugin that made it is gone, or the meaning of features has changed since.
    """
    stored: bytes | None = await ctx.db.fetchval(
        "SELECT record FROM pipeline_decision WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        decision_id,
    )
    if stored is None:
        raise NotFound("There is no such decision.", "`mailwright why CUSTOMER` lists them.")
    old = msgspec.json.decode(stored, type=DecisionRecord)
    if old.features_version != FEATURES_VERSION:
        raise Conflict(
            f"The decision was made with version {old.features_version} of the features; this code "
            f"has version {FEATURES_VERSION}.",
            "Replay it with the version of Mailwright that made it.",
        )
    board = cast("TenantScope", ctx).core.board
    frame = await frames.load(ctx, old.context)
    given = frames.context(board, frame, old.decided_at)
    candidate = Candidate(
        message_id=old.message_id,
        customer_id=old.customer_id,
        step=int(old.occasion.rpartition("/")[2]),
        occasion=old.occasion,
        features=old.features,
    )
    [made] = await decide.decisions(board, frozenset(frame.plugins), given, [candidate])
    version = board.plugins[made.plugin].manifest.version if made.plugin in board.plugins else ""
    new = records.record(
        record_id=old.id,
        tenant_id=old.tenant_id,
        campaign_type=old.campaign_type,
        candidate=candidate,
        guarded=guard.guard(given, candidate.customer_id, made.decision),
        plugin=made.plugin,
        plugin_version=version,
        frame_digest=old.context,
        at=old.decided_at,
    )
    return Replay(stored=bytes(stored), computed=canonical(new))


def _story(row: Any) -> Story:
    outcomes = msgspec.json.decode(row["outcomes"] or "[]", type=tuple[tuple[str, datetime], ...])
    return Story(
        record=msgspec.json.decode(row["record"], type=DecisionRecord),
        campaign_id=row["campaign_id"],
        campaign_title=row["title"],
        state=row["state"] or "",
        reason=row["reason"] or "",
        outcomes=outcomes,
    )
