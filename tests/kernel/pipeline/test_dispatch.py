"""At most once, whatever the provider answers or does not answer."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.pipeline import approvals, campaigns, ledger, run
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider


async def approved(shop: Core, count: int = 6) -> UUID:
    async with shop.tenant_scope("alpha") as ctx:
        await add_customers(ctx, count, created_at=ctx.now - timedelta(days=2))
    [campaign_id] = await run.propose_due(shop, "alpha")
    await run.advance(shop, "alpha")
    async with shop.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign_id)
    return campaign_id


async def law(shop: Core, campaign_id: UUID) -> campaigns.Law:
    async with shop.tenant_scope("alpha") as ctx:
        found = (await campaigns.get(ctx, campaign_id)).law
    assert found.holds
    return found


async def look_again(shop: Core) -> None:
    """Let the minute pass after which the channel is asked about unknown messages again."""
    async with shop.system_scope("test") as unit:
        await unit.execute(
            "UPDATE pipeline_message SET lease_until = now() WHERE lease_until IS NOT NULL"
        )


@pytest.mark.parametrize("behaviour", ["lose", "silent"])
async def test_a_lost_answer_is_unknown_and_settled_without_sending_again(
    shop: Core, provider: Provider, behaviour: str
) -> None:
    campaign_id = await approved(shop)
    provider.behaviour, provider.knows = behaviour, False
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).unknown == 6
    provider.behaviour = "accept"
    await look_again(shop)
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).unknown == 6  # never sent again on a guess
    provider.knows = True
    await look_again(shop)
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).sent == 6
    assert max(Counter(provider.accepted).values()) == 1


async def test_what_was_certainly_not_taken_is_sent_later(shop: Core, provider: Provider) -> None:
    campaign_id = await approved(shop)
    provider.behaviour = "refuse"
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).unknown == 6
    provider.behaviour = "accept"
    await run.advance(shop, "alpha")  # the provider says for certain that it has nothing
    assert (await law(shop, campaign_id)).sent == 6
    assert len(provider.accepted) == 6


async def test_slow_down_waits_and_half_an_answer_is_half_unknown(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    campaign_id = await approved(shop)
    provider.behaviour = "retry"
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).waiting == 6
    provider.behaviour = "half"
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).waiting == 6  # not due yet
    clock.turn(minutes=6)
    provider.knows = False
    await run.advance(shop, "alpha")
    found = await law(shop, campaign_id)
    assert (found.sent, found.unknown) == (3, 3)


async def test_rejected_is_failed_and_the_campaign_ends(shop: Core, provider: Provider) -> None:
    campaign_id = await approved(shop)
    provider.behaviour = "reject"
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).failed == 6
    async with shop.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, campaign_id)).status == "finished"


async def test_an_attempt_whose_worker_died_is_unknown_after_its_lease(
    shop: Core, provider: Provider
) -> None:
    campaign_id = await approved(shop)
    provider.knows = False
    async with shop.system_scope("test") as unit:
        await unit.execute(
            "UPDATE pipeline_message SET state = 'attempting', lease_until = now() - interval '1 s'"
        )
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).unknown == 6
    assert provider.accepted == []


async def test_a_switched_off_channel_keeps_everyone_waiting(
    shop: Core, provider: Provider
) -> None:
    campaign_id = await approved(shop)
    async with shop.system_scope("test") as unit:
        await unit.execute("UPDATE tenancy_plugin SET enabled = false WHERE plugin = 'provider'")
    await run.advance(shop, "alpha")
    assert (await law(shop, campaign_id)).waiting == 6
    assert provider.accepted == []


async def test_an_attempt_is_on_disk_whatever_the_server_is_set_to(shop: Core) -> None:
    """Else a server that dies forgets it, and the message is sent again: seen with SendGrid in chaos."""
    asked = "SELECT current_setting('synchronous_commit')"
    async with shop.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval(asked) == "off"  # as databases of tests are
        batch = await add_messages(ctx, await add_campaign(ctx), await add_customers(ctx, 1))
        await ledger.attempt(ctx, batch, 60.0)
        assert await ctx.db.fetchval(asked) == "on"
    async with shop.tenant_scope("alpha") as ctx:
        assert (
            await ctx.db.fetchval(asked) == "off"
        )  # only what must not be forgotten waits for the disk
