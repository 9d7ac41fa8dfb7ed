"""A mail that must not go out as it is: shadow mode, what waits and the digest say so before anybody clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.errors import Conflict
from kernel.pipeline import approvals, autonomy, digest, shadow, variants
from tests.kernel.pipeline.trust import earn, judge, new_campaign, status

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.campaigns import Copy
    from kernel.tenancy.core import Core

HIDDEN = "https://bit.ly/x"


@pytest.fixture
def good(core: Core) -> Copy:
    """The words of the variant that the newcomers get."""
    return core.board.campaign_types["welcome"].value.copies["professional"]


@pytest.fixture
def bad(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mail of the type `welcome` hides where its button leads."""
    owned = core.board.campaign_types["welcome"]
    copies = {
        name: msgspec.structs.replace(copy, button="Look", link=HIDDEN)
        for name, copy in owned.value.copies.items()
    }
    kind = msgspec.structs.replace(owned.value, copies=copies)
    monkeypatch.setitem(core.board.campaign_types, "welcome", type(owned)(owned.plugin, kind))


async def trusted(core: Core, level: str) -> None:
    await earn(core)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await autonomy.set_level(ctx, "welcome", level)


async def correct(core: Core, campaign_id: UUID, copy: Copy) -> None:
    """Give every variant that messages wait in these words."""
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        for one in await variants.listing(ctx, campaign_id):
            if one.messages:
                await approvals.edit(ctx, campaign_id, one.name, copy)


async def test_automatic_would_not_have_sent_it_and_agrees_with_who_corrects_it(
    core: Core, good: Copy, bad: None
) -> None:
    await trusted(core, "automatic")
    campaign_id = await new_campaign(core)
    assert await status(core, campaign_id) == ("waiting", "")
    async with core.tenant_scope("alpha") as ctx:
        seen = await shadow.of(ctx, campaign_id)
        assert seen and not seen.would_send
        assert seen.calibrated is not None and seen.calibrated >= seen.threshold
        assert seen.why.startswith("The mail cannot go out as it is. ")
        assert f"{HIDDEN} hides where it leads. Link to the page itself." in seen.why
        assert await approvals.history(ctx, campaign_id) == []
    await correct(core, campaign_id, good)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.approve(ctx, campaign_id)
        after = await shadow.of(ctx, campaign_id)
    assert after and (after.verdict, after.agrees) == ("edited", True)


async def test_one_click_does_not_promise_what_the_approval_would_refuse(
    core: Core, good: Copy, bad: None
) -> None:
    await trusted(core, "one_click")
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        [one] = await autonomy.waiting(ctx)
        assert not one.ready and HIDDEN in one.why and "Link to the page itself." in one.why
        assert (await digest.gather(ctx)).review == (campaign_id,)
        assert await autonomy.approve_confident(ctx) == []
        assert await approvals.history(ctx, campaign_id) == []
    await correct(core, campaign_id, good)
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        [one] = await autonomy.waiting(ctx)
        assert one.ready and "reaches the threshold" in one.why
        assert (await digest.gather(ctx)).ready == (campaign_id,)
        assert await autonomy.approve_confident(ctx) == [campaign_id]


async def test_words_made_unfit_while_it_waits_are_seen_now(core: Core, good: Copy) -> None:
    """What shadow mode wrote down stays as it was then; what waits is looked at anew."""
    await trusted(core, "one_click")
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        assert [one.ready for one in await autonomy.waiting(ctx)] == [True]
    await correct(core, campaign_id, msgspec.structs.replace(good, button="Look", link=HIDDEN))
    async with core.tenant_scope("alpha") as ctx:
        assert [one.ready for one in await autonomy.waiting(ctx)] == [False]
        seen = await shadow.of(ctx, campaign_id)
    assert seen and seen.would_send


async def test_words_that_nobody_gets_stop_nothing(core: Core, good: Copy) -> None:
    await trusted(core, "one_click")
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        unused = [v.name for v in await variants.listing(ctx, campaign_id) if not v.messages]
        worse = msgspec.structs.replace(good, button="Look", link=HIDDEN)
        await approvals.edit(ctx, campaign_id, unused[0], worse)
        assert [one.ready for one in await autonomy.waiting(ctx)] == [True]


async def test_too_little_confidence_is_told_first(core: Core, bad: None) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "rejected", 20)
    campaign_id = await new_campaign(core)
    async with core.tenant_scope("alpha") as ctx:
        seen = await shadow.of(ctx, campaign_id)
        [one] = await autonomy.waiting(ctx)
    assert seen and "below the threshold" in seen.why and HIDDEN not in seen.why
    assert not one.ready and HIDDEN not in one.why


async def test_a_template_that_no_longer_compiles_is_told_and_breaks_nothing(core: Core) -> None:
    """As when a newer version is stricter than the one that took the template."""
    await trusted(core, "automatic")
    async with core.system_scope("test") as unit:
        await unit.execute(
            """INSERT INTO tenancy_template (tenant_id, name, source, file)
               VALUES ('alpha', 'welcome', '<mj-section><mj-column>', 'welcome.mjml')"""
        )
    campaign_id = await new_campaign(core)
    assert await status(core, campaign_id) == ("waiting", "")
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        [one] = await autonomy.waiting(ctx)
        assert not one.ready and one.why.startswith("The mail cannot go out as it is. ")
        assert await autonomy.approve_confident(ctx) == []
        with pytest.raises(Conflict, match="cannot go out as it is"):
            await approvals.approve(ctx, campaign_id)


async def test_bravo_is_told_nothing_of_it(core: Core, bad: None) -> None:
    await trusted(core, "one_click")
    await new_campaign(core)
    async with core.tenant_scope("bravo") as ctx:
        assert await autonomy.waiting(ctx) == [] and await shadow.rows(ctx) == []
