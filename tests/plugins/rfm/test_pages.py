"""The pages and the panel, through the real application and its session."""

from __future__ import annotations

from decimal import Decimal

from kernel.tenancy.core import Core
from kernel.testing.seed import add_tenant
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.plugins.rfm.stored import ADA, BOB, EVE, bought, shop


async def test_all_segments(core: Core, client: Browser) -> None:
    await shop(core)
    text = await client.see("/app/x/rfm/")
    main = text.partition("<main")[2]
    for name in ("Champions", "Loyal", "Promising", "At Risk", "Lost"):
        assert f">{name}</a>" in main
    assert "94 customers" in main and "€" in main
    assert "They buy without a discount" in main
    assert "Share of customers and of money" in main and "Spent a head in the last 90 days" in main
    assert "moved up" in main and "The largest movements" in main and 'class="heat"' in main
    assert "Share of customers in each segment" in main
    assert "<script" not in main


async def test_earlier_months(core: Core, client: Browser) -> None:
    await shop(core)
    now = await client.see("/app/x/rfm/")
    earlier = await client.see("/app/x/rfm/?month=2")
    assert 'month=2#movement" aria-current="true"' in earlier
    assert "16 May to 15 Jun" in now and "From 17 Mar to 16 Apr" in earlier
    assert "month=6" not in now, "before the first month nothing is known to move from"
    await client.see("/app/x/rfm/?month=-1")
    await client.see("/app/x/rfm/?month=99")
    await client.see("/app/x/rfm/?month=x", 400)


async def test_one_segment_in_pages(core: Core, client: Browser) -> None:
    ids = await shop(core)
    text = await client.see("/app/x/rfm/segment?name=Champions")
    assert f'/app/customers/{ids[ADA]}"' in text and "the best of 5" in text
    assert "&lt;b&gt;Tester&lt;/b&gt;" in text and "<b>Tester" not in text
    assert f"{Decimal(3600):,.2f}" in text
    assert f'/app/customers/{ids[EVE]}"' not in text
    await client.see("/app/x/rfm/segment?name=Nobody", 404)
    await client.see("/app/x/rfm/segment", 404)
    await client.see("/app/x/rfm/segment?name=Champions&after=x", 400)
    await client.see("/app/x/rfm/segment?name=Champions&after=1|9999999999999999999", 400)
    nobody = await client.see("/app/x/rfm/segment?name=Champions&before=%3Cscript%3E")
    assert "Nobody came here from &lt;script&gt;" in nobody


async def test_a_large_segment_has_pages(core: Core, client: Browser) -> None:
    await shop(core, [(f"c{n}", 10, 20) for n in range(60)])
    first = await client.see("/app/x/rfm/segment?name=Everyone")
    assert first.count('href="/app/customers/') == 25 and "Next page" in first
    after = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await client.see(after)
    seen = {part.partition('"')[0] for part in first.split('href="/app/customers/')[1:]}
    again = {part.partition('"')[0] for part in second.split('href="/app/customers/')[1:]}
    assert len(again) == 25 and not seen & again
    everyone = await client.see("/app/x/rfm/")
    assert "There is one group only" in everyone and "too much alike" in everyone


async def test_who_moved(core: Core, client: Browser) -> None:
    ids = await shop(core)
    text = await client.see("/app/x/rfm/moved")
    assert f'/app/customers/{ids[BOB]}"' in text, "he came back"
    assert f'/app/customers/{ids[ADA]}"' not in text and f'/app/customers/{ids[EVE]}"' not in text
    await client.see("/app/x/rfm/moved?after=1", 400)


async def test_before_anything_is_learned(core: Core, client: Browser) -> None:
    text = await client.see("/app/x/rfm/")
    assert "No segments yet" in text and "Missing: orders of customers" in text
    assert "Nobody has moved" in await client.see("/app/x/rfm/moved")
    await client.see("/app/x/rfm/segment?name=Champions", 404)


async def test_an_artefact_that_cannot_be_read(core: Core, client: Browser) -> None:
    ids = await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE models_artefact SET artefact = 'rubbish'::bytea")
    text = await client.see("/app/x/rfm/")
    assert "The segments cannot be shown" in text
    panel = (await client.see(f"/app/customers/{ids[ADA]}")).partition('aria-label="Segment"')[2]
    assert "Champions" in panel


async def test_a_customers_segment(core: Core, client: Browser) -> None:
    ids = await shop(core)
    panel = (await client.see(f"/app/customers/{ids[ADA]}")).partition('aria-label="Segment"')[2]
    assert "Champions" in panel and "the best of 5 segments" in panel
    assert panel.count("5 of 5") == 3 and "Thank them" in panel
    bob = (await client.see(f"/app/customers/{ids[BOB]}")).partition('aria-label="Segment"')[2]
    assert "A month ago" in bob
    eve = (await client.see(f"/app/customers/{ids[EVE]}")).partition('aria-label="Segment"')[2]
    assert "no order yet a month ago" in eve
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("DELETE FROM profiles_trait WHERE name = 'rfm.segment'")
    assert 'aria-label="Segment"' not in await client.see(f"/app/customers/{ids[ADA]}")


async def test_the_first_page_leads_to_them(core: Core, client: Browser) -> None:
    assert 'aria-label="Segments"' not in await client.see("/app/")
    await shop(core)
    panel = (await client.see("/app/")).partition('aria-label="Segments"')[2]
    assert "Champions" in panel and 'href="/app/x/rfm/"' in panel


async def test_an_alarm_is_said_on_the_page(core: Core, client: Browser) -> None:
    await shop(core)
    assert "no longer fit" not in await client.see("/app/x/rfm/")
    async with core.tenant_scope("alpha") as ctx:  # as it comes between two trainings
        await ctx.db.execute(
            """UPDATE profiles_trait SET value = '"Lost"' WHERE name = 'rfm.segment' AND value = '"Loyal"'"""
        )
    text = await client.see("/app/x/rfm/")
    assert "Only 0.0% of customers are Loyal" in text and 'role="alert"' in text


async def test_other_shops_see_nothing(core: Core) -> None:
    await shop(core, bought())
    await add_tenant(core, "cedar", ["rfm"])
    for tenant, status in (("bravo", 404), ("cedar", 200)):
        async with browser(core) as client:
            await sign_in(client, core, tenant)
            text = await client.see("/app/x/rfm/", status)
            assert "Champions" not in text and "Tester" not in text
            await client.see("/app/x/rfm/segment?name=Champions", 404)
            assert "Tester" not in await client.see("/app/x/rfm/moved", status)
