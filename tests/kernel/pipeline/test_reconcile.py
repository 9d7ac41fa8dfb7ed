"""Each difference between ledger and provider is found, once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.contracts.delivery import Difference
from kernel.pipeline import reconcile
from kernel.plugboard.parts import Failure
from kernel.testing.clock import START
from tests.kernel.pipeline.sending import approve, approved, decided, work

if TYPE_CHECKING:
    from kernel.pipeline.reconcile import Found, Reconciled
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider

DAY = START.date()


async def look(core: Core, tenant: str = "alpha") -> Reconciled:
    return await reconcile.reconcile(await core.detached(tenant), DAY)


async def found(core: Core, tenant: str = "alpha") -> list[Found]:
    async with core.tenant_scope(tenant) as ctx:
        return await reconcile.differences(ctx)


@pytest.fixture
def told(shop: Core, monkeypatch: pytest.MonkeyPatch) -> list[Failure]:
    failures: list[Failure] = []
    monkeypatch.setattr(shop.board, "report", failures.append)
    return failures


async def test_where_both_agree_nothing_is_said(
    shop: Core, provider: Provider, told: list[Failure]
) -> None:
    await approved(shop, 5)
    await work(shop)
    done = await look(shop)
    assert (done.campaigns, done.channels, done.new) == (1, ("provider",), 0)
    assert await found(shop) == [] and told == []
    assert provider.asked == [(START.replace(hour=22) - timedelta(days=1), START.replace(hour=22))]


async def test_a_difference_is_kept_once_and_told(
    shop: Core, provider: Provider, told: list[Failure]
) -> None:
    campaign_id = await approved(shop, 5)
    await work(shop)
    one, two = provider.accepted[:2]
    provider.differences = [
        Difference(kind="missing", detail="The provider knows nothing of it.", message_id=one),
        Difference(kind="twice", detail="Two provider ids.", message_id=two),
        Difference(kind="stranger", detail="An id that is not ours."),
    ]
    assert (await look(shop)).new == 3
    assert (await look(shop)).new == 0
    rows = await found(shop)
    assert {(row.kind, row.message_id, row.campaign_id) for row in rows} == {
        ("missing", one, campaign_id),
        ("twice", two, campaign_id),
        ("stranger", None, None),
    }
    assert {row.state for row in rows} == {"accepted", ""}
    assert [(failure.plugin, failure.what) for failure in told] == [("kernel", "reconciliation")]
    assert await found(shop, "bravo") == []
    assert (await look(shop, "bravo")).campaigns == 0


async def test_what_was_never_answered_and_a_broken_law_are_differences(
    shop: Core, provider: Provider, told: list[Failure]
) -> None:
    campaign_id = await approved(shop, 5)
    provider.behaviour, provider.knows = "half", False
    await work(shop)
    async with shop.system_scope("test") as unit:  # a row is lost, as it never should be
        await unit.execute(
            "DELETE FROM pipeline_message WHERE (tenant_id, id) IN (SELECT tenant_id, id "
            "FROM pipeline_message WHERE state = 'accepted' LIMIT 1)"
        )
    assert (await look(shop)).new == 3
    kinds = sorted((row.kind, row.channel, row.campaign_id) for row in await found(shop))
    assert kinds == [
        ("law", "ledger", campaign_id),
        ("unanswered", "ledger", campaign_id),
        ("unanswered", "ledger", campaign_id),
    ]


async def test_a_channel_that_cannot_say_is_told_of_and_asked_again(
    shop: Core, provider: Provider, told: list[Failure]
) -> None:
    await approved(shop, 5)
    await work(shop)
    provider.differences = None
    done = await look(shop)
    assert done.failed == ("provider",) and done.new == 0
    assert [(one.plugin, one.what) for one in told] == [("provider", "reconciliation of provider")]


async def test_the_day_is_the_shops(shop: Core, provider: Provider, clock: TurnedClock) -> None:
    campaign_id = await decided(shop, 5)
    clock.turn(hours=12, minutes=30)  # half past midnight in Berlin
    await approve(shop, campaign_id)
    await work(shop)
    assert (await look(shop)).campaigns == 0
    async with shop.tenant_scope("alpha") as ctx:
        assert reconcile.yesterday(ctx) == DAY
    again = await reconcile.reconcile(await shop.detached("alpha"), DAY + timedelta(days=1))
    assert again.campaigns == 1
