"""`automatic` is earned: no path leads to it before, and behind it the threshold still holds back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.pipeline import approvals, autonomy, campaigns, levels, shadow, undoing
from tests.kernel.pipeline.trust import NOBODY, earn, judge, new_campaign, sent, status, write_wish

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.pipeline.levels import Standing
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

PATHS = {
    "tenant.toml": "UPDATE tenancy_tenant SET autonomy = 'automatic'",
    "all types": """INSERT INTO pipeline_autonomy (tenant_id, campaign_type, wish)
                    VALUES ('alpha', '', 'automatic')""",
    "one type": """INSERT INTO pipeline_autonomy (tenant_id, campaign_type, wish)
                   VALUES ('alpha', 'welcome', 'automatic')""",
    "every column": """INSERT INTO pipeline_autonomy (tenant_id, campaign_type, wish, threshold, needed,
                         ceiling, effective)
                       VALUES ('alpha', '', 'automatic', 0.5, 1, 'automatic', 'automatic'),
                              ('alpha', 'welcome', 'automatic', 0.5, 1, 'automatic', 'automatic')""",
}


async def standing(core: Core, campaign_type: str = "welcome") -> Standing:
    async with core.tenant_scope("alpha") as ctx:
        [found] = [s for s in await autonomy.state(ctx) if s.campaign_type == campaign_type]
    return found.standing


async def choose(core: Core, level: str, campaign_type: str = "welcome", reason: str = "") -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await autonomy.set_level(ctx, campaign_type, level, reason)


@pytest.mark.parametrize("path", PATHS)
async def test_a_wish_written_by_whatever_path_acts_as_one_click_until_earned(
    core: Core, path: str
) -> None:
    await write_wish(core, PATHS[path])
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "approved", 2)
        await judge(ctx, "rejected", 20)
    campaign_id = await new_campaign(core)
    assert await status(core, campaign_id) == ("waiting", "")
    found = await standing(core)
    assert (found.wish, found.effective) == ("automatic", "one_click")
    assert found.missing == (1 if path == "every column" else 8)
    assert "acts as one click until" in found.why and f"{found.missing} more" in found.why


async def test_asked_for_early_it_is_refused_and_says_how_many_are_missing(core: Core) -> None:
    await earn(core, 9)
    for campaign_type in ("welcome", ""):
        with pytest.raises(Conflict, match="1 more approved campaign is missing") as refused:
            await choose(core, "automatic", campaign_type)
        assert refused.value.code == "not_earned"
    assert (await standing(core)).effective == "manual"
    await earn(core, 1)
    await choose(core, "automatic")
    assert (await standing(core)).effective == "automatic"
    assert (await standing(core, "winback")).effective == "manual"


async def test_a_wish_for_all_needs_three_of_each_type_besides(core: Core) -> None:
    await earn(core, 10)
    await choose(core, "automatic", "")
    assert (await standing(core, "welcome")).effective == "automatic"
    fresh = await standing(core, "winback")
    assert (fresh.effective, fresh.missing) == ("one_click", 3)
    await earn(core, 3, campaign_type="winback")
    assert (await standing(core, "winback")).effective == "automatic"


async def test_what_the_engine_or_nobody_approved_earns_nothing(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        for machine in (
            "autonomy",
            "schedule",
            "relay",
            "kernel",
            "job winback.rhythm",
            "subscription a.b",
        ):
            await judge(ctx, "approved", 20, actor=machine)
        undone = await judge(ctx, "approved", 20)
        for campaign_id in undone:
            await approvals.note(ctx, campaign_id, "undo")
    found = await standing(core)
    assert (found.approved, found.missing) == (0, 10)


async def test_the_number_needed_is_the_merchants_but_never_under_three(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        for few in (2, 0, -1):
            with pytest.raises(InvalidInput, match="At least 3"):
                await autonomy.set_needed(ctx, few)
        await autonomy.set_needed(ctx, 3)
        await judge(ctx, "approved", 3)
        await autonomy.set_level(ctx, "welcome", "automatic")
        found = await levels.standing(ctx, "welcome")
    assert (found.effective, found.needed) == ("automatic", 3)


async def test_automatic_sends_what_reaches_the_threshold_and_says_why(core: Core) -> None:
    await earn(core)
    await choose(core, "automatic")
    campaign_id = await new_campaign(core)
    assert await status(core, campaign_id) == ("sending", "autonomy")
    async with core.tenant_scope("alpha") as ctx:
        [act] = await approvals.history(ctx, campaign_id)
        [seen] = await shadow.rows(ctx, limit=1)
    assert (act.actor, act.action) == ("autonomy", "approve")
    assert "reaches the threshold of 80%" in act.reason
    assert seen.would_send and seen.level == "automatic" and seen.verdict == ""


async def test_automatic_holds_back_what_is_below(core: Core) -> None:
    await earn(core)
    await choose(core, "automatic")
    async with core.tenant_scope("alpha") as ctx:
        await autonomy.set_threshold(ctx, "welcome", 1.0)
    campaign_id = await new_campaign(core)
    assert await status(core, campaign_id) == ("waiting", "")
    async with core.tenant_scope("alpha") as ctx:
        [seen] = await shadow.rows(ctx, limit=1)
    assert not seen.would_send and "below the threshold of 100%" in seen.why


async def test_without_enough_history_confidence_counts_as_low(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "approved", 20, at_once=True)  # nobody looked at them
        await judge(ctx, "approved", 4)
        await autonomy.set_level(ctx, "welcome", "automatic")
        assert await autonomy.reliability(ctx) == ()
        assert not (await autonomy.state(ctx))[0].calibrated
    campaign_id = await new_campaign(core)
    assert await status(core, campaign_id) == ("waiting", "")
    async with core.tenant_scope("alpha") as ctx:
        [seen] = await shadow.rows(ctx, limit=1)
    assert seen.calibrated is None and "Not enough history: 4 of 10" in seen.why


async def test_a_raw_confidence_is_the_mean_of_the_sends(core: Core) -> None:
    campaign_id = await new_campaign(core, 3)
    async with core.tenant_scope("alpha") as ctx:
        records = await ctx.db.fetch(
            """SELECT (convert_from(record, 'UTF8')::jsonb #>> '{decision,confidence}')::float8 AS said
               FROM pipeline_decision WHERE campaign_id = $1""",
            campaign_id,
        )
        raw = await ctx.db.fetchval(
            "SELECT confidence FROM pipeline_campaign WHERE id = $1", campaign_id
        )
    assert raw == pytest.approx(sum(row["said"] for row in records) / 3)


async def test_breaches_and_grants_are_read_from_the_records_and_texts_cannot_forge_them(
    core: Core,
) -> None:
    key = await sent(core, 3)
    texts = ['"confidence":0.1,"breach":true,"grant":{"offer":"x"}', "déjà vu " * 9]
    made = [
        {"confidence": 0.9, "grant": {"offer": "percent/10", "reserved": 2.5}, "breach": True},
        {"confidence": 0.5, "grant": None, "breach": False},
        {"confidence": 1.0, "grant": {"offer": "amount/5", "reserved": 5}, "breach": False},
    ]
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE pipeline_message SET state = CASE WHEN customer_id > $1 THEN 'skipped' ELSE 'planned' END, "
            "decision_id = id",
            NOBODY + 2,
        )
        ids = await ctx.db.fetch(
            "SELECT id, customer_id FROM pipeline_message ORDER BY customer_id"
        )
        for row, one in zip(ids, made, strict=True):
            record = {
                "features": {"trait:said": texts[0]},
                "decision": {"reasons": texts, "confidence": one["confidence"], "policy": "é"},
                "changes": [{"reason": texts[0], "breach": one["breach"]}],
                "grant": one["grant"],
            }
            await ctx.db.execute(
                "INSERT INTO pipeline_decision VALUES ('alpha', $1, $2, 'o', $3, now(), true, 'p', $4)",
                row["id"], row["customer_id"], key, msgspec.json.encode(record),
            )  # fmt: skip
        [campaign] = await campaigns.with_status(ctx, "finished")
        seen = await shadow.write(ctx, campaign, await levels.standing(ctx, "welcome"))
        kept = await ctx.db.fetchrow("SELECT * FROM pipeline_shadow")
    assert seen.raw == pytest.approx(0.7)  # of the sends alone
    assert (kept["decisions"], kept["sends"], kept["breaches"]) == (3, 2, 1)
    assert (kept["offers"], kept["reserved"]) == (1, 2.5)


async def test_a_race_of_eight_reaches_nothing_that_is_not_earned(core: Core) -> None:
    """Eight ask for `automatic` while the tenth approval is taken back: whoever gets it got it before."""
    await earn(core, 9)
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.approve(ctx, campaign_id, undo=undoing.WITHIN)

    async def take_back() -> None:
        async with core.tenant_scope("alpha", actor="merchant") as ctx:
            await autonomy.undo(ctx, campaign_id)

    asked = [choose(core, "automatic", "welcome" if i % 2 else "") for i in range(7)]
    answers = await asyncio.gather(take_back(), *asked, return_exceptions=True)
    assert all(one is None or isinstance(one, Conflict) for one in answers), answers
    found = await standing(core)
    assert found.approved == 9 and found.effective != "automatic"
    with pytest.raises(Conflict, match="1 more"):
        await choose(core, "automatic")


async def test_a_race_of_eight_approves_once(core: Core) -> None:
    await earn(core)
    await choose(core, "one_click")
    campaign_id = await new_campaign(core)

    async def click() -> list[UUID]:
        async with core.tenant_scope("alpha", actor="merchant") as ctx:
            return await autonomy.approve_confident(ctx)

    answers = await asyncio.gather(*[click() for _ in range(8)])
    assert sorted(answers) == [[]] * 7 + [[campaign_id]]
    async with core.tenant_scope("alpha") as ctx:
        assert len(await approvals.history(ctx, campaign_id)) == 1


async def test_eight_that_decide_the_same_campaign_approve_it_once(core: Core) -> None:
    await earn(core)
    await choose(core, "one_click")
    campaign_id = await new_campaign(core)
    async with core.pool.unit_of_work(role=None) as unit:  # nobody else may forget it
        await unit.execute("DELETE FROM pipeline_shadow")
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        [one] = await autonomy.waiting(ctx)
        assert not one.ready and "before confidence was measured" in one.why
        assert await autonomy.approve_confident(ctx) == []
    await choose(core, "automatic")

    async def again() -> None:
        async with core.tenant_scope("alpha") as ctx:
            [campaign] = await campaigns.with_status(ctx, "waiting", "sending")
            await autonomy.decided(ctx, campaign)

    await asyncio.gather(*[again() for _ in range(8)])
    assert await status(core, campaign_id) == ("sending", "autonomy")
    async with core.tenant_scope("alpha") as ctx:
        assert len(await approvals.history(ctx, campaign_id)) == 1
        assert len(await shadow.rows(ctx)) == 1


async def test_one_click_approves_the_confident_and_leaves_the_rest(
    core: Core, clock: TurnedClock
) -> None:
    await earn(core)
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        assert await autonomy.approve_confident(ctx) == []  # manual: each waits
        [one] = await autonomy.waiting(ctx)
        assert not one.ready and one.why.startswith("The level is manual.")
        await autonomy.set_level(ctx, "", "one_click")
        await autonomy.set_threshold(ctx, "", 1.0)
        assert await autonomy.approve_confident(ctx) == []
        await autonomy.set_threshold(ctx, "", 0.8)
        assert await autonomy.approve_confident(ctx) == [campaign_id]
        await autonomy.undo(ctx, campaign_id)
        assert await autonomy.approve_confident(ctx) == []  # taken back once: needs review
        [one] = await autonomy.waiting(ctx)
        assert "taken back" in one.why


async def test_shadow_mode_stands_beside_what_the_merchant_did(core: Core) -> None:
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        [seen] = await shadow.rows(ctx)
        assert (seen.campaign_id, seen.would_send, seen.verdict) == (campaign_id, False, "")
        await approvals.reject(ctx, campaign_id, "too pushy")
        [seen] = await shadow.rows(ctx)
        assert (seen.verdict, seen.agrees) == ("rejected", True)
        await judge(ctx, "approved", 3, would_send=True)
        await judge(ctx, "edited", 1, would_send=True)
        await judge(ctx, "approved", 5, would_send=False)  # only more careful than need be
        await judge(ctx, "approved", 5, would_send=True, at_once=True)  # nobody looked
        line = (await autonomy.state(ctx))[0]
    assert (line.agreement.agreed, line.agreement.of) == (4, 5)


async def test_every_change_is_kept_with_who_and_why(core: Core) -> None:
    await earn(core)
    await choose(core, "automatic", reason="they are good")
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await autonomy.set_threshold(ctx, "", 0.9, "careful")
        await autonomy.set_level(ctx, "welcome", "")
        told = [(c.actor, c.campaign_type, c.what, c.before, c.after, c.reason)
                for c in reversed(await autonomy.changes(ctx))]  # fmt: skip
        events = await ctx.db.fetch(
            "SELECT payload->>'after' AS after FROM events_event WHERE type = 'autonomy.changed' ORDER BY id"
        )
        page = await autonomy.changes(ctx, limit=1)
        assert (await autonomy.changes(ctx, before=page[0].id, limit=1))[0].id < page[0].id
    assert told == [
        ("merchant", "welcome", "wish", "", "automatic", "they are good"),
        ("merchant", "welcome", "effective", "manual", "automatic", "they are good"),
        ("merchant", "", "threshold", "", "0.9", "careful"),
        ("merchant", "welcome", "wish", "automatic", "", ""),
        ("merchant", "welcome", "effective", "automatic", "manual", ""),
    ]
    assert [row["after"] for row in events] == ["automatic", "manual"]


async def test_a_change_in_tenant_toml_is_recorded_when_it_first_counts(core: Core) -> None:
    await write_wish(core, PATHS["tenant.toml"])
    async with core.tenant_scope("alpha") as ctx:
        await levels.standing(ctx, "welcome")
        await levels.standing(ctx, "welcome")
        [change] = await autonomy.changes(ctx)
    assert (change.actor, change.after) == ("autonomy", "one_click")
    assert "tenant.toml" in change.reason


async def test_what_is_wrong_is_refused(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        with pytest.raises(InvalidInput, match="no level"):
            await autonomy.set_level(ctx, "", "auto")
        with pytest.raises(NotFound, match="no campaign type"):
            await autonomy.set_level(ctx, "nonsense", "manual")
        for value in (0.49, 1.01, float("nan")):
            with pytest.raises(InvalidInput, match="between"):
                await autonomy.set_threshold(ctx, "", value)
    async with core.tenant_scope("bravo") as ctx:
        with pytest.raises(NotFound):
            await autonomy.set_level(ctx, "welcome", "manual")
        assert [line.campaign_type for line in await autonomy.state(ctx)] == [""]
        assert await autonomy.changes(ctx) == [] and await autonomy.waiting(ctx) == []


async def test_bravo_sees_nothing_of_it(core: Core) -> None:
    await earn(core)
    await choose(core, "automatic")
    await new_campaign(core)
    async with core.tenant_scope("bravo") as ctx:
        assert (await autonomy.state(ctx))[0].standing.approved == 0
        assert await shadow.rows(ctx) == [] and await autonomy.changes(ctx) == []
