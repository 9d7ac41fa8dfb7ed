"""What pretend customers follow is counted and credited like the clicks of real ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.runtime.settings import Settings
from kernel.sdk import Engine, MessagesAccepted, set_clock
from kernel.testing.messages import add_campaign, add_messages
from plugins.sandbox import mail
from tests.plugins.sandbox.test_life import DAY, at, live, shop

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

__all__ = ["shop"]
CLICKED = """
SELECT message_id, at FROM pipeline_outcome WHERE tenant_id = 'alpha' AND kind = 'clicked' ORDER BY 1
"""
HUMAN = """
SELECT message_id, at FROM tracking_hit
WHERE tenant_id = 'alpha' AND kind = 'click' AND verdict = 'human' ORDER BY 1
"""
CREDITED = """
SELECT order_id FROM tracking_order WHERE tenant_id = 'alpha' AND settled AND message_id IS NOT NULL
"""
CAUSED = """
SELECT o.id FROM profiles_order o
JOIN profiles_customer c ON c.tenant_id = o.tenant_id AND c.id = o.customer_id
JOIN tracking_hit h ON h.tenant_id = c.tenant_id AND h.customer_id = c.id
WHERE o.tenant_id = 'alpha' AND o.kind = 'order' AND o.status = 'placed' AND h.verdict = 'human'
  AND o.ordered_at BETWEEN h.at AND h.at + interval '5 days'
"""


async def test_clicks_are_hits_and_orders_after_them_are_credited(shop: Core) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        await set_clock(ctx, at(DAY, 10))
        rows = await ctx.db.fetch("SELECT customer_id FROM sandbox_customer ORDER BY number")
        ids = [row["customer_id"] for row in rows]
        campaign = await add_campaign(ctx, "winback")
        batch = await add_messages(ctx, campaign, ids, state="accepted", accepted_at=ctx.now)
        event = MessagesAccepted(
            occurred_at=ctx.now,
            campaign_id=campaign.id,
            campaign_type="winback",
            message_ids=tuple(one.id for one in batch),
            customer_ids=tuple(one.customer_id for one in batch),
        )
        await mail.accepted(ctx, [event])
    engine = Engine(core=shop, settings=Settings(secret="s" * 32, base_url="http://mail.test"))
    for n in range(1, 5):
        await live(shop, at(DAY + timedelta(days=n)), DAY + timedelta(days=n - 1))
    await engine.run_due("alpha")
    async with shop.tenant_scope("alpha") as ctx:
        clicked = [tuple(row) for row in await ctx.db.fetch(CLICKED)]
        hits = [tuple(row) for row in await ctx.db.fetch(HUMAN)]
        credited = {row["order_id"] for row in await ctx.db.fetch(CREDITED)}
        caused = {row["id"] for row in await ctx.db.fetch(CAUSED)}
    assert len(clicked) > 5 and hits == clicked
    assert credited and credited == caused
    async with shop.system_scope("test") as unit:
        assert not await unit.fetchval(
            "SELECT count(*) FROM tracking_hit WHERE tenant_id <> 'alpha'"
        )
