"""Pauses by the figures: when they begin, when they end, and what a person may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernel.plugboard.parts import Failure
from plugins.deliverability import health, jobs, repo
from plugins.deliverability.manifest import DeliverabilitySettings
from tests.plugins.deliverability.mailings import mailed

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

CASES = [
    (0, 0, 0, "none"),
    (99, 50, 50, "few"),
    (100, 2, 0, "ok"),
    (100, 1, 0, "ok"),
    (100, 0, 1, "ok"),
    (100, 0, 2, "ok"),
    (100, 0, 3, "stop"),
    (100, 5, 0, "stop"),
    (100, 4, 0, "warn"),
    (150, 3, 0, "warn"),
    (1200, 0, 3, "stop"),
    (1201, 0, 3, "warn"),
    (3000, 0, 3, "warn"),
    (3001, 0, 3, "ok"),
    (1000, 19, 0, "ok"),
    (1000, 20, 0, "warn"),
    (1000, 49, 0, "warn"),
    (1000, 50, 0, "stop"),
]


@pytest.mark.parametrize(("accepted", "bounces", "complaints", "state"), CASES)
def test_thresholds(accepted: int, bounces: int, complaints: int, state: str) -> None:
    rates = health.Rates(mailbox="gmail", accepted=accepted, bounces=bounces, complaints=complaints)
    verdict = health.judge(DeliverabilitySettings(), rates)
    assert verdict.state == state
    assert bool(verdict.reason) == (state in ("warn", "stop"))
    if state == "stop":
        assert verdict.reason.startswith(f"Gmail: {complaints or bounces} of {accepted:,}")


async def watch(core: Core) -> list[str]:
    """Look at the figures; the mailboxes that are paused then."""
    async with core.tenant_scope("alpha", actor="job") as ctx:
        await jobs.watch(ctx, {})
        return [one.mailbox for one in await repo.paused(ctx)]


async def trail(core: Core, action: str) -> list[tuple[str, str]]:
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch(
            "SELECT actor, subject FROM tenancy_audit WHERE action = $1 ORDER BY id", action
        )
        return [(row["actor"], row["subject"]) for row in rows]


async def test_a_provider_that_objects_is_paused_alone_and_once(core: Core) -> None:
    told: list[Failure] = []
    before, core.board.report = core.board.report, told.append
    try:
        await mailed(core, "gmail", 200, complaints=3)
        await mailed(core, "yahoo", 200, bounces=4)
        await mailed(core, "apple", 20, bounces=10)
        assert await watch(core) == ["gmail"]
        assert await watch(core) == ["gmail"]
    finally:
        core.board.report = before
    [one] = told
    assert (one.tenant, one.plugin, one.what) == ("alpha", "deliverability", "mail to gmail")
    assert "3 of 200 recipients called the mail spam" in one.text
    assert await trail(core, "deliverability.paused") == [("job", "gmail")]


async def test_a_pause_ends_by_itself_a_day_after_the_figures_are_good(
    core: Core, clock: TurnedClock
) -> None:
    await mailed(core, "gmail", 200, complaints=3)
    assert await watch(core) == ["gmail"]
    clock.turn(days=5, hours=23)
    assert await watch(core) == ["gmail"]
    clock.turn(hours=2)
    assert await watch(core) == ["gmail"]  # the window is empty now: a day begins
    clock.turn(hours=23)
    assert await watch(core) == ["gmail"]
    clock.turn(hours=1)
    assert await watch(core) == []
    assert await trail(core, "deliverability.lifted") == [("job", "gmail")]
    assert await watch(core) == []


async def test_the_day_begins_again_when_figures_turn_bad(core: Core, clock: TurnedClock) -> None:
    await mailed(core, "gmail", 200, complaints=3, days_ago=6.9)
    assert await watch(core) == ["gmail"]
    clock.turn(hours=12)
    assert await watch(core) == ["gmail"]
    await mailed(core, "gmail", 200, complaints=3, days_ago=1)  # complaints that come late
    clock.turn(hours=20)
    assert await watch(core) == ["gmail"]
    clock.turn(hours=20)
    assert await watch(core) == ["gmail"]


async def test_a_person_ends_a_pause_and_old_mails_no_longer_count(
    core: Core, clock: TurnedClock
) -> None:
    await mailed(core, "gmail", 200, complaints=3)
    assert await watch(core) == ["gmail"]
    async with core.tenant_scope("alpha", actor="Mia") as ctx:
        assert not await health.lift(ctx, "yahoo", "nothing was paused")
        assert await health.lift(ctx, "gmail", "The list was cleaned.")
    assert await trail(core, "deliverability.lifted") == [("Mia", "gmail")]
    clock.turn(hours=2)
    assert await watch(core) == []
    await mailed(core, "gmail", 150, complaints=3, days_ago=0.04)
    assert await watch(core) == ["gmail"]
    async with core.tenant_scope("alpha") as ctx:
        [past] = await repo.past(ctx)
        assert past.by_hand and past.lifted_reason == "The list was cleaned."


async def test_bravo_hears_nothing(core: Core) -> None:
    await mailed(core, "gmail", 200, complaints=3)
    await watch(core)
    async with core.tenant_scope("bravo") as ctx:
        assert not await repo.paused(ctx) and not await repo.past(ctx)
        assert all(not one.accepted for one in (await health.rates(ctx)).values())
