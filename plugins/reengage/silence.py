"""Who has long been silent: a trait, computed set-wise in Postgres every morning, before winback's.

`reengage.silent_since`: when they last ordered, clicked, or agreed to mail (ISO 8601, UTC).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kernel.sdk import OrderPlaced, cancel_planned, enqueue
from plugins.reengage.manifest import MANIFEST, ReengageSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event

SINCE = "reengage.silent_since"

# Who once ordered is winback's ($6: winback is on), until a winback mail after the last order stayed
# unanswered for long enough, or the order is too long ago. Only rows that differ are written.
RECOMPUTE = """
WITH mails AS (
  SELECT m.customer_id, count(*) FILTER (WHERE m.attempted_at > $3) AS lately,
         min(m.attempted_at) FILTER (WHERE k.campaign_type = 'winback'
           AND (c.last_order_at IS NULL OR m.attempted_at > c.last_order_at)) AS winback_at
  FROM pipeline_message m
  JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
  JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
  WHERE m.tenant_id = $1 AND m.state IN ('attempting', 'accepted', 'delivered', 'unknown')
  GROUP BY 1
), clicks AS (
  SELECT customer_id, max(at) AS at FROM pipeline_outcome
  WHERE tenant_id = $1 AND kind = 'clicked' AND at <= $2 GROUP BY 1
), silent AS (
  SELECT c.id, greatest(c.last_order_at, clicks.at, c.consent_at, c.created_at) AS since
  FROM profiles_customer c
  LEFT JOIN mails ON mails.customer_id = c.id LEFT JOIN clicks ON clicks.customer_id = c.id
  WHERE c.tenant_id = $1 AND c.erased_at IS NULL AND c.email_consent = 'subscribed'
    AND greatest(c.last_order_at, clicks.at, c.consent_at, c.created_at) <= $3
    AND coalesce(mails.lately, 0) >= $4
    AND (NOT $6 OR c.last_order_at IS NULL OR c.last_order_at <= $7 OR mails.winback_at <= $5)
), fresh AS (
  SELECT id, to_jsonb(to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) AS value
  FROM silent
), gone AS (
  DELETE FROM profiles_trait t WHERE t.tenant_id = $1 AND t.name = $8
    AND NOT EXISTS (SELECT FROM silent s WHERE s.id = t.customer_id)
)
INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
SELECT $1, f.id, $8, f.value, $9, $10, $2 FROM fresh f
LEFT JOIN profiles_trait t ON t.tenant_id = $1 AND t.customer_id = f.id AND t.name = $8
WHERE t.value IS DISTINCT FROM f.value
ON CONFLICT (tenant_id, customer_id, name) DO UPDATE
SET value = excluded.value, plugin = excluded.plugin, version = excluded.version, at = excluded.at
"""

HEARD = """
DELETE FROM profiles_trait
WHERE tenant_id = $1 AND customer_id = ANY($2::bigint[]) AND name = $3
"""


async def recompute(ctx: Context, payload: dict[str, Any] | None = None) -> None:
    """Write the trait of everyone who is silent, and take it from everyone else; one statement."""
    chosen = ctx.settings(ReengageSettings)
    # As in winback: where traits are new, the planner would compare everybody with everybody.
    await ctx.db.execute("SET LOCAL enable_nestloop = off")
    await ctx.db.execute(
        RECOMPUTE,
        ctx.tenant.id,
        ctx.now,
        ctx.now - timedelta(days=chosen.silent_days),
        chosen.least_mails,
        ctx.now - timedelta(days=chosen.after_winback_days),
        "winback" in ctx.enabled,
        ctx.now - timedelta(days=chosen.winback_gives_up_days),
        SINCE,
        MANIFEST.name,
        MANIFEST.version,
    )
    await ctx.db.execute("SET LOCAL enable_nestloop = on")


async def schedule(ctx: Context) -> None:
    """Have it computed soon."""
    await enqueue(ctx, "reengage.silence", key="all")


async def changed(ctx: Context, events: Sequence[Event]) -> None:
    """History was read in, or the time was set: however often, it is computed once."""
    await schedule(ctx)


async def ordered(ctx: Context, events: Sequence[Event]) -> None:
    """Who orders is silent no more: the messages that waited for them are taken back."""
    ids = sorted(
        {e.customer_id for e in events if isinstance(e, OrderPlaced) and e.customer_id is not None}
    )
    if ids:
        await ctx.db.execute(HEARD, ctx.tenant.id, ids, SINCE)
        await cancel_planned(ctx, ids, "Ordered in the meantime.", MANIFEST.name)
