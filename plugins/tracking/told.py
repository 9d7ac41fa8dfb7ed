"""Clicks that others tell of (`link.followed`): kept like those on our own addresses, and judged with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import LinkFollowed
from plugins.tracking import hits, links
from plugins.tracking.addresses import destination
from plugins.tracking.manifest import TrackingSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event

_MAILS = """
SELECT m.id, m.variant, k.campaign_type, c.tracking_consent FROM pipeline_message m
JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[]) AND NOT k.urgent
"""
_KEPT = """
SELECT message_id, link_id, at FROM tracking_hit
WHERE tenant_id = $1 AND kind = 'click' AND message_id = ANY($2::uuid[])
"""


async def followed(ctx: Context, events: Sequence[Event]) -> None:
    """Each click once, however often it is told; none of mails we do not know or that were asked for, of
    addresses that no mail of ours leads to, or of customers who are not to be counted.
    """
    told = [event for event in events if isinstance(event, LinkFollowed)]
    settings = ctx.settings(TrackingSettings)
    ids = list({event.message_id for event in told})
    mails = {
        row["id"]: row
        for row in await ctx.db.fetch(_MAILS, ctx.tenant.id, ids)
        if links.allowed(settings, row["tracking_consent"])
    }
    led = {}
    for event in told:
        if mail := mails.get(event.message_id):
            utm = links.utm_of(settings, mail["campaign_type"], mail["variant"])
            if url := destination(event.url, utm):
                led[event.message_id, url, event.occurred_at] = url
    known = await links.store(ctx, set(led.values()))
    new = {(message, known[url], at) for (message, url, at) in led}
    new -= {tuple(row) for row in await ctx.db.fetch(_KEPT, ctx.tenant.id, ids)}
    await hits.write(
        ctx,
        [
            hits.Raw(
                kind="click",
                message_id=message,
                link_id=link,
                at=at,
                head=False,
                agent="browser",
            )
            for message, link, at in sorted(new, key=lambda one: (one[2], one[0]))
        ],
    )
