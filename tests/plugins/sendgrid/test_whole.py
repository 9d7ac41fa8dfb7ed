"""From the proposal to SendGrid and back, through the pipeline: nobody twice, nobody who left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernel.pipeline import approvals, campaigns, run
from kernel.pipeline.suppressing import suppress
from kernel.profiles.rights import erase_customer
from kernel.testing.seed import add_customers
from tests.plugins.whole import silent_in_bravo, states

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.sendgrid import FakeSendGrid


async def proposed(core: Core, count: int) -> UUID:
    """A welcome campaign by SendGrid, decided and approved."""
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE tenancy_plugin SET enabled = false WHERE tenant_id = 'alpha' AND plugin NOT IN "
            "('sendgrid', 'welcome', 'rules')"
        )
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, count, created_at=ctx.now, consent_at=ctx.now)
    await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    async with core.tenant_scope("alpha") as ctx:
        [campaign] = await ctx.db.fetch("SELECT id, channel FROM pipeline_campaign")
        assert campaign["channel"] == "sendgrid"
        await approvals.approve(ctx, campaign["id"])
    return campaign["id"]


async def test_whole_loop(core: Core, fake: FakeSendGrid) -> None:
    campaign = await proposed(core, 45)
    while await run.advance(core, "alpha"):
        pass
    assert {state for state, _ in (await states(core, campaign)).values()} == {"accepted"}
    totals = fake.totals()
    assert (totals["accepted"], totals["messages"], totals["twice"]) == (45, 45, 0)
    assert {row.tenant for row in fake.accepted()} == {"alpha"}
    await silent_in_bravo(core)


@pytest.mark.parametrize("how", ["suppressed", "unsubscribed", "erased"])
async def test_who_left_between_approval_and_hand_over_gets_nothing(
    core: Core, fake: FakeSendGrid, how: str
) -> None:
    campaign = await proposed(core, 30)
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow("SELECT id, email FROM profiles_customer ORDER BY id LIMIT 1")
        if how == "suppressed":
            await suppress(ctx, row["email"], "manual")
        elif how == "unsubscribed":
            await ctx.db.execute(
                "UPDATE profiles_customer SET email_consent = 'unsubscribed' WHERE id = $1",
                row["id"],
            )
        else:
            await erase_customer(ctx, row["id"])
    while await run.advance(core, "alpha"):
        pass
    state, _ = (await states(core, campaign)).get(row["id"], ("gone", ""))
    assert state == ("cancelled" if how == "suppressed" else "suppressed")
    assert fake.accepted(recipient=row["email"]) == []
    assert fake.totals()["accepted"] == 29
    async with core.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, campaign)).law.holds


async def test_lost_answers_are_never_sent_again(core: Core, fake: FakeSendGrid) -> None:
    campaign = await proposed(core, 30)
    fake.fail("drop_after")  # one request carries all thirty
    for _ in range(4):
        while await run.advance(core, "alpha"):
            pass
    found = [state for state, _ in (await states(core, campaign)).values()]
    assert found.count("unknown") >= 1, found
    assert fake.totals()["twice"] == 0
    async with core.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, campaign)).law.holds
