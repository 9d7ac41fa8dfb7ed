"""Figures for the page and the panels."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kernel.sdk import Panel, charts
from plugins.tracking import orders, repo
from plugins.tracking.manifest import TrackingSettings

if TYPE_CHECKING:
    from kernel.sdk import Context

DAYS = 30
# Where another plugin counts clicks and orders (a pretend world), what it recorded is shown.
_CAMPAIGN = """
SELECT
  (SELECT count(*) FROM tracking_hit WHERE tenant_id = $1 AND campaign_id = $2 AND kind = 'click'
     AND verdict = 'human') AS human,
  (SELECT count(*) FROM tracking_hit WHERE tenant_id = $1 AND campaign_id = $2 AND kind = 'click'
     AND verdict = 'scanner') AS scanner,
  (SELECT count(*) FROM pipeline_outcome o JOIN pipeline_message m ON m.tenant_id = o.tenant_id
     AND m.id = o.message_id WHERE o.tenant_id = $1 AND m.campaign_id = $2 AND o.kind = 'clicked')
    AS clicked
"""
_ORDERS = """
SELECT currency, count(*) AS orders, sum(amount) AS amount FROM (
  SELECT o.currency, o.amount FROM tracking_order t
  JOIN profiles_order o ON o.tenant_id = t.tenant_id AND o.id = t.order_id AND o.kind = 'order'
    AND o.status = 'placed' AND NOT o.is_test
  WHERE t.tenant_id = $1 AND t.campaign_id = $2 AND t.settled
  UNION ALL
  SELECT coalesce(x.detail ->> 'currency', $3), (x.detail ->> 'amount')::numeric
  FROM pipeline_outcome x JOIN pipeline_message m ON m.tenant_id = x.tenant_id AND m.id = x.message_id
  WHERE x.tenant_id = $1 AND m.campaign_id = $2 AND x.kind = 'ordered'
    AND NOT x.detail ? 'window_days'
    AND NOT EXISTS (SELECT FROM tracking_order t WHERE t.tenant_id = $1 AND t.message_id = m.id)
) one GROUP BY currency ORDER BY currency
"""
_BY_DAY = """
SELECT (at AT TIME ZONE $3)::date AS day,
  count(*) FILTER (WHERE verdict = 'human') AS human,
  count(*) FILTER (WHERE verdict = 'scanner') AS scanner
FROM tracking_hit WHERE tenant_id = $1 AND kind = 'click' AND at > $2 GROUP BY 1 ORDER BY 1
"""
_REASONS = """
SELECT reason, count(*) AS hits FROM tracking_hit
WHERE tenant_id = $1 AND kind = 'click' AND verdict = 'scanner' AND at > $2
GROUP BY 1 ORDER BY 2 DESC, 1
"""


async def overview(ctx: Context) -> dict[str, Any]:
    """Clicks by day, why machines were taken for machines, and the rules."""
    since = ctx.now - timedelta(days=DAYS)
    days = await ctx.db.fetch(_BY_DAY, ctx.tenant.id, since, ctx.tenant.timezone)
    settings = ctx.settings(TrackingSettings)
    chart = charts.bars(
        f"Clicks by day, last {DAYS} days",
        [row["day"].strftime("%d %b") for row in days],
        {
            "People": [row["human"] for row in days],
            "Scanners": [row["scanner"] for row in days],
        },
        stacked=True,
    )
    return {
        "chart": chart if days else None,
        "human": sum(row["human"] for row in days),
        "scanner": sum(row["scanner"] for row in days),
        "reasons": await ctx.db.fetch(_REASONS, ctx.tenant.id, since),
        "rule": orders.rule(settings.click_days),
        "settings": settings,
        "days": DAYS,
    }


async def campaign(ctx: Context, subject: Any) -> dict[str, Any] | None:
    """Clicks, orders and revenue of a campaign; left out where there is nothing yet."""
    row = await ctx.db.fetchrow(_CAMPAIGN, ctx.tenant.id, subject.id)
    found = await ctx.db.fetch(_ORDERS, ctx.tenant.id, subject.id, ctx.tenant.currency)
    if not any(row.values()) and not found:
        return None
    days = ctx.settings(TrackingSettings).click_days
    return {"row": row, "orders": found, "rule": orders.rule(days)}


async def message(ctx: Context, subject: Any) -> dict[str, Any] | None:
    """The hits of a message; left out where there are none."""
    hits = await repo.of_message(ctx, subject.id)
    return {"hits": hits} if hits else None


CAMPAIGN = Panel(
    name="campaign",
    title="Clicks and orders",
    place="campaign",
    template="tracking/campaign.html",
    data=campaign,
    order=30,
)
MESSAGE = Panel(
    name="hits",
    title="What was followed",
    place="message",
    template="tracking/message.html",
    data=message,
    order=30,
)
