"""The pages and the panel, through the real application and its session."""

from __future__ import annotations

from kernel.tenancy.core import Core
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.plugins.affinity.stored import shop


async def test_pairs(core: Core, client: Browser) -> None:
    await shop(core)
    text = await client.see("/app/x/affinity/")
    assert "Oolong &lt;b&gt;tea&lt;/b&gt;" in text and "<b>tea</b>" not in text
    assert "Tea pot" in text and "Bath mat" in text
    assert "In use since" in text and "Method: ease." in text
    assert "Judged on" in text and "which it had not seen" in text
    found = await client.see("/app/x/affinity/?q=BATH")
    assert "Bath mat" in found and "Tea pot" not in found.partition("How good it is")[0]
    assert "No pair has a product" in await client.see("/app/x/affinity/?q=%3Cscript%3E")
    assert "Tea pot" not in (await client.see("/app/x/affinity/?start=25")).partition("<main")[2]
    await client.see("/app/x/affinity/?start=-3")
    await client.see("/app/x/affinity/?start=x", 400)


async def test_one_product(core: Core, client: Browser) -> None:
    await shop(core)
    text = await client.see("/app/x/affinity/product?sku=tea")
    assert "Orders with it" in text and "Tea pot" in text and "for sale" in text
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE profiles_product SET inventory = 0 WHERE sku = 'tea'")
        await ctx.db.execute("DELETE FROM profiles_product WHERE sku = 'cup'")
    assert "out of stock" in await client.see("/app/x/affinity/product?sku=tea")
    assert "not in the catalogue" in await client.see("/app/x/affinity/product?sku=cup")
    await client.see("/app/x/affinity/product?sku=nothing", 404)
    await client.see("/app/x/affinity/product", 404)


async def test_before_anything_is_learned(core: Core, client: Browser) -> None:
    text = await client.see("/app/x/affinity/")
    assert "It has not been trained yet" in text
    await client.see("/app/x/affinity/product?sku=tea", 404)


async def test_a_customers_next_order(core: Core, client: Browser) -> None:
    ids = await shop(core)
    text = await client.see(f"/app/customers/{ids['ada']}")
    panel = text.partition('aria-label="Next order"')[2]
    assert "Buys again" in panel and "New to them" in panel
    assert "Bought 3 times, last on 17 March 2026" in panel
    assert "/app/x/affinity/product?sku=tea" in panel
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("DELETE FROM profiles_trait")
    assert 'aria-label="Next order"' not in await client.see(f"/app/customers/{ids['ada']}")


async def test_bravo_sees_nothing(core: Core) -> None:
    await shop(core)
    async with browser(core) as client:
        await sign_in(client, core, "bravo")
        pages = [
            await client.see("/app/x/affinity/", 404),
            await client.see("/app/x/affinity/product?sku=tea", 404),
            await client.see("/app/customers"),
        ]
    assert not any(word in page for page in pages for word in ("Tea pot", "Oolong", "ada"))
    async with core.tenant_scope("bravo") as ctx:
        assert not await ctx.db.fetchval("SELECT count(*) FROM profiles_trait")
        assert not await ctx.db.fetchval("SELECT count(*) FROM models_artefact")
