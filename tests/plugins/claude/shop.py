"""A shop with a campaign to decide, and what became of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.decisions import DecisionRecord
from kernel.pipeline import campaigns, run
from kernel.testing.seed import add_customers, add_order
from plugins.claude import batches

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core

QUICK = {"retries": 0, "timeout": 10.0, "explore_percent": 0.0, "write": False}


async def choose(core: Core, **settings: Any) -> None:
    """Settings of alpha's claude: quick ones, which write no words, and these."""
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1::jsonb WHERE tenant_id = 'alpha' "
            "AND plugin = 'claude'",
            msgspec.json.encode({**QUICK, **settings}).decode(),
        )


async def only(core: Core, *plugins: str) -> None:
    """Alpha has these plugins and no other."""
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET enabled = plugin = ANY($1) WHERE tenant_id = 'alpha'",
            list(plugins),
        )


async def campaign(core: Core, customers: int = 3, **fields: Any) -> UUID:
    """A proposed campaign to new customers, of the type welcome."""
    await only(core, "claude", "rules", "welcome", "outbox")
    async with core.tenant_scope("alpha") as ctx:
        recent = ctx.now - timedelta(days=3)
        ids = await add_customers(ctx, customers, created_at=recent, **fields)
        for n, one in enumerate(ids[:50]):
            for order in range(n % 3):
                await add_order(ctx, one, recent + timedelta(days=order % 2))
    [proposed] = await run.propose_due(core, "alpha")
    return proposed


async def step(core: Core) -> None:
    """One turn of the worker and of the job for batches, without waiting for anything."""
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE pipeline_campaign SET consult_at = NULL")
        await unit.execute(
            "UPDATE claude_question SET created_at = created_at - interval '1 minute'"
        )
    await run.advance(core, "alpha")
    await batches.run(await core.detached("alpha"), {})


async def decide(core: Core, campaign_id: UUID, turns: int = 30) -> list[DecisionRecord]:
    """The records of the campaign, once all are decided."""
    for _ in range(turns):
        await step(core)
        async with core.tenant_scope("alpha") as ctx:
            found = await campaigns.get(ctx, campaign_id)
            people = await ctx.db.fetchval("SELECT count(*) FROM profiles_customer")
        assert found.law.holds
        if found.status != "deciding":
            made = await records(core)
            assert len({one.customer_id for one in made}) == people  # nobody is skipped over
            return made
    raise AssertionError("the campaign is still being decided")


async def records(core: Core) -> list[DecisionRecord]:
    """All records of alpha."""
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT record FROM pipeline_decision ORDER BY id")
    return [msgspec.json.decode(row["record"], type=DecisionRecord) for row in rows]


async def spend(core: Core) -> dict[str, int]:
    """What stands in the book of the day; nothing is set aside once all is done."""
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow("SELECT * FROM claude_spend")
    return (
        {}
        if row is None
        else {k: v for k, v in dict(row).items() if k.endswith(("s", "in", "out", "cached"))}
    )
