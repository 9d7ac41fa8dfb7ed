"""Writes what the stages decided: the immutable records and the ledger's new states, at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.base import canonical, new_id
from kernel.contracts.decisions import DecisionRecord
from kernel.pipeline.features import FEATURES_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.contracts.decisions import Candidate, Guarded
    from kernel.pipeline.batch import Batch

replace = msgspec.structs.replace

INSERT = """
INSERT INTO pipeline_decision
  (tenant_id, id, customer_id, occasion, campaign_id, campaign_type, decided_at, send, policy, plugin,
   fallback, guardrails, record)
SELECT $1, r.id, r.customer_id, r.occasion, $2, $3, $4, r.send, r.policy, r.plugin, r.fallback,
  string_to_array(r.guardrails, ','), r.record
FROM unnest($5::uuid[], $6::bigint[], $7::text[], $8::boolean[], $9::text[], $10::text[], $11::text[],
            $12::text[], $13::bytea[])
  r (id, customer_id, occasion, send, policy, plugin, fallback, guardrails, record)
"""

VERSION = 2
"""Of the record. An earlier one cannot be computed again: guardrails had no part in it."""

# A page is a stretch of customers: without its ends the whole campaign would be read for each page.
UPDATE = """
UPDATE pipeline_message m SET state = r.state, reason = r.reason, variant = r.variant,
  due_at = r.due_at, decision_id = r.decision_id, updated_at = now()
FROM unnest($3::bigint[], $4::int[], $5::text[], $6::text[], $7::text[], $8::timestamptz[],
            $9::uuid[]) r (customer_id, step, state, reason, variant, due_at, decision_id)
WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.customer_id = r.customer_id AND m.step = r.step
  AND m.state = 'candidate' AND m.customer_id BETWEEN $10 AND $11
"""


def record(
    *,
    record_id: UUID,
    tenant_id: str,
    campaign_type: str,
    candidate: Candidate,
    guarded: Guarded,
    plugin: str,
    plugin_version: str,
    frame_digest: str,
    at: datetime,
) -> DecisionRecord:
    """The record of one decision. Depends on its arguments alone: replay calls it again."""
    return DecisionRecord(
        id=record_id,
        tenant_id=tenant_id,
        customer_id=candidate.customer_id,
        message_id=candidate.message_id,
        occasion=candidate.occasion,
        campaign_type=campaign_type,
        decided_at=at,
        features=candidate.features,
        features_version=FEATURES_VERSION,
        plugin=plugin,
        plugin_version=plugin_version,
        context=frame_digest,
        decision=guarded.decision,
        changes=guarded.changes,
        action=guarded.action,
        held_out=guarded.held_out,
        version=VERSION,
        advice=tuple(advice.id for advice in candidate.advice),
        grant=guarded.grant,
    )


def encoded(records: Sequence[DecisionRecord]) -> list[bytes]:
    """The canonical bytes of each record. Deciders use one tuple of options for many customers: it is
    spelled once and set into each record as it is, which gives the same bytes.
    """
    spelled: dict[int, Any] = {}
    done = []
    for one in records:
        options = one.decision.options
        raw = spelled.get(id(options))
        if raw is None:
            raw = spelled[id(options)] = msgspec.Raw(canonical(options))
        done.append(canonical(replace(one, decision=replace(one.decision, options=raw))))
    return done


async def write(ctx: Context, batch: Batch) -> None:
    """Store the batch: one row a decision, one new state a message, in the caller's transaction."""
    if not batch.people:
        return
    at = batch.frame.now
    records = [
        record(
            record_id=new_id(),
            tenant_id=ctx.tenant.id,
            campaign_type=batch.campaign.campaign_type,
            candidate=person.candidate,
            guarded=guarded,
            plugin=decided.plugin,
            plugin_version=batch.versions.get(decided.plugin, ""),
            frame_digest=batch.frame_digest,
            at=at,
        )
        for person, decided, guarded in zip(batch.people, batch.decided, batch.guarded, strict=True)
    ]
    customers = [one.customer_id for one in records]
    await ctx.db.execute(
        INSERT,
        ctx.tenant.id,
        batch.campaign.id,
        batch.campaign.campaign_type,
        at,
        [one.id for one in records],
        customers,
        [one.occasion for one in records],
        [one.action.send for one in records],
        [one.decision.policy for one in records],
        [one.plugin for one in records],
        [one.decision.fallback for one in records],
        [",".join(c.guardrail for c in one.changes) or None for one in records],
        encoded(records),
    )
    await ctx.db.execute(
        UPDATE,
        ctx.tenant.id,
        batch.campaign.id,
        customers,
        [person.candidate.step for person in batch.people],
        [fate.state for fate in batch.fates],
        [fate.reason for fate in batch.fates],
        [fate.variant for fate in batch.fates],
        [fate.due_at for fate in batch.fates],
        [one.id for one in records],
        min(customers),
        max(customers),
    )
