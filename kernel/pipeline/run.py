r"""The core loop, from top to bottom as the stages do.

    audience   who could be written to now                 campaigns.propose: the ledger opens
    features   what is known of exactly these customers    \\
    consult    who asks the world does it here              |
    decide     send? which tone? offer? when?               |
    guard      possible actions, hold-outs, guardrails      |  decide_batch: 1,000 at a time,
    comply     every rule, fail closed                      |  written in one transaction
    compose    variant per customer                        /
    write      words per variant, outside a transaction    writing.write
    approve    the merchant's word                         approvals
    begin      each one's hour, the size of the waves      begin.begin
    dispatch   claim, re-check, hand over, record          dispatch.HandOvers

All progress is in Postgres: whatever is killed here goes on where the last transaction ended.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from kernel.contracts.campaigns import Campaign
from kernel.contracts.events import CampaignProposed
from kernel.events.outbox import emit
from kernel.pipeline import (
    autonomy,
    begin,
    campaigns,
    comply,
    compose,
    consult,
    decide,
    dispatch,
    ends,
    features,
    frames,
    guard,
    ledger,
    records,
    waves,
    writing,
)
from kernel.pipeline.batch import BATCH, Batch
from kernel.pipeline.ends import tenants_with_work

__all__ = [
    "LEASE", "advance", "conclude", "decide_batch", "propose_due", "tenants_with_work",
]  # fmt: skip

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.delivery import Channel
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

log = structlog.get_logger(__name__)

LEASE = 180.0
"""Seconds until an attempt without an answer is `unknown`; three times what a channel may take."""

CURSOR = """
SELECT context, consult_customer, consult_step,
  created_at <= now() - make_interval(hours => $3) AS late
FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2
"""


async def propose_due(core: Core, tenant_id: str) -> list[UUID]:
    """Propose today's campaigns whose hour has come, most urgent type first.

    Safe to call at any time: a type is proposed at most once a day.
    """
    proposed = []
    async with core.tenant_scope(tenant_id) as ctx:
        hour = ctx.now.astimezone(ZoneInfo(ctx.tenant.timezone)).hour
        kinds = sorted(core.board.campaign_types.values(), key=lambda o: o.value.priority)
        for owned in kinds:
            if owned.plugin in ctx.enabled and hour >= owned.value.hour:
                campaign_id = await campaigns.propose(ctx, owned.value, owned.plugin)
                if campaign_id is not None:
                    proposed.append(campaign_id)
    return proposed


async def advance(core: Core, tenant_id: str, seconds: float = 5.0, lease: float = LEASE) -> bool:
    """Do a bounded slice of a tenant's work: decide one campaign after another, those of a day by their
    priority, and hand over a batch of each in turn, of those that somebody waits for first.

    Returns True when there is more to do now: call again, behind the other tenants.
    """
    until = time.monotonic() + seconds
    scope = await core.detached(tenant_id)
    async with scope.transaction() as ctx:
        await ledger.expire_leases(ctx)
        await ends.expire(ctx)
        deciding = await campaigns.to_decide(ctx)
        beginning = await begin.to_begin(ctx)
        open_now = await ends.unfinished(ctx)
    for campaign_id in beginning:
        while await begin.begin(scope, campaign_id):
            if time.monotonic() > until:
                return True
    channels = {campaign: await _watched(scope, campaign) for campaign in open_now}
    for campaign, channel in channels.items():
        while channel and await dispatch.settle_unknown(scope, campaign, channel):
            if time.monotonic() > until:
                return True
    # One pass over what is due, by key: the claims of a pass do not read what earlier ones did.
    sending = {
        (campaign, state): 0
        for campaign, channel in channels.items()
        for state in ledger.DUE
        if channel and campaign.status == "sending"
    }
    async with dispatch.HandOvers(scope, lease) as under_way:
        while deciding or sending:
            if deciding and not await decide_batch(scope, deciding[0]):
                await conclude(scope, deciding.pop(0))
            for (campaign, state), after in list(sending.items()):
                channel = channels[campaign]
                last = await under_way.send(campaign, channel, state, after) if channel else 0
                sending[campaign, state] = last
                if last == 0:
                    del sending[campaign, state]
            if time.monotonic() > until:
                break
    for campaign in open_now:
        if not any(campaign is other for other, _ in sending):
            await ends.finish(scope, campaign)
    return bool(deciding or sending)


async def decide_batch(scope: TenantScope, campaign: Campaign) -> bool:
    """Take the next undecided customers of a campaign through the deciding stages.

    Returns False when there is nothing to decide now: all are, or those left wait for answers.
    """
    async with scope.transaction() as ctx:
        batch = await _page(ctx, campaign)
        if batch is None:
            return False
        if not consult.asked(ctx, batch):  # nobody to wait for: one transaction a page
            await _decide(ctx, batch)
            return True
    batch = await consult.run(scope, batch)
    async with scope.transaction() as ctx:
        batch = await consult.keep(ctx, batch)
        await _decide(ctx, batch)
    return True


async def _page(ctx: TenantScope, campaign: Campaign) -> Batch | None:
    """The next undecided customers and what is known of them, locked; None at the end of the walk."""
    at = await ctx.db.fetchrow(CURSOR, ctx.tenant.id, campaign.id, consult.PATIENCE_HOURS)
    after = (at["consult_customer"], at["consult_step"])
    found = await ledger.undecided(ctx, campaign.id, BATCH, after)
    if not found:
        return None
    frame = await frames.load(ctx, at["context"])
    batch = Batch(
        campaign=campaign,
        frame=frames.context(ctx.core.board, frame, ctx.now),
        frame_digest=at["context"],
        versions=frame.plugins,
        rows=[features.Row(**dict(row)) for row in found],
        late=at["late"],
    )
    batch.people = await features.people(ctx, campaign, batch.rows)
    known = {person.outgoing.id for person in batch.people}
    await ledger.forget(ctx, {row.message_id for row in batch.rows} - known)
    return batch


async def _decide(ctx: TenantScope, batch: Batch) -> None:
    batch = await decide.run(ctx.core.board, batch)
    batch = await guard.run(ctx, batch)
    batch = await comply.run(ctx, batch)
    batch = await compose.run(ctx.core.board, batch)
    await records.write(ctx, batch)


async def conclude(scope: TenantScope, campaign: Campaign) -> None:
    """Once all are decided: words for each variant in use, and then the campaign waits or goes."""
    async with scope.transaction() as ctx:
        if await consult.rests(ctx, campaign):
            return
    if await writing.write(scope, campaign):
        async with scope.transaction() as ctx:
            await _decided(ctx, campaign)
            await autonomy.decided(ctx, campaign)


async def _watched(scope: TenantScope, campaign: Campaign) -> Channel | None:
    """Stop the campaign if it must be, begin its next wave if it is time; its channel, or the
    tenant's first one if it has none yet; None when switched off.
    """
    async with scope.transaction() as ctx:
        await waves.watch(ctx, campaign.id)
        await ledger.give_up_unknown(ctx, campaign.id)
        name: str = await ctx.db.fetchval(
            "SELECT channel FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2",
            ctx.tenant.id,
            campaign.id,
        )
        if not name and (name := campaigns.channel_of(ctx)):
            await ctx.db.execute(
                "UPDATE pipeline_campaign SET channel = $3 WHERE tenant_id = $1 AND id = $2",
                ctx.tenant.id,
                campaign.id,
                name,
            )
        owned = scope.core.board.channels.get(name)
        if owned is not None and owned.plugin in ctx.enabled:
            return owned.value
    log.warning("the channel is switched off", campaign=str(campaign.id), channel=name)
    return None


async def _decided(ctx: TenantScope, campaign: Campaign) -> None:
    row = await ctx.db.fetchrow(
        """UPDATE pipeline_campaign c SET decided_at = $3, updated_at = now(), status =
             CASE WHEN EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1
               AND m.campaign_id = $2 AND m.state = 'planned') THEN 'waiting' ELSE 'sending' END
           WHERE c.tenant_id = $1 AND c.id = $2 AND c.status = 'deciding'
             AND NOT EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1
               AND m.campaign_id = $2 AND m.state = 'candidate')
             AND NOT EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1
               AND m.campaign_id = $2 AND m.state = 'planned'
               AND NOT EXISTS (SELECT FROM pipeline_variant v WHERE v.tenant_id = $1
                 AND v.campaign_id = $2 AND v.variant = m.variant AND v.settled))
           RETURNING status, audience""",
        ctx.tenant.id,
        campaign.id,
        ctx.now,
    )
    if row is not None and row["status"] == "waiting":
        await emit(
            ctx,
            CampaignProposed(
                occurred_at=ctx.now,
                campaign_id=campaign.id,
                campaign_type=campaign.campaign_type,
                audience=row["audience"],
            ),
        )
