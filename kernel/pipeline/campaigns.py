"""Campaigns: proposing them, reading them, and the conservation law that holds for each."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from kernel.contracts.base import Frozen, canonical, new_id
from kernel.contracts.campaigns import Campaign, CampaignStatus, CampaignType
from kernel.contracts.errors import NotFound
from kernel.contracts.profiles import Audience
from kernel.mail.slots import SLOT
from kernel.pipeline import audience, frames, variants

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope


class Law(Frozen):
    """The conservation law of a campaign: where everybody of its audience is, to the unit."""

    audience: int
    sent: int
    skipped: int
    suppressed: int
    capped: int
    held_out: int
    deferred: int
    failed: int
    unknown: int
    waiting: int
    holds: bool


class CampaignView(Frozen):
    """A campaign as pages and commands show it."""

    id: UUID
    key: str
    campaign_type: str
    plugin: str
    plugin_version: str
    title: str
    rationale: str
    confidence: float
    status: CampaignStatus
    channel: str
    audience_rule: Audience
    context: str
    proposed_at: datetime
    decided_at: datetime | None
    send_at: datetime | None
    hold_until: datetime | None
    """Nothing is handed over before, so that the approval can be taken back."""
    expires_at: datetime
    approved_at: datetime | None
    approved_by: str
    reason: str
    finished_at: datetime | None
    law: Law

    def core(self) -> Campaign:
        """The campaign as hooks see it."""
        return Campaign(
            id=self.id,
            key=self.key,
            campaign_type=self.campaign_type,
            plugin=self.plugin,
            title=self.title,
            status=self.status,
            proposed_at=self.proposed_at,
        )


SELECT = """
SELECT c.*, v.sent, v.skipped, v.suppressed, v.capped, v.held_out, v.deferred, v.failed, v.unknown,
       v.waiting, v.holds
