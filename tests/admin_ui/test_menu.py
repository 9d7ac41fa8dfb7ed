"""The menu: pages of plugins stand in it where the plugin is on, and open where one of them is shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.web.mounting import page_url
from tests import chromium

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from tests.admin_ui.browser import Browser

SHOTS = Path(__file__).parent / "screenshots"


def menu(html: str) -> dict[str, str]:
    """Address -> title."""
    nav = html.partition('<nav aria-label="Main">')[2].partition("</nav>")[0]
    links = re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', nav, re.DOTALL)
    return {path: re.sub(r"<[^>]+>", "", text).strip() for path, text in links}


async def test_every_page_of_a_plugin_stands_in_it_and_answers(core: Core, client: Browser) -> None:
    found = menu(await client.see("/app/"))
    pages = {
        page_url(plugin.name, page): page.title
        for plugin in core.board.plugins.values()
        for page in plugin.manifest.pages
    }
    assert len(pages) > 10 and pages.items() <= found.items()
    for path, title in found.items():
        html = await client.see(path)
        if path in pages:
            assert f'aria-current="page"><span>{title}</span>' in html, path
            assert html.count("<details open>") == 1
        else:
            assert "<details open>" not in html, path


async def test_what_is_off_is_not_in_it(bravo: Browser) -> None:
    found = set(menu(await bravo.see("/app/")))
    assert "/app/x/compliance/ledger" in found  # mandatory
    assert not [path for path in found if path.startswith(("/app/x/sendgrid", "/app/x/rfm"))]


async def test_the_page_of_a_plugin_leads_to_its_pages(client: Browser) -> None:
    page = await client.see("/app/plugins/compliance")
    assert '<a href="/app/x/compliance/suppressions">Suppression list</a>' in page
    assert "<dt>Pages</dt>" not in await client.see("/app/plugins/cadence")


class TestInABrowser:
    pytestmark = chromium.MARKS

    async def test_a_group_opens_by_a_press(self, core: Core, tmp_path: Path) -> None:
        trouble: list[str] = []
        async with chromium.served(core, tmp_path) as site, chromium.launched() as browser:
            for size in chromium.SIZES:
                page = await chromium.signed_in(browser, site, size, trouble)
                link = page.get_by_role("link", name="Suppression list")
                if size == "phone":
                    await page.get_by_role("button", name="Menu").click()
                assert not await link.is_visible()
                await page.locator("summary", has_text="Compliance").click()
                await page.locator("summary", has_text="Delivery").click()
                await page.screenshot(path=SHOTS / f"menu-open-{size}.png")
                await link.click()
                await page.get_by_role("heading", name="Suppression list").wait_for()
                if size == "phone":
                    await page.get_by_role("button", name="Menu").click()
                assert await link.is_visible()
                await page.screenshot(path=SHOTS / f"menu-current-{size}.png")
                await page.close()
        assert not trouble, "\n".join(trouble)
