"""Which tenants have something to do, which campaigns are open, and how campaigns come to their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.contracts.events import CampaignFinished
from kernel.events.outbox import emit
from kernel.pipeline import campaigns, ledger

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.contracts.campaigns import Campaign
    from kernel.db.uow import UnitOfWork
    from kernel.tenancy.scope import TenantScope

# A tenant has work when a campaign is being decided (and not waiting for answers), is approved and has not
# begun, may begin its next wave, has a message due that neither wave nor pace holds back, an attempt whose
# lease ran out, an unknown message to ask about, or has passed its time. `$1` is now for tenants on the
# system's clock.
WORK = """
SELECT DISTINCT c.tenant_id FROM pipeline_campaign c
JOIN tenancy_tenant t ON t.tenant_id = c.tenant_id
CROSS JOIN tenancy_switch s CROSS JOIN LATERAL (SELECT coalesce(t.clock_at, $1) AS now) n
WHERE c.status = 'deciding' AND (c.consult_at IS NULL OR c.consult_at <= now())
   OR c.status IN ('waiting', 'paused', 'sending') AND c.expires_at <= n.now
   OR c.status IN ('sending', 'paused', 'cancelled') AND EXISTS (SELECT FROM pipeline_message m
        WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id
          AND m.state IN ('attempting', 'unknown') AND m.lease_until <= now())
   OR c.status = 'sending' AND c.channel <> '' AND (c.send_at IS NULL OR c.send_at <= n.now)
      AND (c.hold_until IS NULL OR c.hold_until <= $1)
      AND t.halted_at IS NULL AND s.halted_at IS NULL
      AND (c.begun_at IS NULL OR c.wave_left = 0 AND c.wave_at <= n.now
        OR c.wave_left IS DISTINCT FROM 0
          AND (c.urgent OR NOT EXISTS (SELECT FROM pipeline_pace p WHERE p.tenant_id = c.tenant_id
            AND p.open_at > n.now AND p.open_at < n.now + interval '2 hours'))
          AND EXISTS (SELECT FROM pipeline_message m
            WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id
              AND m.state IN ('planned', 'deferred') AND (m.due_at IS NULL OR m.due_at <= n.now)))
   OR c.status = 'sending' AND NOT EXISTS (SELECT FROM pipeline_message m
        WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id
          AND m.state IN ('candidate', 'planned', 'deferred', 'attempting', 'unknown'))
ORDER BY 1
"""


async def tenants_with_work(unit: UnitOfWork, now: datetime) -> list[str]:
    """The tenants for whom `advance` has something to do; `unit` is a system scope."""
    return [row["tenant_id"] for row in await unit.fetch(WORK, now)]


async def unfinished(ctx: TenantScope) -> list[Campaign]:
    """The campaigns with something to hand over or to settle: those that somebody waits for first, then
    oldest first.
    """
    found = await campaigns.with_status(ctx, "sending", "paused", "cancelled")
    kinds = ctx.core.board.campaign_types

    def waits(campaign: Campaign) -> bool:
        kind = kinds.get(campaign.campaign_type)
        return kind is None or not kind.value.transactional

    return sorted(found, key=waits)


async def finish(scope: TenantScope, campaign: Campaign) -> bool:
    """Close a campaign in which nobody waits, is deferred or unknown."""
    async with scope.transaction() as ctx:
        done = await ctx.db.fetchval(
            """UPDATE pipeline_campaign c SET status = 'finished', finished_at = $3, updated_at = now()
               WHERE c.tenant_id = $1 AND c.id = $2 AND c.status = 'sending'
                 AND NOT EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1
                   AND m.campaign_id = $2 AND m.state IN
                     ('candidate', 'planned', 'deferred', 'attempting', 'unknown'))
               RETURNING true""",
            ctx.tenant.id,
            campaign.id,
            ctx.now,
        )
        if done:
            await emit(
                ctx,
                CampaignFinished(
                    occurred_at=ctx.now,
                    campaign_id=campaign.id,
                    campaign_type=campaign.campaign_type,
                ),
            )
    return bool(done)


async def expire(ctx: TenantScope) -> None:
    """Give up what could not be sent in time: an old mail is worse than none."""
    late = await ctx.db.fetch(
        """SELECT * FROM pipeline_campaign WHERE tenant_id = $1 AND expires_at <= $2
           AND status IN ('waiting', 'paused', 'sending') ORDER BY id FOR UPDATE""",
        ctx.tenant.id,
        ctx.now,
    )
    for row in late:
        if row["status"] == "sending":
            await ledger.cancel(ctx, row["id"], "expired: could not be sent in time", "suppressed")
            continue
        await ledger.cancel(ctx, row["id"], "The campaign was not approved in time.")
        await ctx.db.execute(
            """UPDATE pipeline_campaign SET status = 'cancelled', updated_at = now(),
                 reason = 'Not approved in time: its reasons are too old by now.'
               WHERE tenant_id = $1 AND id = $2""",
            ctx.tenant.id,
            row["id"],
        )
