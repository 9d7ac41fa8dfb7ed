"""A regular selection: for whom, how often, in which words, and never an empty one."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.contracts.base import canonical
from kernel.contracts.delivery import MessageVars
from kernel.contracts.events import MessagesAccepted
from kernel.sdk import Shown
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.recommend.campaign import RECOMMEND, SHOWCASE, selections, slots
from plugins.recommend.due import DUE, recompute
from tests.plugins import whole, words
from tests.plugins.affinity.stored import shop

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope


async def due(ctx: TenantScope) -> dict[int, datetime]:
    rows = await ctx.db.fetch(
        "SELECT customer_id, value #>> '{}' AS value FROM profiles_trait WHERE name = $1", DUE
    )
    return {row["customer_id"]: datetime.fromisoformat(row["value"]) for row in rows}


def test_all_tones_in_every_language() -> None:
    assert set(RECOMMEND.copies) == words.expected(RECOMMEND)


@pytest.mark.parametrize("variant", sorted(RECOMMEND.copies))
def test_the_words_are_complete_and_make_no_claims(variant: str) -> None:
    assert words.faults(RECOMMEND, variant) == []


async def test_due_after_an_order_and_after_the_last_selection(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await recompute(ctx)
        first = await due(ctx)
        assert first[ids["ada"]] == ctx.now - timedelta(days=90) + timedelta(days=14)
        await add_messages(
            ctx, await add_campaign(ctx, "recommend"), [ids["ada"]], state="accepted"
        )
        await recompute(ctx)
        found = await due(ctx)
        assert found.pop(ids["ada"]) == ctx.now + timedelta(days=30)
        first.pop(ids["ada"])
        assert found == first
    async with core.tenant_scope("bravo") as bravo:
        await recompute(bravo)
        assert await due(bravo) == {}


async def test_a_merchant_moves_the_pace_and_who_is_active(core: Core) -> None:
    ids = await shop(core)
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE plugin = 'recommend'",
            canonical({"every_days": 7, "active_days": 70, "after_order_days": 0}).decode(),
        )
    async with core.tenant_scope("alpha") as ctx:
        await recompute(ctx)
        found = await due(ctx)
        assert ids["ada"] not in found and ids["bob"] in found
        assert found[ids["bob"]] == ctx.now - timedelta(days=60)


async def test_from_the_trait_to_the_outbox_and_never_without_products(core: Core) -> None:
    await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(whole.CONSENT, ctx.now)
        await recompute(ctx)
        expected = {one for one, at in (await due(ctx)).items() if at <= ctx.now}
    campaign = await whole.propose(core, "recommend")
    decided = await whole.states(core, campaign)
    assert set(decided) == expected
    planned = {one for one, (state, _) in decided.items() if state == "planned"}
    left = min(planned)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "DELETE FROM profiles_trait WHERE customer_id = $1 AND name LIKE 'affinity.%'", left
        )
    mails = await whole.send(core, campaign)
    assert {mail["customer"] for mail in mails} == planned - {left}
    assert (await whole.states(core, campaign))[left][0] == "suppressed"
    await whole.silent_in_bravo(core)


async def test_titles_are_escaped_and_stand_in_one_line(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        batch = await add_messages(ctx, await add_campaign(ctx, "recommend"), [ids["ada"]])
        [mail] = await rendered(ctx, batch, "friendly")
        assert mail.rendered is not None
        assert "Oolong <b>tea</b> · Tea pot" in mail.rendered.text
        assert "Oolong &lt;b&gt;tea&lt;/b&gt;" in mail.rendered.html


async def test_up_to_three_cards_each_with_a_link_of_its_own(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """UPDATE profiles_product SET url = 'https://shop.example/p/' || sku,
                 image_url = 'https://cdn.example/' || sku || '.jpg' WHERE sku <> 'pot'"""
        )
        batch = await add_messages(ctx, await add_campaign(ctx, "recommend"), [ids["ada"]])
        products = (await selections(ctx, [ids["ada"]]))[ids["ada"]]
        [mail] = await rendered(ctx, batch, "friendly")
    assert mail.rendered is not None and len(products) >= 2
    page, text = mail.rendered.html, mail.rendered.text
    for one in products:
        shown = html.escape(one.title)
        [link] = set(re.findall(rf'<a href="([^"]*)"[^>]*>{re.escape(shown)}</a>', page))
        assert "/tracking/c/" in link and f"{one.title}: {link}\n" in text
        assert (f'src="https://cdn.example/{one.sku}.jpg"' in page) == (one.sku != "pot")
        if one.sku != "pot":
            assert f'<a href="{link}" target="_blank"' in page
    assert page.count("12.00 EUR") == len(products)
    assert page.count("https://cdn.example/") == sum(one.sku != "pot" for one in products)
    assert "[[" not in page


def shown(*products: Shown) -> dict[str, str]:
    return {
        name: text
        for name, text in slots(products, "https://shop.example/").items()
        if name in RECOMMEND.page_slots and text
    }


def test_fewer_products_are_fewer_cards_and_a_catalogue_is_not_trusted() -> None:
    assert shown() == {}
    assert shown(Shown(sku="a", title="A", url="")) == {
        "product_1": "A",
        "product_1_url": "https://shop.example/",
    }
    many = [Shown(sku=str(n), title=str(n), url="") for n in range(5)]
    assert len(shown(*many)) == 6


async def test_images_and_prices_that_cannot_be_shown_are_left_out(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        for image, price in (
            ("http://cdn.example/a.jpg", "0"),
            ("javascript:x", None),
            ('https://a.example/"onload="x', "0"),
        ):
            await ctx.db.execute(
                "UPDATE profiles_product SET image_url = $1, price = $2::text::numeric",
                image,
                price,
            )
            for one in (await selections(ctx, [ids["ada"]]))[ids["ada"]]:
                assert (one.image_url, one.price) == ("", "")


async def test_what_was_shown_is_noted(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx, "recommend")
        batch = await add_messages(ctx, campaign, [ids["ada"]])
        event = MessagesAccepted(
            occurred_at=ctx.now,
            campaign_id=campaign.id,
            campaign_type="recommend",
            message_ids=tuple(one.id for one in batch),
            customer_ids=(ids["ada"],),
        )
        await SHOWCASE.note(ctx, [event])
        await SHOWCASE.note(ctx, [event])
        rows = await ctx.db.fetch("SELECT sku FROM affinity_offer ORDER BY sku")
        assert {row["sku"] for row in rows} >= {"pot", "tea"} and len(rows) <= 3


async def test_other_campaigns_mails_are_left_alone(alpha: TenantScope) -> None:
    ids = await add_customers(alpha)
    batch = await add_messages(alpha, await add_campaign(alpha, "welcome"), ids)
    values = [MessageVars(slots={"a": 1})]
    assert await SHOWCASE.fill(alpha, batch, values) == values
    assert [one.outcome for one in await SHOWCASE.judge(alpha, batch)] == ["allowed"]
