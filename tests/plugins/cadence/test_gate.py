"""Capped who heard too often, deferred where it is night, and never anybody else's business."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.cadence.plugin import compliance_rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.decisions import Verdict
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.clock import TurnedClock


async def planned(ctx: TenantScope, ids: Sequence[int]) -> list[Outgoing]:
    """Messages of a fresh campaign that have not been attempted."""
    campaign = await add_campaign(ctx)
    return await add_messages(ctx, campaign, ids, state="planned", attempted_at=None)


async def mailed(ctx: TenantScope, customer: int, days_ago: float, state: str = "accepted") -> None:
    at = ctx.now - timedelta(days=days_ago)
    await add_messages(
        ctx, await add_campaign(ctx, "winback"), [customer], state=state, attempted_at=at
    )


async def one(ctx: TenantScope, customer: int, stage: str = "handover") -> Verdict:
    [verdict] = await compliance_rules(ctx, stage, await planned(ctx, [customer]))
    return verdict


@pytest.mark.parametrize("stage", ["plan", "handover"])
async def test_two_mails_in_a_week_are_enough(alpha: TenantScope, stage: str) -> None:
    [customer] = await add_customers(alpha)
    await mailed(alpha, customer, 6.9)
    assert (await one(alpha, customer, stage)).outcome == "allowed"
    await mailed(alpha, customer, 2)
    verdict = await one(alpha, customer, stage)
    assert (verdict.outcome, verdict.rule) == ("capped", "cadence.max_mails")
    assert verdict.reason == "Already had 2 mails in 7 days; the most is 2."


async def test_a_mail_a_week_old_no_longer_counts(alpha: TenantScope) -> None:
    [customer] = await add_customers(alpha)
    await mailed(alpha, customer, 7.01)
    await mailed(alpha, customer, 2)
    assert (await one(alpha, customer)).outcome == "allowed"


async def test_hours_between_two_mails(alpha: TenantScope) -> None:
    [customer] = await add_customers(alpha)
    await mailed(alpha, customer, 19 / 24)
    assert (await one(alpha, customer)).rule == "cadence.min_hours"


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("attempting", True),
        ("accepted", True),
        ("delivered", True),
        ("unknown", True),
        ("planned", False),
        ("deferred", False),
        ("bounced", False),
        ("rejected", False),
        ("suppressed", False),
        ("cancelled", False),
    ],
)
async def test_what_may_have_arrived_counts(alpha: TenantScope, state: str, counts: bool) -> None:
    [customer] = await add_customers(alpha)
    await mailed(alpha, customer, 2, state)
    await mailed(alpha, customer, 3, state)
    assert (await one(alpha, customer)).outcome == ("capped" if counts else "allowed")


async def test_two_mails_in_one_batch_do_not_go_together(alpha: TenantScope) -> None:
    first, second = await add_customers(alpha, 2)
    batch = [*await planned(alpha, [first]), *await planned(alpha, [first, second])]
    verdicts = await compliance_rules(alpha, "handover", batch)
    assert [v.outcome for v in verdicts] == ["allowed", "deferred", "allowed"]
    assert verdicts[1].until == alpha.now + timedelta(minutes=10)


async def test_night_is_where_the_customer_lives(alpha: TenantScope) -> None:
    # 10:00 UTC: noon in Berlin, 03:00 in Los Angeles, 19:00 in Tokyo, 22:00 in Auckland.
    zones = ["Europe/Berlin", "America/Los_Angeles", "Asia/Tokyo", "Pacific/Auckland", "", "None/x"]
    ids = [(await add_customers(alpha, timezone=name))[0] for name in zones]
    verdicts = await compliance_rules(alpha, "handover", await planned(alpha, ids))
    assert [v.outcome for v in verdicts] == [
        "allowed",
        "deferred",
        "allowed",
        "deferred",
        "allowed",
        "allowed",
    ]
    assert verdicts[1].until == datetime(2026, 6, 15, 15, tzinfo=UTC)
    assert verdicts[3].until == datetime(2026, 6, 15, 20, tzinfo=UTC)
    assert verdicts[1].reason == (
        "It is 03:00 on Monday in America/Los_Angeles; goes out from 08:00 on Monday."
    )


async def test_when_planned_nobody_asks_for_the_hour(alpha: TenantScope) -> None:
    [customer] = await add_customers(alpha, timezone="Pacific/Auckland")
    assert (await one(alpha, customer, "plan")).outcome == "allowed"


async def settings(core: Core, **chosen: Any) -> None:
    from kernel.contracts.base import canonical

    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE plugin = 'cadence'",
            canonical(chosen).decode(),
        )


async def test_a_merchant_moves_the_limits(core: Core) -> None:
    await settings(core, max_mails=1, quiet_from="09:00", quiet_until="13:00")
    async with core.tenant_scope("alpha") as ctx:
        customer, other = await add_customers(ctx, 2)
        await mailed(ctx, customer, 6)
        assert (await one(ctx, customer)).outcome == "capped"
        verdict = await one(ctx, other)
        assert verdict.until == datetime(2026, 6, 15, 11, tzinfo=UTC)


async def test_a_deferred_message_goes_out_in_the_morning(core: Core, clock: TurnedClock) -> None:
    """Through the whole pipeline: nothing is dropped, and nothing goes out at night."""
    from kernel.pipeline import approvals, campaigns, run

    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 3, created_at=ctx.now - timedelta(days=2))
        await add_customers(
            ctx, 2, created_at=ctx.now - timedelta(days=2), timezone="America/Los_Angeles"
        )
    [campaign] = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    async with core.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign)
    while await run.advance(core, "alpha"):
        pass

    async def law() -> tuple[int, int]:
        async with core.tenant_scope("alpha") as ctx:
            found = (await campaigns.get(ctx, campaign)).law
            assert found.holds
            return found.sent, found.deferred

    assert await law() == (3, 2)
    clock.turn(hours=4, minutes=59)
    while await run.advance(core, "alpha"):
        pass
    assert await law() == (3, 2)
    clock.turn(minutes=1)
    while await run.advance(core, "alpha"):
        pass
    assert await law() == (5, 0)


async def test_bravos_mails_do_not_count_for_alpha(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [customer] = await add_customers(ctx)
        await mailed(ctx, customer, 1)
        await mailed(ctx, customer, 2)
        batch = await planned(ctx, [customer])
    async with core.tenant_scope("bravo") as bravo:
        [verdict] = await compliance_rules(bravo, "handover", batch)
    assert verdict.outcome == "allowed"