FROM pipeline_campaign c
JOIN pipeline_conservation v ON v.tenant_id = c.tenant_id AND v.campaign_id = c.id
WHERE c.tenant_id = $1
"""

OPEN = "SELECT * FROM pipeline_campaign WHERE tenant_id = $1 AND status = ANY($2::text[])"


async def propose(ctx: Context, kind: CampaignType, plugin: str) -> UUID | None:
    """Propose today's campaign of a type: freeze its audience, its words and its frame.

    Returns None where today's was proposed before, or where nobody meets the audience. All in the
    caller's transaction: a crash leaves nothing.
    """
    scope = cast("TenantScope", ctx)
    now = ctx.now
    key = key_of(kind, now.astimezone(ZoneInfo(ctx.tenant.timezone)))
    taken = "SELECT true FROM pipeline_campaign WHERE tenant_id = $1 AND key = $2"
    if await ctx.db.fetchval(taken, ctx.tenant.id, key):
        return None
    if not await audience.count(ctx, kind.audience, kind.name):
        return None
    campaign = Campaign(
        id=new_id(now),
        key=key,
        campaign_type=kind.name,
        plugin=plugin,
        title=kind.title,
        status="deciding",
        proposed_at=now,
    )
    expires_at = now + timedelta(days=kind.send_within_days)
    inserted = await ctx.db.fetchval(
        """INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version,
             title, rationale, confidence, channel, audience_rule, context, proposed_at, expires_at, urgent)
           VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9, $10, $11, $12, $13, $14)
           ON CONFLICT (tenant_id, key) DO NOTHING RETURNING true""",
        ctx.tenant.id,
        campaign.id,
        key,
        kind.name,
        plugin,
        scope.core.board.plugins[plugin].manifest.version,
        kind.title,
        kind.confidence,
        channel_of(scope),
        canonical(kind.audience).decode(),
        await frames.store(ctx, campaign, kind, expires_at),
        now,
        expires_at,
        kind.transactional,
    )
    if not inserted:
        return None
    size = await audience.freeze(ctx, campaign.id, kind.name, kind.audience)
    await variants.freeze(ctx, campaign.id, kind.copies)
    await ctx.db.execute(
        "UPDATE pipeline_campaign SET audience = $3, rationale = $4 WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        campaign.id,
        size,
        fill(kind.rationale, audience=size, shop_name=ctx.tenant.name),
    )
    return campaign.id


def key_of(kind: CampaignType, at: datetime) -> str:
    """What there is one campaign for: `TYPE:DAY`, or `TYPE:DAY:HHMM` where a type comes more often; the
    time is that at which its turn began.

    Args:
        kind: the campaign type.
        at: now, in the shop's zone.
    """
    day = f"{kind.name}:{at:%Y-%m-%d}"
    if not kind.every_minutes:
        return day
    minute = at.hour * 60 + at.minute
    minute -= minute % kind.every_minutes
    return f"{day}:{minute // 60:02}{minute % 60:02}"


def channel_of(scope: TenantScope) -> str:
    """The channel a new campaign uses: the first that an enabled plugin offers, or none."""
    order = list(scope.core.board.plugins)
    owned = [o for o in scope.core.board.channels.values() if o.plugin in scope.enabled]
    owned.sort(key=lambda o: order.index(o.plugin))
    return str(owned[0].value.name) if owned else ""


def fill(sentence: str, **slots: Any) -> str:
    """A sentence with its `{{ slots }}` filled."""
    return SLOT.sub(lambda match: str(slots.get(match[1], match[0])), sentence)


async def get(ctx: Context, campaign_id: UUID) -> CampaignView:
    """One campaign with its law; raises NotFound."""
    row = await ctx.db.fetchrow(SELECT + " AND c.id = $2", ctx.tenant.id, campaign_id)
    if row is None:
        raise NotFound("There is no such campaign.", "See the list of campaigns.")
    return _view(row)


async def page(
    ctx: Context, status: str = "", before: UUID | None = None, limit: int = 20
) -> list[CampaignView]:
    """Campaigns, newest proposal first: the order of their ids, which begin with that time.

    Args:
        ctx: the tenant.
        status: only those in this status; empty for all.
        before: only those proposed before this one (the last of the page before).
        limit: how many.
    """
    rows = await ctx.db.fetch(
        SELECT
        + """ AND ($2 = '' OR c.status = $2) AND ($3::uuid IS NULL OR c.id < $3)
            ORDER BY c.id DESC LIMIT $4""",
        ctx.tenant.id,
        status,
        before,
        limit,
    )
    return [_view(row) for row in rows]


async def count(ctx: Context, status: CampaignStatus) -> int:
    """How many campaigns are in this status."""
    sql = "SELECT count(*) FROM pipeline_campaign WHERE tenant_id = $1 AND status = $2"
    return int(await ctx.db.fetchval(sql, ctx.tenant.id, status))


async def with_status(ctx: Context, *status: CampaignStatus) -> list[Campaign]:
    """All campaigns in these states, oldest first, without their law."""
    rows = await ctx.db.fetch(OPEN + " ORDER BY proposed_at, id", ctx.tenant.id, list(status))
    return [as_campaign(row) for row in rows]


async def to_decide(ctx: Context) -> list[Campaign]:
    """The campaigns with somebody to decide for now: day by day, those of one day by the priority of
    their types. One that waits for answers is passed over, so that nobody waits for it.
    """
    rows = await ctx.db.fetch(
        """SELECT * FROM pipeline_campaign WHERE tenant_id = $1 AND status = 'deciding'
             AND (consult_at IS NULL OR consult_at <= now()) ORDER BY proposed_at, id""",
        ctx.tenant.id,
    )
    kinds = cast("TenantScope", ctx).core.board.campaign_types

    def rank(campaign: Campaign) -> tuple[str, int]:
        kind = kinds.get(campaign.campaign_type)
        return (day_of(campaign), kind.value.priority if kind else 0)

    return sorted(map(as_campaign, rows), key=rank)


def day_of(campaign: Campaign) -> str:
    """The day of the shop's calendar on which it was proposed, as its key has it."""
    return campaign.key.partition(":")[2].partition(":")[0]


def as_campaign(row: Any) -> Campaign:
    """A row of pipeline_campaign as hooks see it."""
    return Campaign(**{name: row[name] for name in Campaign.__struct_fields__})


def _view(row: Any) -> CampaignView:
    plain = set(CampaignView.__struct_fields__) - {"law", "audience_rule"}
    return CampaignView(
        **{name: row[name] for name in plain},
        audience_rule=msgspec.json.decode(row["audience_rule"], type=Audience),
        law=Law(**{name: row[name] for name in Law.__struct_fields__}),
    )
