"""What the demo tells: counts, the first decision in words, and every campaign with its law."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from kernel.sdk import Context, Engine, Frozen, campaigns, why

LAW = (
    "sent",
    "skipped",
    "suppressed",
    "capped",
    "held_out",
    "deferred",
    "failed",
    "unknown",
    "waiting",
)


class CampaignLine(Frozen):
    """One campaign, and where everybody of its audience is."""

    id: UUID
    type: str
    title: str
    status: str
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

    def holds(self) -> bool:
        """Whether the conservation law does."""
        return self.audience == sum(getattr(self, name) for name in LAW)


class Summary(Frozen):
    """The demo in numbers: the tenant's totals, not only what this run added."""

    customers: int
    decisions: int
    messages: int
    """Messages that were handed over."""
    seconds: float
    campaigns: tuple[CampaignLine, ...]


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How far the engine has come."""

    campaigns: int
    decisions: int
    messages: int


async def tenants(engine: Engine) -> str:
    """How many resellers and tenants there are, in words."""
    async with engine.core.system_scope("demo: count tenants") as unit:
        row = await unit.fetchrow(
            "SELECT count(*) AS tenants, count(DISTINCT reseller_id) AS resellers FROM tenancy_tenant"
        )
    return f"{row['resellers']} resellers, {row['tenants']} shops"


async def has_shop(ctx: Context) -> bool:
    """Whether the tenant has a pretend shop."""
    found: bool = await ctx.db.fetchval(
        "SELECT EXISTS (SELECT FROM sandbox_shop WHERE tenant_id = $1)", ctx.tenant.id
    )
    return found


async def totals(ctx: Context) -> Totals:
    """Campaigns, decisions and messages of the tenant."""
    row = await ctx.db.fetchrow(
        """SELECT (SELECT count(*) FROM pipeline_campaign WHERE tenant_id = $1) AS campaigns,
                  (SELECT count(*) FROM pipeline_decision WHERE tenant_id = $1) AS decisions,
                  (SELECT count(*) FROM pipeline_message WHERE tenant_id = $1
                   AND state IN ('accepted', 'delivered', 'bounced')) AS messages""",
        ctx.tenant.id,
    )
    return Totals(**dict(row))


async def first_story(ctx: Context) -> why.Story | None:
    """One decision, with a preference for one that leads to a mail; None when there is none yet."""
    row = await ctx.db.fetchrow(
        """SELECT d.customer_id, m.id FROM pipeline_decision d
           LEFT JOIN pipeline_message m ON m.tenant_id = $1 AND m.campaign_id = d.campaign_id
             AND m.customer_id = d.customer_id AND m.state = 'planned'
           WHERE d.tenant_id = $1 ORDER BY m.id IS NULL, d.decided_at, d.id LIMIT 1""",
        ctx.tenant.id,
    )
    return (await why.why(ctx, row["customer_id"], 1, row["id"]))[0] if row else None


async def summary(ctx: Context, seconds: float) -> Summary:
    """All campaigns, oldest first, and the totals."""
    so_far = await totals(ctx)
    customers = await ctx.db.fetchval(
        "SELECT count(*) FROM profiles_customer WHERE tenant_id = $1", ctx.tenant.id
    )
    views = await campaigns.page(ctx, limit=10_000)
    lines = [
        CampaignLine(
            id=view.id,
            type=view.campaign_type,
            title=view.title,
            status=view.status,
            audience=view.law.audience,
            **{name: getattr(view.law, name) for name in LAW},
        )
        for view in reversed(views)
    ]
    return Summary(
        customers=customers,
        decisions=so_far.decisions,
        messages=so_far.messages,
        seconds=round(seconds, 1),
        campaigns=tuple(lines),
    )


def as_json(summary: Summary) -> str:
    """The summary as people and machines can read it."""
    return msgspec.json.format(msgspec.json.encode(summary), indent=1).decode()
