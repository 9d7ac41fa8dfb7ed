"""What is approved goes out as it looked then, whatever the templates say later."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from kernel.mail.compiling import kernel_file
from kernel.pipeline import approvals, frozen, run, variants
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider

OLD, NEW = "#f4f2ee", "#eef2f4"


async def override(core: Core, colour: str, tenant: str = "alpha") -> None:
    async with core.system_scope("test") as unit:
        await unit.execute(
            """INSERT INTO tenancy_template VALUES ($1, 'base', $2, 'base.mjml')
               ON CONFLICT (tenant_id, name) DO UPDATE SET source = excluded.source""",
            tenant,
            kernel_file("base.mjml").replace(OLD, colour),
        )


async def proposed(shop: Core, count: int = 3) -> UUID:
    async with shop.tenant_scope("alpha") as ctx:
        await add_customers(ctx, count, created_at=ctx.now - timedelta(days=2))
    [campaign_id] = await run.propose_due(shop, "alpha")
    await run.advance(shop, "alpha")
    return campaign_id


async def looks(shop: Core, campaign_id: UUID) -> str:
    async with shop.tenant_scope("alpha") as ctx:
        [one, *_] = await variants.listing(ctx, campaign_id)
        return (await variants.preview(ctx, campaign_id, one.name)).html


async def test_old_look_at_hand_over_and_retry_and_new_look_for_a_new_campaign(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    campaign_id = await proposed(shop)
    assert OLD in await looks(shop, campaign_id)
    await override(shop, "#abcdef")
    assert "#abcdef" in await looks(shop, campaign_id)  # not approved yet: today's
    async with shop.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign_id)
    await override(shop, NEW)
    frozen._versions.clear()
    provider.behaviour = "retry"
    await run.advance(shop, "alpha")
    provider.behaviour = "accept"
    clock.turn(minutes=6)
    await override(shop, "#123456")
    await run.advance(shop, "alpha")
    assert len(provider.accepted) == 3
    sent = [message.rendered for message in provider.given]
    assert len(sent) == 6
    assert all(one and "#abcdef" in one.html and NEW not in one.html for one in sent)
    assert "#abcdef" in await looks(shop, campaign_id)
    async with shop.tenant_scope("alpha") as ctx:
        pins = await ctx.db.fetchval(
            "SELECT templates FROM pipeline_variant WHERE campaign_id = $1 LIMIT 1", campaign_id
        )
        assert sent[0] and sent[0].template in msgspec.json.decode(pins).values()
    clock.turn(days=1)
    later = await proposed(shop)
    assert later != campaign_id
    assert "#123456" in await looks(shop, later) and "#abcdef" in await looks(shop, campaign_id)


async def test_versions_stay_as_they_are_and_behind_the_wall(
    shop: Core, provider: Provider
) -> None:
    campaign_id = await proposed(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign_id)
        rows = await ctx.db.fetch("SELECT digest, name FROM pipeline_template")
        before = len(rows)
        assert before and {row["name"] for row in rows} == {"welcome"}
        await frozen.freeze(ctx, campaign_id, "welcome")  # again: the same versions, no more rows
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_template") == before
        assert await frozen.pinned(ctx, [campaign_id])
    async with shop.tenant_scope("bravo") as ctx:
        assert not await ctx.db.fetch("SELECT * FROM pipeline_template")
        assert not await frozen.pinned(ctx, [campaign_id])
        assert not await frozen._load(ctx, {row["digest"] for row in rows})
    for change in ("UPDATE pipeline_template SET html = ''", "DELETE FROM pipeline_template"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with shop.tenant_scope("alpha") as ctx:
                await ctx.db.execute(change)
