"""Mail that customers asked for: goes without asking anybody, stands in nobody's way, and sells nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import pytest_asyncio

from kernel.contracts.campaigns import Copy
from kernel.pipeline import approvals, autonomy, confidence, levels, run, shadow
from kernel.pipeline.features import Row, people
from kernel.pipeline.frames import possible
from kernel.pipeline.suppressing import suppress
from kernel.plugboard.board import build_plugboard
from kernel.tenancy.switches import (
    halt_everything,
    halt_tenant,
    resume_everything,
    resume_tenant,
)
from kernel.testing.seed import add_customers
from tests.kernel.pipeline import asking
from tests.kernel.pipeline import provider as provider_module
from tests.kernel.pipeline.asking import RECEIPT
from tests.kernel.pipeline.sending import approve, due, sending, sent, view, work
from tests.kernel.pipeline.trust import judge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from uuid import UUID

    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider

NOON = datetime(2026, 6, 15, 10, tzinfo=UTC)
"""12:00 in Berlin, in summer."""


@pytest.fixture(scope="module")
def asking_board(board: Plugboard) -> Plugboard:
    extra = [("provider", provider_module), ("asked", asking.module)]
    installed = [name for name in board.plugins if name not in ("provider", "asked")]
    return build_plugboard(sorted(board.mandatory), extra=extra, only=installed)


@pytest_asyncio.fixture
async def shop(core: Core, asking_board: Plugboard, provider: Provider, clock: TurnedClock) -> Core:
    """Alpha with every plugin of ours, quiet hours and caps included, at noon; only the DNS is not asked."""
    async with core.system_scope("test") as unit:
        await unit.execute(
            "INSERT INTO tenancy_plugin VALUES ('alpha', 'provider'), ('alpha', 'asked')"
        )
        await unit.execute("DELETE FROM tenancy_plugin WHERE plugin = 'deliverability'")
    clock.at = NOON
    return replace(core, board=asking_board)


@pytest.fixture
def put(asking_board: Plugboard, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Change facts of the toy type for this test."""

    def change(**fields: Any) -> None:
        owned = asking_board.campaign_types["receipt"]
        kind = msgspec.structs.replace(owned.value, **fields)
        monkeypatch.setitem(asking_board.campaign_types, "receipt", type(owned)(owned.plugin, kind))

    return change


async def newcomers(core: Core, count: int = 1, **fields: Any) -> list[int]:
    async with core.tenant_scope("alpha") as ctx:
        return await add_customers(
            ctx, count, **{"created_at": ctx.now - timedelta(days=2), **fields}
        )


async def proposed(core: Core) -> dict[str, UUID]:
    """What is proposed now, by key."""
    ids = await run.propose_due(core, "alpha")
    return {(await view(core, one)).key: one for one in ids}


async def receipt(core: Core) -> UUID:
    """The receipt of now, decided, and whatever may be handed over is."""
    made = {key.partition(":")[0]: one for key, one in (await proposed(core)).items()}
    for _ in range(2):  # the approval wakes the job once more
        await work(core)
    return made["receipt"]


# --- when it is proposed, and for how long it may wait -------------------------------------------------


async def test_it_is_proposed_once_in_each_turn_of_its_minutes_from_its_hour_on(
    shop: Core, put: Any, clock: TurnedClock
) -> None:
    put(audience=msgspec.structs.replace(RECEIPT.audience, exclude_recent_days=0))
    await newcomers(shop)
    told = []
    clock.at = NOON.replace(hour=5, minute=50)  # 07:50 in Berlin
    for _ in range(8):
        for _ in range(2):
            told.append([key for key in await proposed(shop) if key.startswith("receipt")])
        clock.turn(minutes=7)
    assert told[0::2] == [
        [],  # 07:50
        [],  # 07:57
        ["receipt:2026-06-15:0800"],  # 08:04
        [],  # 08:11
        ["receipt:2026-06-15:0815"],  # 08:18
        [],  # 08:25
        ["receipt:2026-06-15:0830"],  # 08:32
        [],  # 08:39
    ]
    assert told[1::2] == [[]] * 8


async def test_without_anybody_nothing_is_proposed_and_the_turn_stays_open(shop: Core) -> None:
    assert await proposed(shop) == {}
    await newcomers(shop)
    assert "receipt:2026-06-15:1200" in await proposed(shop)


async def test_a_type_of_once_a_day_keeps_its_key(shop: Core, put: Any, clock: TurnedClock) -> None:
    put(every_minutes=0, audience=msgspec.structs.replace(RECEIPT.audience, exclude_recent_days=0))
    await newcomers(shop)
    assert "receipt:2026-06-15" in await proposed(shop)
    clock.turn(hours=2)
    assert await proposed(shop) == {}


