"""What tests of words do with their shop."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.pipeline import campaigns, run, variants
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.campaigns import Campaign
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope


async def customers(core: Core, *segments: str, **fields: object) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(
            ctx, max(1, len(segments)), created_at=ctx.now - timedelta(days=2), **fields
        )
        await ctx.db.execute(
            """INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
               SELECT 'alpha', c, 'rfm.segment', to_jsonb(s), 'rfm', '1', $3
               FROM unnest($1::bigint[], $2::text[]) r (c, s)""",
            ids[: len(segments)],
            list(segments),
            ctx.now,
        )


async def decided(core: Core, *rename: str) -> tuple[TenantScope, Campaign]:
    """Today's campaign with everybody decided and nothing written; its messages' variants changed to
    these, as a grant would make them."""
    [campaign_id] = await run.propose_due(core, "alpha")
    scope = await core.detached("alpha")
    async with scope.transaction() as ctx:
        campaign = (await campaigns.get(ctx, campaign_id)).core()
    while await run.decide_batch(scope, campaign):
        pass
    async with scope.transaction() as ctx:
        for name in rename:
            await ctx.db.execute(
                "UPDATE pipeline_message SET variant = $2 WHERE campaign_id = $1", campaign_id, name
            )
    return scope, campaign


async def propose(core: Core) -> UUID:
    [campaign_id] = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    return campaign_id


async def status(core: Core, campaign_id: UUID) -> str:
    async with core.tenant_scope("alpha") as ctx:
        return (await campaigns.get(ctx, campaign_id)).status


async def used(core: Core, campaign_id: UUID) -> dict[str, variants.Variant]:
    async with core.tenant_scope("alpha") as ctx:
        return {v.name: v for v in await variants.listing(ctx, campaign_id) if v.messages}


async def wake(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_campaign SET consult_at = now()")
