"""A tenant's pace, and campaigns that are approved and ready to go out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.delivery import Outcome
from kernel.contracts.tenancy import Sending
from kernel.pipeline import approvals, campaigns, run
from kernel.pipeline.outcomes import record
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def sending(core: Core, tenant: str = "alpha", **fields: Any) -> None:
    """Set how the tenant sends; the rest is as by default, but that nothing goes in waves."""
    plain = msgspec.json.encode(Sending(**{"ramp_from": 0, **fields})).decode()
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_tenant SET sending = $2 WHERE tenant_id = $1", tenant, plain
        )


async def decided(core: Core, count: int, tenant: str = "alpha", **customer: Any) -> UUID:
    """A new campaign to `count` new customers, waiting for approval."""
    async with core.tenant_scope(tenant) as ctx:
        fields = {"created_at": ctx.now - timedelta(days=2), **customer}
        await add_customers(ctx, count, **fields)
    [campaign_id] = await run.propose_due(core, tenant)
    while await run.advance(core, tenant):
        pass
    return campaign_id


async def approve(core: Core, campaign_id: UUID, tenant: str = "alpha") -> None:
    async with core.tenant_scope(tenant, actor="merchant") as ctx:
        await approvals.approve(ctx, campaign_id)


async def approved(core: Core, count: int, tenant: str = "alpha", **customer: Any) -> UUID:
    """The same, approved."""
    campaign_id = await decided(core, count, tenant, **customer)
    await approve(core, campaign_id, tenant)
    return campaign_id


async def work(core: Core, tenant: str = "alpha") -> None:
    """Do all that can be done now."""
    while await run.advance(core, tenant):
        pass


async def due(core: Core, clock: TurnedClock) -> list[str]:
    """The tenants that have something to do now."""
    async with core.system_scope("test") as unit:
        return await run.tenants_with_work(unit, clock.now())


async def view(core: Core, campaign_id: UUID, tenant: str = "alpha") -> campaigns.CampaignView:
    """The campaign; its law holds."""
    async with core.tenant_scope(tenant) as ctx:
        found = await campaigns.get(ctx, campaign_id)
    assert found.law.holds
    return found


async def sent(core: Core, campaign_id: UUID, tenant: str = "alpha") -> int:
    """How many are out."""
    return (await view(core, campaign_id, tenant)).law.sent


async def tell(
    core: Core, ids: Sequence[UUID], kind: Any, tenant: str = "alpha", **detail: Any
) -> None:
    """Let the provider tell of these messages."""
    async with core.tenant_scope(tenant) as ctx:
        rows = await ctx.db.fetch(
            "SELECT id, customer_id FROM pipeline_message WHERE tenant_id = $1 AND id = ANY($2)",
            tenant,
            list(ids),
        )
        await record(
            ctx,
            [
                Outcome(
                    message_id=row["id"],
                    customer_id=row["customer_id"],
                    kind=kind,
                    at=ctx.now,
                    detail=detail,
                )
                for row in rows
            ],
        )
