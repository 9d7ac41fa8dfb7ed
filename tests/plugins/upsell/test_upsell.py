"""One product that goes with a recent order: for whom, in which words, and never an empty mail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kernel.contracts.base import canonical
from kernel.contracts.delivery import MessageVars
from kernel.contracts.events import ImportFinished, MessagesAccepted
from kernel.models.showing import product_title, product_url
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.upsell.campaign import SHOWCASE, UPSELL
from plugins.upsell.fits import UNTIL, changed, recompute
from tests.plugins import whole, words
from tests.plugins.affinity.stored import shop

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

HOSTILE = "Pot </a><script>x</script> {{ shop_url }}\r\nBcc: e\u202evil www.evil.example https://evil.example/x"


async def due(ctx: TenantScope) -> dict[int, str]:
    rows = await ctx.db.fetch(
        "SELECT customer_id, value #>> '{}' AS value FROM profiles_trait WHERE name = $1", UNTIL
    )
    return {row["customer_id"]: row["value"] for row in rows}


async def last_order(ctx: TenantScope) -> dict[int, Any]:
    rows = await ctx.db.fetch("SELECT id, last_order_at FROM profiles_customer")
    return {row["id"]: row["last_order_at"] for row in rows}


def test_all_tones_in_every_language() -> None:
    assert set(UPSELL.copies) == words.expected(UPSELL)


@pytest.mark.parametrize("variant", sorted(UPSELL.copies))
def test_the_words_are_complete_and_make_no_claims(variant: str) -> None:
    assert words.faults(UPSELL, variant) == []


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Tea pot", "Tea pot"),
        ("  Tea\tpot\r\n ", "Tea pot"),
        ("a\u202eb\u200bc", "abc"),
        ("Win at www.evil.example", "Win at www. evil. example"),
        ("https://evil.example/x", "https:/ /evil. example/x"),
        ("eve@evil.example", "eve at evil. example"),
        ("Tea 2.5 l", "Tea 2.5 l"),
        ("\x00\u200b ...", ""),
        ("word " * 40, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_titles_are_made_fit_for_a_mail(title: str, shown: str) -> None:
    assert product_title(title) == shown


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://shop.example/p/pot?v=1", True),
        ("http://shop.example/p", False),
        ("javascript:alert(1)", False),
        ("https://shop.example@evil.example", False),
        ('https://shop.example/"onclick=x', False),
        ("https://a b", False),
        ("", False),
    ],
)
def test_only_plain_addresses_are_links(url: str, kept: bool) -> None:
    assert product_url(url) == (url if kept else "")


async def test_for_those_who_bought_lately_and_have_something_that_fits(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await recompute(ctx)
        found, last = await due(ctx), await last_order(ctx)
        assert found and ids["ada"] not in found, "her last order is three months old"
        young, old = ctx.now - timedelta(days=5), ctx.now - timedelta(days=30)
        assert all(old < last[one] <= young for one in found)
        one = min(found)
        until = last[one] + timedelta(days=30)
        assert found[one] == f"{until:%Y-%m-%dT%H:%M:%SZ}"
        before = await ctx.db.fetch("SELECT customer_id, xmin::text FROM profiles_trait")
        await recompute(ctx)
        assert await ctx.db.fetch("SELECT customer_id, xmin::text FROM profiles_trait") == before
    async with core.tenant_scope("bravo") as bravo:
        await recompute(bravo)
        assert await due(bravo) == {}


async def test_a_merchant_moves_the_days(core: Core) -> None:
    ids = await shop(core)
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE plugin = 'upsell'",
            canonical({"after_days": 80, "recent_days": 120}).decode(),
        )
    async with core.tenant_scope("alpha") as ctx:
        await recompute(ctx)
        assert set(await due(ctx)) == {ids["ada"]}


async def test_from_the_trait_to_the_outbox_and_never_without_a_product(core: Core) -> None:
    await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(whole.CONSENT, ctx.now)
        await ctx.db.execute("UPDATE profiles_product SET url = 'https://shop.example/p/' || sku")
        await recompute(ctx)
        expected = set(await due(ctx))
    campaign = await whole.propose(core, "upsell")
    decided = await whole.states(core, campaign)
    assert set(decided) == expected
    planned = {one for one, (state, _) in decided.items() if state == "planned"}
    assert len(planned) > 2
    # One of them has bought everything in the meantime: nothing is left to recommend.
    left = min(planned)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "DELETE FROM profiles_trait WHERE customer_id = $1 AND name = 'affinity.new'", left
        )
    mails = await whole.send(core, campaign)
    assert {mail["customer"] for mail in mails} == planned - {left}
    after = await whole.states(core, campaign)
    assert after[left] == (
        "suppressed",
        "upsell.nothing: Nothing is recommended to them any more.",
    )
    async with core.tenant_scope("alpha") as ctx:  # where the button leads is kept on our side
        kept = await ctx.db.fetch("SELECT url FROM tracking_link")
    assert any(row["url"].startswith("https://shop.example/p/") for row in kept)
    assert all("/tracking/c/" in mail["html"] for mail in mails)
    await whole.silent_in_bravo(core)


async def test_a_hostile_title_is_text(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE profiles_product SET title = $1, url = $2 WHERE sku = 'pot'",
            HOSTILE.replace("\x00", ""),
            'javascript:alert("x")',
        )
        batch = await add_messages(ctx, await add_campaign(ctx, "upsell"), [ids["ada"]])
        for tone in words.CALM:
            [mail] = await rendered(ctx, batch, tone)
            assert mail.rendered is not None
            html, text = mail.rendered.html, mail.rendered.text
            assert "<script>" not in html and "javascript:" not in html
            assert "www.evil" not in html + text and "//evil" not in html + text
            assert "\u202e" not in html + text + mail.rendered.subject
            assert "\n" not in mail.rendered.subject and "\r" not in mail.rendered.subject
            assert "Pot </a>" in text and "Pot &lt;/a&gt;" in html


async def test_other_campaigns_mails_are_left_alone(alpha: TenantScope) -> None:
    ids = await add_customers(alpha)
    batch = await add_messages(alpha, await add_campaign(alpha, "welcome"), ids)
    values = [MessageVars(slots={"a": 1})]
    assert await SHOWCASE.fill(alpha, batch, values) == values
    assert [one.outcome for one in await SHOWCASE.judge(alpha, batch)] == ["allowed"]


async def test_what_was_proposed_is_noted_once(core: Core) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx, "upsell")
        batch = await add_messages(ctx, campaign, [ids["ada"]])
        event = MessagesAccepted(
            occurred_at=ctx.now,
            campaign_id=campaign.id,
            campaign_type="upsell",
            message_ids=tuple(one.id for one in batch),
            customer_ids=(ids["ada"],),
        )
        await SHOWCASE.note(ctx, [event])
        await SHOWCASE.note(ctx, [event])
        rows = await ctx.db.fetch("SELECT customer_id, sku FROM affinity_offer")
        assert [tuple(row) for row in rows] == [(ids["ada"], "pot")]


async def test_an_import_has_it_computed_once(alpha: TenantScope) -> None:
    event = ImportFinished(occurred_at=alpha.now, kind="orders", written=3)
    await changed(alpha, [event, event])
    await changed(alpha, [event])
    rows = await alpha.db.fetch("SELECT job FROM jobs_task WHERE state = 'due'")
    assert [row["job"] for row in rows] == ["upsell.fits"]
