"""Every decision can be told in words and computed again to the same bytes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from kernel.contracts.errors import NotFound
from kernel.pipeline import run
from kernel.pipeline.why import replay, why
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


async def decided(core: Core) -> list[int]:
    async with core.system_scope("test") as unit:
        await unit.execute("UPDATE tenancy_tenant SET holdout_percent = 30")
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 20, created_at=ctx.now - timedelta(days=2))
        await ctx.db.execute(
            """INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
               SELECT 'alpha', unnest($1::bigint[]), 'test.score', '0.1', 'test', '1', now()""",
            ids,
        )
    await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    return ids


async def test_every_decision_replays_to_the_same_bytes_after_settings_changed(core: Core) -> None:
    ids = await decided(core)
    async with core.system_scope("test") as unit:
        await unit.execute(
            """UPDATE tenancy_plugin SET settings = '{"rest_days": 300}' WHERE plugin = 'rules'"""
        )
        await unit.execute("UPDATE tenancy_tenant SET holdout_percent = 0, name = 'Changed'")
    async with core.tenant_scope("alpha") as ctx:
        for customer in ids:
            [story] = await why(ctx, customer)
            assert story.record.features["trait:test.score"] == 0.1
            again = await replay(ctx, story.record.id)
            assert again.same
            assert again.stored == again.computed


async def test_hold_outs_and_their_reason_are_told(core: Core) -> None:
    ids = await decided(core)
    async with core.tenant_scope("alpha") as ctx:
        stories = [(await why(ctx, customer))[0] for customer in ids]
    held = [story for story in stories if story.state == "held_out"]
    assert held
    assert all("never written to" in " ".join(story.sentences) for story in held)
    assert all(story.record.decision.chosen.send for story in held)  # what was asked is kept


async def test_a_record_cannot_be_changed_or_removed(core: Core) -> None:
    await decided(core)
    for statement in ("UPDATE pipeline_decision SET policy = 'x'", "DELETE FROM pipeline_decision"):
        with pytest.raises(Exception, match="permission denied"):
            async with core.tenant_scope("alpha") as ctx:
                await ctx.db.execute(statement)


async def test_other_tenants_decisions_do_not_exist(core: Core) -> None:
    ids = await decided(core)
    async with core.tenant_scope("alpha") as ctx:
        [story] = await why(ctx, ids[0])
    async with core.tenant_scope("bravo") as ctx:
        assert await why(ctx, ids[0]) == []
        with pytest.raises(NotFound):
            await replay(ctx, story.record.id)
        with pytest.raises(NotFound):
            await replay(ctx, UUID(int=uuid4().int))


async def test_features_hold_no_name_email_or_address(core: Core) -> None:
    ids = await decided(core)
    async with core.tenant_scope("alpha") as ctx:
        record = await ctx.db.fetchval("SELECT record FROM pipeline_decision LIMIT 1")
        customer = await ctx.db.fetchrow("SELECT * FROM profiles_customer WHERE id = $1", ids[0])
    assert customer["email"].encode() not in record
    assert b"Byron" not in record
