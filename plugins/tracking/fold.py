"""Hits become clicks: judged when nothing more can change what they were, message by message."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kernel.sdk import Outcome, record_outcomes
from plugins.tracking.manifest import TrackingSettings
from plugins.tracking.scanners import Hit, judge, window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context

BATCH = 1000
_WAITING = """
SELECT DISTINCT message_id FROM (
  SELECT message_id FROM tracking_hit WHERE tenant_id = $1 AND verdict = '' AND at <= $2
  ORDER BY at LIMIT $3) h
"""
_HITS = """
SELECT h.id, h.kind, h.message_id, h.link_id, h.at, h.head, h.agent, h.verdict
FROM tracking_hit h WHERE h.tenant_id = $1 AND h.message_id = ANY($2::uuid[])
"""
_MESSAGES = """
SELECT m.id, m.customer_id, m.campaign_id, c.erased_at IS NOT NULL AS erased,
  coalesce(o.at, m.accepted_at) AS delivered_at
FROM pipeline_message m
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
LEFT JOIN pipeline_outcome o ON o.tenant_id = m.tenant_id AND o.message_id = m.id
  AND o.kind = 'delivered'
WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[])
"""
_JUDGED = """
UPDATE tracking_hit h SET verdict = j.verdict, reason = j.reason, campaign_id = j.campaign_id,
  customer_id = j.customer_id, message_id = j.message_id
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::uuid[])
  j (id, verdict, reason, campaign_id, customer_id, message_id)
WHERE h.tenant_id = $1 AND h.id = j.id AND h.verdict = ''
"""


def settled_before(ctx: Context) -> datetime:
    """Hits up to this moment can be judged: whatever belongs to them has come."""
    return ctx.now - window(ctx.settings(TrackingSettings)) - timedelta(seconds=5)


async def fold(ctx: Context) -> int:
    """Judge one batch of hits in the transaction of `ctx`; how many. Each is judged once."""
    before = settled_before(ctx)
    rows = await ctx.db.fetch(_WAITING, ctx.tenant.id, before, BATCH)
    ids = [row["message_id"] for row in rows]
    if not ids:
        return 0
    found = await ctx.db.fetch(_MESSAGES, ctx.tenant.id, ids)
    messages = {row["id"]: row for row in found}
    hits: dict[Any, list[Any]] = {}
    for row in await ctx.db.fetch(_HITS, ctx.tenant.id, ids):
        hits.setdefault(row["message_id"], []).append(row)
    settings = ctx.settings(TrackingSettings)
    told: list[tuple[Any, ...]] = []
    clicked: list[Outcome] = []
    for message_id, its in hits.items():
        new = [row for row in its if row["verdict"] == "" and row["at"] <= before]
        message = messages.get(message_id)
        if message is None:
            told += [(row["id"], "stray", "No such message.", None, None, None) for row in new]
            continue
        judged = judge(settings, [_hit(row) for row in its], message["delivered_at"])
        who = None if message["erased"] else message["customer_id"]
        kept = None if message["erased"] else message_id
        for row in new:
            one = judged[row["id"]]
            told.append((row["id"], one.verdict, one.reason, message["campaign_id"], who, kept))
        people = [row for row in new if judged[row["id"]].verdict == "human"]
        if people and who is not None:
            first = min(row["at"] for row in people)
            clicked.append(
                Outcome(message_id=message_id, customer_id=who, kind="clicked", at=first)
            )
    if told:
        await ctx.db.execute(_JUDGED, ctx.tenant.id, *map(list, zip(*told, strict=True)))
    await record_outcomes(ctx, clicked)
    return len(told)


def _hit(row: Any) -> Hit:
    names: Sequence[str] = Hit.__struct_fields__
    return Hit(**{name: row[name] for name in names})
