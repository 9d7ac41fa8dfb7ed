"""What is wrong with a mail stops its approval; nobody else's words are looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.errors import Conflict, NotFound
from kernel.pipeline import approvals, autonomy, previews
from tests.kernel.pipeline.words import writer as module
from tests.kernel.pipeline.words.shop import customers, propose, status

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core


async def edit(core: Core, campaign_id: UUID, **words: str) -> None:
    copy = msgspec.structs.replace(module.WROTE, **words)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.edit(ctx, campaign_id, "friendly", copy)


async def test_a_finding_stops_the_approval_until_it_is_gone(shop: Core) -> None:
    await customers(shop)
    campaign_id = await propose(shop)
    async with shop.tenant_scope("alpha") as ctx:
        [good] = await previews.check(ctx, campaign_id)
        assert good.rendered and not [one for one in good.findings if one.severity == "block"]
    await edit(shop, campaign_id, button="Look", link="https://bit.ly/x", subject="Look at this!!!")
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        with pytest.raises(Conflict, match=r"friendly: https://bit\.ly/x hides") as told:
            await approvals.approve(ctx, campaign_id)
        assert "exclamation" not in str(told.value)
        rules = [one.rule for one in (await previews.check(ctx, campaign_id))[0].findings]
        assert rules[0] == "shortener" and "subject-marks" in rules
    assert await status(shop, campaign_id) == "waiting"
    await edit(shop, campaign_id)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.approve(ctx, campaign_id)
    assert await status(shop, campaign_id) == "sending"


async def test_what_goes_by_itself_waits_and_says_why(shop: Core) -> None:
    await customers(shop)
    campaign_id = await propose(shop)
    await edit(shop, campaign_id, button="Look", link="https://192.0.2.1/x")
    async with shop.tenant_scope("alpha", actor="autonomy") as ctx:
        assert not await autonomy.approved(ctx, campaign_id, reason="sure")
    async with shop.tenant_scope("alpha") as ctx:
        act = (await approvals.history(ctx, campaign_id))[0]
        assert (act.actor, act.action) == ("autonomy", "block") and "192.0.2.1" in act.reason
    assert await status(shop, campaign_id) == "waiting"


async def test_a_mail_that_cannot_be_made_stops_it_too(shop: Core) -> None:
    await customers(shop)
    campaign_id = await propose(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """UPDATE pipeline_variant SET copy = jsonb_set(copy, '{body}', '"{{ nothing }}"')
               WHERE campaign_id = $1""",
            campaign_id,
        )
        with pytest.raises(Conflict, match="could not be made"):
            await approvals.approve(ctx, campaign_id)


async def test_another_tenant_sees_nothing(shop: Core) -> None:
    await customers(shop)
    campaign_id = await propose(shop)
    async with shop.tenant_scope("bravo") as ctx:
        assert await previews.check(ctx, campaign_id) == []
        with pytest.raises(NotFound):
            await previews.check(ctx, campaign_id, ["friendly"])