@pytest.mark.parametrize(("hours", "state"), [(23.9, "accepted"), (24.0, "suppressed")])
async def test_what_could_not_go_out_within_its_days_is_given_up(
    shop: Core, provider: Provider, clock: TurnedClock, hours: float, state: str
) -> None:
    await newcomers(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await halt_tenant(ctx, "A test.")
    campaign_id = await receipt(shop)
    clock.turn(hours=hours)
    async with shop.tenant_scope("alpha") as ctx:
        await resume_tenant(ctx)
    await work(shop)
    async with shop.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow(
            "SELECT state, reason FROM pipeline_message WHERE campaign_id = $1", campaign_id
        )
    assert row["state"] == state
    assert row["reason"].startswith("expired") is (state == "suppressed")
    assert len(provider.accepted) == (state == "accepted")


# --- it asks nobody --------------------------------------------------------------------------------------


async def test_no_approval_no_hold_out_no_decider_and_it_earns_and_teaches_nothing(
    shop: Core, provider: Provider
) -> None:
    async with shop.system_scope("test") as unit:
        await unit.execute("UPDATE tenancy_tenant SET holdout_percent = 50, autonomy = 'manual'")
    await newcomers(shop, 30)
    campaign_id = await receipt(shop)
    assert await sent(shop, campaign_id) == 30
    async with shop.tenant_scope("alpha") as ctx:
        [act] = await approvals.history(ctx, campaign_id)
        assert (act.actor, act.action) == ("kernel", "approve")
        assert await shadow.of(ctx, campaign_id) is None
        assert "receipt" not in levels.types_of(ctx)
        assert (await levels.standing(ctx, "")).approved == 0
        assert await confidence.judged(ctx) == []
        types = [one.campaign_type for one in await autonomy.waiting(ctx)]
        assert types == ["welcome"]
        records = await ctx.db.fetch(
            """SELECT DISTINCT convert_from(d.record, 'UTF8')::json #>> '{decision,options}' AS options
               FROM pipeline_decision d JOIN pipeline_message m ON m.decision_id = d.id
               WHERE m.campaign_id = $1""",
            campaign_id,
        )
    [options] = [msgspec.json.decode(row["options"]) for row in records]
    assert [(one["action"]["send"], one["probability"]) for one in options] == [(True, 1.0)]


async def test_no_waves_no_pace_no_hour_of_the_day_and_no_night(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, ramp_from=1, rate_per_hour=1, local_hour=3)
    clock.at = NOON.replace(hour=20)  # 22:00 in Berlin: quiet
    await newcomers(shop, 110)
    campaign_id = await receipt(shop)
    assert await sent(shop, campaign_id) == 110


# --- it counts for nothing ---------------------------------------------------------------------------------


async def test_a_full_cap_does_not_stop_it(
    shop: Core, clock: TurnedClock, provider: Provider
) -> None:
    [customer] = await newcomers(shop)
    async with shop.tenant_scope("alpha") as ctx:
        for _ in range(2):
            [key] = await judge(ctx, "approved")
            await ctx.db.execute(
                """INSERT INTO pipeline_message (tenant_id, campaign_id, customer_id, id, created_at, state,
                     attempted_at) VALUES ('alpha', $1, $2, gen_random_uuid(), $3, 'accepted', $3)""",
                key, customer, ctx.now - timedelta(hours=1),
            )  # fmt: skip
    made = await proposed(shop)
    await work(shop)
    await work(shop)
    assert await sent(shop, made["receipt:2026-06-15:1200"]) == 1


async def test_it_takes_no_other_mails_place(
    shop: Core, put: Any, provider: Provider, clock: TurnedClock
) -> None:
    """Three in an hour, and the welcome of the same day goes out as if there had been none."""
    put(audience=msgspec.structs.replace(RECEIPT.audience, exclude_recent_days=0))
    [customer] = await newcomers(shop)
    async with shop.system_scope("test") as unit:
        await unit.execute("DELETE FROM tenancy_plugin WHERE plugin = 'welcome'")
    for _ in range(3):
        await receipt(shop)
        clock.turn(minutes=15)
    assert len(provider.accepted) == 3
    async with shop.system_scope("test") as unit:
        await unit.execute("INSERT INTO tenancy_plugin VALUES ('alpha', 'welcome')")
    made = await proposed(shop)
    welcome = made["welcome:2026-06-15"]
    async with shop.tenant_scope("alpha") as ctx:
        campaign = (await view(shop, welcome)).core()
        key = await ctx.db.fetchval(
            "SELECT id FROM pipeline_message WHERE campaign_id = $1", welcome
        )
        [one] = await people(ctx, campaign, [Row(message_id=key, customer_id=customer, step=1)])
    features = one.candidate.features
    assert (features["days_since_mail"], features["mails_30d"]) == (None, 0)
    assert (features["planned_type"], features["other_types"]) == ("", "")
    await work(shop)
    await approve(shop, welcome)
    await work(shop)
    assert await sent(shop, welcome) == 1


async def test_links_and_opens_of_it_are_not_tracked(shop: Core, provider: Provider) -> None:
    await newcomers(shop, tracking_consent="granted")
    made = await proposed(shop)
    await work(shop)
    await approve(shop, made["welcome:2026-06-15"])
    await work(shop)
    mails = {one.campaign_type: one.rendered for one in provider.given}
    asked, sold = mails["receipt"], mails["welcome"]
    assert asked and sold
    assert "/tracking/" in sold.html and "/tracking/" in sold.text  # so that it could be seen
    assert "/tracking/" not in asked.html + asked.text
    assert "/account" in asked.html


# --- it sells nothing ----------------------------------------------------------------------------------------


SELLING = Copy(subject="Your account is open", body="Hello, and our sale has begun.")


async def test_a_type_that_advertises_in_mail_that_was_asked_for_sends_nothing(
    shop: Core, put: Any, provider: Provider
) -> None:
    """Else a plugin could write to everybody who never consented, by calling it transactional."""
    put(copies={"plain": SELLING})
    await newcomers(shop, 3, email_consent="never")
    campaign_id = await receipt(shop)
    assert provider.given == []
    async with shop.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch(
            "SELECT state, reason FROM pipeline_message WHERE campaign_id = $1", campaign_id
        )
    assert [row["state"] for row in rows] == ["suppressed"] * 3
    assert all("compliance.promotion" in row["reason"] for row in rows), rows


async def test_words_that_somebody_makes_an_advertisement_later_do_not_go_out(
    shop: Core, provider: Provider
) -> None:
    await newcomers(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await halt_tenant(ctx, "A test.")
    campaign_id = await receipt(shop)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.edit(ctx, campaign_id, "plain", SELLING)
        await resume_tenant(ctx)
    await work(shop)
    found = await view(shop, campaign_id)
    assert provider.given == [] and found.law.suppressed == 1


async def test_it_carries_no_offer_whatever_its_type_names(
    shop: Core, put: Any, provider: Provider
) -> None:
    offers = {
        "offers": ("percent/10",),
        "copies": {**RECEIPT.copies, "plain.offer": RECEIPT.copies["plain"]},
    }
    put(**offers)
    assert [
        one.offer for one in possible(msgspec.structs.replace(RECEIPT, **offers), guarded=True)
    ] == [""]
    await newcomers(shop)
    campaign_id = await receipt(shop)
    async with shop.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow(
            "SELECT state, variant FROM pipeline_message WHERE campaign_id = $1", campaign_id
        )
        granted = await ctx.db.fetchval("SELECT count(*) FROM discounts_code")
    assert (row["state"], row["variant"], granted) == ("accepted", "plain", 0)


async def test_it_needs_no_subscription_and_obeys_every_other_no(
    shop: Core, provider: Provider
) -> None:
    never, left, complained, bounced = [
        (await newcomers(shop, email=f"{name}@example.com", email_consent=state))[0]
        for name, state in (
            ("never", "never"),
            ("left", "unsubscribed"),
            ("complained", "subscribed"),
            ("bounced", "subscribed"),
        )
    ]
    async with shop.tenant_scope("alpha") as ctx:
        await suppress(ctx, "left@example.com", "unsubscribed")
        await suppress(ctx, "complained@example.com", "complained")
        await suppress(ctx, "bounced@example.com", "bounced")
    campaign_id = await receipt(shop)
    assert {one.customer_id for one in provider.given} == {never, left}
    assert (await view(shop, campaign_id)).law.suppressed == len([complained, bounced])


# --- and it can be stopped -----------------------------------------------------------------------------------


async def _tenant(core: Core, stop: bool) -> None:
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await (halt_tenant(ctx, "Stop.") if stop else resume_tenant(ctx))


async def _everything(core: Core, stop: bool) -> None:
    await (
        halt_everything(core, "operator", "Stop.") if stop else resume_everything(core, "operator")
    )


@pytest.mark.parametrize("switch", [_tenant, _everything])
async def test_a_stop_stops_it_before_and_behind_its_approval(
    shop: Core,
    provider: Provider,
    clock: TurnedClock,
    switch: Callable[[Core, bool], Awaitable[None]],
) -> None:
    await newcomers(shop, 3)
    await switch(shop, True)
    campaign_id = await receipt(shop)
    found = await view(shop, campaign_id)
    assert provider.given == [] and (found.status, found.law.waiting) == ("sending", 3)
    assert await due(shop, clock) == []
    await switch(shop, False)
    assert await due(shop, clock) == ["alpha"]
    await work(shop)
    assert await sent(shop, campaign_id) == 3


async def test_the_merchant_can_pause_and_cancel_it(shop: Core, provider: Provider) -> None:
    await newcomers(shop, 3)
    await _tenant(shop, True)
    campaign_id = await receipt(shop)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.pause(ctx, campaign_id, "Wait.")
    await _tenant(shop, False)
    await work(shop)
    assert provider.given == []
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.cancel(ctx, campaign_id)
    await work(shop)
    found = await view(shop, campaign_id)
    assert provider.given == [] and (found.status, found.law.waiting) == ("cancelled", 0)


async def test_its_plugin_switched_off_proposes_nothing(shop: Core) -> None:
    await newcomers(shop)
    async with shop.system_scope("test") as unit:
        await unit.execute("DELETE FROM tenancy_plugin WHERE plugin = 'asked'")
    assert not [key for key in await proposed(shop) if key.startswith("receipt")]
