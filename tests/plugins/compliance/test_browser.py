"""Public pages and the merchant's in a real browser, wide and on a phone; screenshots in screenshots/."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kernel.sdk import set_consent, suppress
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance import footer
from tests import chromium

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"
EMAIL = "ada@example.com"


@pytest.mark.parametrize("language", ["en", "de", "fr"])
async def test_a_customer_chooses(core: Core, tmp_path: Path, language: str) -> None:
    async with chromium.served(core, tmp_path) as site:
        trouble: list[str] = []
        async with chromium.launched() as browser:
            for size, (width, height) in chromium.SIZES.items():
                async with site.tenant_scope("alpha") as ctx:
                    ids = await add_customers(ctx, email=f"{size}@example.com", locale=language)
                    [message] = await add_messages(ctx, await add_campaign(ctx), ids)
                    link = footer.preferences(ctx, message)
                page = await browser.new_page(viewport={"width": width, "height": height})
                page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
                path = link.removeprefix(site.links.base_url)
                name = f"preferences-{language}-{size}"
                await chromium.look(page, site, path, SHOTS / f"{name}.png", trouble)
                assert await page.locator("input[type=checkbox]:checked").count() == 3
                await page.locator("input[name=offers]").uncheck()
                await page.locator("button[value=save]").click()
                await page.locator(".note").wait_for()
                assert await page.locator("input[type=checkbox]:checked").count() == 2
                await page.screenshot(path=SHOTS / f"{name}-saved.png", full_page=True)
                await page.locator("button[value=nothing]").click()
                await page.locator(".undo").wait_for()
                await page.screenshot(path=SHOTS / f"{name}-nothing.png", full_page=True)
                await page.locator(".undo button").click()
                await page.locator(".undo").wait_for(state="detached")
                await page.close()
        assert not trouble, "\n".join(trouble)


@pytest.mark.parametrize(
    ("host", "opened_at"),
    [("", ""), ("links.localhost", "links.localhost"), ("links.localhost", "")],
    ids=["ours", "shops-own", "old-link"],
)
async def test_a_mistake_is_taken_back_wherever_the_link_led(
    core: Core, tmp_path: Path, host: str, opened_at: str
) -> None:
    """A browser posts only to the host that it has the page from (form-action 'self')."""
    async with chromium.served(core, tmp_path) as site, chromium.launched() as browser:
        async with site.tenant_scope("alpha") as ctx:
            [who] = await add_customers(ctx, email=EMAIL)
            [message] = await add_messages(ctx, await add_campaign(ctx), [who])
            links = [footer.link(ctx, message), footer.preferences(ctx, message)]
        async with site.system_scope("test") as unit:
            await unit.execute(
                """UPDATE tenancy_tenant SET sender = sender || jsonb_build_object('link_host', $1::text)
                   WHERE tenant_id = 'alpha'""",
                host,
            )
        trouble: list[str] = []
        page = await browser.new_page()
        page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
        for link in links:
            if opened_at:
                port = site.links.base_url.rpartition(":")[2]
                link = f"http://{opened_at}:{port}/" + "/".join(link.split("/")[-2:])
            await page.goto(link)
            await page.locator("button").last.click()
            await page.get_by_role("button", name="Subscribe again").click()
            await page.get_by_role("heading", name="You are subscribed again").wait_for()
            async with site.tenant_scope("alpha") as ctx:
                consent = await ctx.db.fetchval("SELECT email_consent FROM profiles_customer")
                assert consent == "subscribed", (link, trouble)
        assert not trouble, "\n".join(trouble)


async def test_pages_fit_and_nothing_goes_wrong(core: Core, tmp_path: Path) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 12)
        [who] = await add_customers(ctx, email=EMAIL)
        for number, person in enumerate(ids):
            await set_consent(
                ctx, person, "unsubscribed", "unsubscribe link", ctx.now - timedelta(days=number)
            )
            await suppress(ctx, f"customer{number + 1}@example.com", "unsubscribed")
        await suppress(ctx, EMAIL, "unsubscribed", topic="recommendations")
        await suppress(ctx, "gone@example.com", "bounced")
    pages = {
        "suppressions": "/app/x/compliance/suppressions",
        "ledger": "/app/x/compliance/ledger",
        "customer": f"/app/customers/{who}",
    }
    async with chromium.served(core, tmp_path) as site:
        trouble = await chromium.look_at_all(site, pages, SHOTS)
        async with chromium.launched() as browser:
            page = await chromium.signed_in(browser, site, "wide", trouble)
            await page.goto(site.links.base_url + pages["suppressions"])
            await page.fill("#email", EMAIL)
            await page.get_by_role("button", name="Look up").click()
            await page.get_by_role("button", name="Lift").wait_for()
            await page.screenshot(path=SHOTS / "looked-up.png", full_page=True)
            await page.goto(site.links.base_url + pages["ledger"])
            await page.get_by_role("button", name="Verify it now").click()
            await page.get_by_text("Sound:").wait_for()
            async with page.expect_download() as waiting:
                await page.get_by_role("button", name="Download").click()
            assert (await waiting.value).suggested_filename.startswith("consent-alpha-")
    assert not trouble, "\n".join(trouble)
