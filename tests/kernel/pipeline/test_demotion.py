"""Trust is taken back by figures, one level a cause, and given again by a person after it passed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.contracts.errors import Conflict, InvalidInput
from kernel.pipeline import approvals, autonomy, demotion, levels
from tests.kernel.pipeline.trust import earn, judge, new_campaign, sent, status

if TYPE_CHECKING:
    from kernel.pipeline.levels import Standing
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def trusted(core: Core, *types: str) -> None:
    """alpha's types are at `automatic`."""
    for campaign_type in types or ("welcome",):
        await earn(core, campaign_type=campaign_type)
        async with core.tenant_scope("alpha", actor="merchant") as ctx:
            await autonomy.set_level(ctx, campaign_type, "automatic")


async def hourly(core: Core, campaign_type: str = "welcome") -> Standing:
    async with core.tenant_scope("alpha") as ctx:
        await demotion.check_all(ctx)
        return levels.resolve(await levels.read(ctx), campaign_type)


async def shadows(core: Core, breaches: int, decisions: int) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """INSERT INTO pipeline_shadow VALUES ('alpha', gen_random_uuid(), 'welcome', $1, 'automatic',
                 $3, $3, $2, 0, 0, 0.9, 0.9, 0.8, true, 'because')""",
            ctx.now - timedelta(hours=1), breaches, decisions,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("count", "figures", "lowered"),
    [
        (1000, {"complained": 2}, True),
        (2000, {"complained": 2}, False),  # 0.1 % is the limit, not over it
        (1000, {"complained": 1}, False),
        (199, {"complained": 2}, False),
        (200, {"bounced": 11}, True),
        (200, {"bounced": 10}, False),
        (99, {"bounced": 50}, False),
        (1000, {"unsubscribed": 16}, True),  # without a history 0.5 % is taken as usual
        (1000, {"unsubscribed": 15}, False),
        (199, {"unsubscribed": 50}, False),
    ],
)
async def test_a_rate_over_its_limit_lowers_by_one(
    core: Core, count: int, figures: dict[str, int], lowered: bool
) -> None:
    await trusted(core)
    await sent(core, count, **figures)
    found = await hourly(core)
    assert found.effective == ("one_click" if lowered else "automatic"), found.why
    assert bool(found.ceiling_why) == lowered


async def test_unsubscribes_are_compared_with_what_is_usual_for_the_type(core: Core) -> None:
    await trusted(core)
    await sent(core, 1000, days=40, unsubscribed=9)
    await sent(core, 1000, unsubscribed=26)
    assert (await hourly(core)).effective == "automatic"  # less than three times
    await sent(core, 1000, unsubscribed=28)
    found = await hourly(core)
    assert found.effective == "one_click" and "usual is 0.90%" in found.ceiling_why


async def test_mail_that_was_asked_for_speaks_neither_for_nor_against_autonomy(core: Core) -> None:
    await sent(core, 300, campaign_type="confirm", complained=9, bounced=30)
    async with core.tenant_scope("alpha") as ctx:
        told = [cause.name for cause in await demotion.causes(ctx)]
        await ctx.db.execute("UPDATE pipeline_campaign SET urgent = true")
        assert (told, await demotion.causes(ctx)) == (["complaints", "bounces"], [])


async def test_breaches_of_guardrails_lower(core: Core) -> None:
    await trusted(core)
    await shadows(core, 2, 2)
    assert (await hourly(core)).effective == "automatic"  # at least three
    await shadows(core, 1, 500)
    assert (await hourly(core)).effective == "automatic"  # not over 1 %
    await shadows(core, 3, 50)
    found = await hourly(core)
    assert found.effective == "one_click" and "guardrail" in found.ceiling_why


async def test_falling_agreement_lowers(core: Core) -> None:
    await trusted(core)
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "approved", 40, would_send=True)
    assert (await hourly(core)).effective == "automatic"
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "rejected", 6, would_send=True)
    assert (await hourly(core)).effective == "automatic"  # 14 of 20 is 70 %
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "edited", 1, would_send=True)
    found = await hourly(core)
    assert found.effective == "one_click" and "13 of 20" in found.ceiling_why


async def test_the_same_figures_lower_once_and_new_ones_again(
    core: Core, clock: TurnedClock
) -> None:
    await trusted(core)
    await sent(core, 1000, complained=5)
    for _ in range(3):
        assert (await hourly(core)).effective == "one_click"
        clock.turn(hours=1)
    await sent(core, 1000, days=0.01, complained=5)
    assert (await hourly(core)).effective == "manual"
    assert (await hourly(core)).effective == "manual"


