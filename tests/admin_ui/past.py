"""What a merchant said of earlier campaigns: what confidence is measured against."""

from __future__ import annotations

from datetime import timedelta

from kernel.contracts.base import new_id
from kernel.contracts.context import Context

CAMPAIGN = """
INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version, title, rationale,
  confidence, status, channel, audience_rule, context, proposed_at, expires_at, decided_at, approved_at,
  approved_by, finished_at, audience)
SELECT tenant_id, $2::uuid, 'past:' || $2::uuid::text, campaign_type, plugin, plugin_version, title, rationale, $3, $4, channel,
  audience_rule, context, $5, $5::timestamptz + interval '7 days', $5, $6, $7, $5, 0
FROM pipeline_campaign WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1
"""
ACT = """
INSERT INTO pipeline_approval (tenant_id, campaign_id, at, actor, action, reason, detail)
VALUES ($1, $2, $3, 'Mia', $4, '', '{}')
"""
SHADOW = """
INSERT INTO pipeline_shadow (tenant_id, campaign_id, campaign_type, at, level, decisions, sends, breaches,
  offers, reserved, raw, calibrated, threshold, would_send, why)
SELECT $1, $2, campaign_type, $3, 'manual', 0, 0, 0, 0, 0, $4::float8, $4::float8, 0.8, $4::float8 >= 0.8, $5
FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2
"""


async def judged(ctx: Context, count: int, *, rejects: int = 0, surest: float = 0.95) -> None:
    """`count` campaigns of the newest one's type, looked at one by one; those of the least confidence
    were rejected. The merchant's word came a day apart.
    """
    for number in range(count):
        at = ctx.now - timedelta(days=count - number)
        rejected = number < rejects
        raw = 0.3 + 0.02 * number if rejected else surest
        campaign_id = new_id(at)
        await ctx.db.execute(
            CAMPAIGN,
            ctx.tenant.id,
            campaign_id,
            raw,
            "rejected" if rejected else "finished",
            at,
            None if rejected else at,
            "" if rejected else "Mia",
        )
        await ctx.db.execute(
            ACT, ctx.tenant.id, campaign_id, at, "reject" if rejected else "approve"
        )
        said = f"Its confidence, {raw:.0%}, {'reaches' if raw >= 0.8 else 'is below'} the threshold of 80%."
        await ctx.db.execute(SHADOW, ctx.tenant.id, campaign_id, at, raw, said)