async def test_it_cancels_nothing_and_pauses_what_went_by_itself(core: Core) -> None:
    await trusted(core, "welcome", "winback")
    same = {"days": 0.5, "status": "sending"}
    own = await sent(core, 10, approved_by="autonomy", **same)  # type: ignore[arg-type]
    theirs = await sent(core, 10, approved_by="merchant", **same)  # type: ignore[arg-type]
    other = await sent(core, 10, approved_by="autonomy", campaign_type="winback", **same)  # type: ignore[arg-type]
    await sent(core, 1000, complained=5)
    assert (await hourly(core)).effective == "one_click"
    assert [(await status(core, one))[0] for one in (own, theirs, other)] == [
        "paused", "sending", "sending"
    ]  # fmt: skip
    assert (await hourly(core, "winback")).effective == "automatic"
    async with core.tenant_scope("alpha") as ctx:
        [act] = await approvals.history(ctx, own)
    assert (act.actor, act.action) == ("autonomy", "pause") and "complained" in act.reason


async def test_unsubscribes_pause_nothing(core: Core) -> None:
    await trusted(core)
    own = await sent(core, 10, approved_by="autonomy", status="sending")
    await sent(core, 1000, unsubscribed=50)
    assert (await hourly(core)).effective == "one_click"
    assert (await status(core, own))[0] == "sending"


async def test_many_small_types_are_judged_together(core: Core) -> None:
    await trusted(core, "welcome", "winback")
    await sent(core, 150, complained=1)
    await sent(core, 150, campaign_type="winback", complained=1)
    for campaign_type in ("welcome", "winback"):
        found = await hourly(core, campaign_type)
        assert found.effective == "one_click" and found.ceiling_of == ""
        assert "for all types" in found.why
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        with pytest.raises(Conflict, match="All types were lowered"):
            await autonomy.set_level(ctx, "welcome", "automatic", "please")


async def test_before_each_automatic_act_the_figures_are_looked_at(core: Core) -> None:
    await trusted(core)
    await sent(core, 1000, complained=5)
    campaign_id = await new_campaign(core)  # the hourly job has not run
    assert await status(core, campaign_id) == ("waiting", "")


async def test_raising_again_takes_a_reason_and_that_the_cause_has_passed(
    core: Core, clock: TurnedClock
) -> None:
    await trusted(core)
    await sent(core, 1000, complained=5)
    await hourly(core)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await autonomy.set_level(ctx, "welcome", "one_click")  # what it is anyway
        with pytest.raises(InvalidInput, match="was lowered"):
            await autonomy.set_level(ctx, "welcome", "automatic")
        with pytest.raises(Conflict, match="still holds"):
            await autonomy.set_level(ctx, "welcome", "automatic", "I want it")
    clock.turn(days=14)
    found = await hourly(core)
    assert found.effective == "one_click"  # never by itself
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        with pytest.raises(InvalidInput, match="was lowered"):
            await autonomy.set_level(ctx, "welcome", "automatic", "  ")
        raised = await autonomy.set_level(ctx, "welcome", "automatic", "list cleaned")
        assert raised.effective == "automatic"
        told = {(c.actor, c.what, c.before, c.after, c.reason) for c in await autonomy.changes(ctx)}
    assert ("merchant", "ceiling", "one_click", "automatic", "list cleaned") in told
    assert ("merchant", "effective", "one_click", "automatic", "list cleaned") in told
    assert (await hourly(core)).effective == "automatic"


async def test_a_demotion_is_told_with_what_and_why(core: Core) -> None:
    await trusted(core)
    await sent(core, 1000, bounced=100)
    await hourly(core)
    async with core.tenant_scope("alpha") as ctx:
        change = (await autonomy.changes(ctx, limit=1))[0]
        event = await ctx.db.fetchrow(
            "SELECT payload->>'actor' AS actor, payload->>'reason' AS reason FROM events_event "
            "WHERE type = 'autonomy.changed' ORDER BY id DESC LIMIT 1"
        )
    assert (change.actor, change.what, change.before, change.after) == (
        "autonomy", "effective", "automatic", "one_click"
    )  # fmt: skip
    assert event["actor"] == "autonomy"
    assert (
        event["reason"]
        == change.reason
        == "100 of 1,000 messages (10.00%) bounced; the limit is 5 %."
    )


async def test_the_merchant_stopping_what_went_by_itself_counts_as_a_rejection(core: Core) -> None:
    await trusted(core)
    campaign_id = await new_campaign(core)
    assert (await status(core, campaign_id))[1] == "autonomy"
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.cancel(ctx, campaign_id, "not this")
        line = (await autonomy.state(ctx))[0]
    assert (line.agreement.agreed, line.agreement.of) == (0, 1)
