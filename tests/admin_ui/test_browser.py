"""The admin in a real browser: every page, wide and narrow, looked at and worked by keyboard.

Screenshots are left in tests/admin_ui/screenshots/ (not in git).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_asyncio

from kernel.pipeline import campaigns, messages, why
from kernel.profiles import repo
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.web.auth import sign_in_link
from tests.admin_ui import sample
from tests.chromium import MARKS, SIZES, launched, look, served, signed_in

if TYPE_CHECKING:
    from playwright.async_api import Browser

SHOTS = Path(__file__).parent / "screenshots"

pytestmark = MARKS


@dataclass
class Site:
    """The running application, and the addresses worth looking at."""

    core: Core
    base: str
    pages: dict[str, str] = field(default_factory=dict)

    def link(self) -> str:
        """A fresh sign-in link."""
        return sign_in_link(self.core, "alpha", "Mia")


@pytest_asyncio.fixture
async def site(core: Core, clock: TurnedClock, tmp_path: Path) -> AsyncIterator[Site]:
    waiting = await sample.fill(core, clock)
    async with served(core, tmp_path) as core:
        yield Site(core, core.links.base_url, await _pages(core, str(waiting)))


async def _pages(core: Core, waiting: str) -> dict[str, str]:
    async with core.tenant_scope("alpha") as ctx:
        done = (await campaigns.page(ctx, "finished"))[0]
        mail = (await messages.page(ctx, done.id, ["accepted"]))[0]
        decision = (await why.why(ctx, mail.customer_id))[0].record.id
        hostile = (await repo.customers_page(ctx, "<script")).customers
    return {
        "home": "/app/",
        "campaigns": "/app/campaigns",
        "campaign-waiting": f"/app/campaigns/{waiting}",
        "campaign-finished": f"/app/campaigns/{done.id}",
        "messages": f"/app/campaigns/{waiting}/messages",
        "copy": f"/app/campaigns/{waiting}/copy",
        "edit": f"/app/campaigns/{waiting}/copy/professional",
        "message": f"/app/messages/{mail.id}",
        "decision": f"/app/decisions/{decision}?replay=true",
        "customers": "/app/customers",
        "customer": f"/app/customers/{mail.customer_id}",
        "customer-hostile": f"/app/customers/{hostile[0].id}" if hostile else "/app/customers",
        "plugins": "/app/plugins",
        "plugin": "/app/plugins/cadence",
        "plugin-mandatory": "/app/plugins/compliance",
        "dead-letters": "/app/dead-letters",
        "work": "/app/work",
        "stop": "/app/stop",
    }


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


async def test_in_a_browser(site: Site, chromium: Browser) -> None:
    """One shop for all of it: to fill and serve it takes longer than to look at it."""
    assert await every_page_wide_and_on_a_phone(site, chromium) == []
    await the_dark_scheme(site, chromium)
    await without_javascript(site, chromium)
    await nothing_in_a_mail_can_act(site, chromium)
    await a_campaign_is_approved_by_keyboard_alone(site, chromium)


async def every_page_wide_and_on_a_phone(site: Site, chromium: Browser) -> list[str]:
    trouble: list[str] = []
    for size in SIZES:
        page = await signed_in(chromium, site.core, size, trouble)
        for name, path in site.pages.items():
            await look(page, site.core, path, SHOTS / f"{name}-{size}.png", trouble)
        if size == "phone":
            await page.goto(f"{site.base}/app/")
            await page.get_by_role("button", name="Menu").click()
            await page.screenshot(path=SHOTS / "menu-phone.png")
            assert await page.get_by_role("link", name="Customers").is_visible()
        await page.close()
    return trouble


async def the_dark_scheme(site: Site, chromium: Browser) -> None:
    page = await signed_in(chromium, site.core, "wide", [])
    await page.emulate_media(color_scheme="dark")
    for name in ("home", "campaign-waiting", "plugin"):
        await page.goto(f"{site.base}{site.pages[name]}")
        await page.screenshot(path=SHOTS / f"{name}-dark.png", full_page=True)
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(19, 20, 22)"


async def a_campaign_is_approved_by_keyboard_alone(site: Site, chromium: Browser) -> None:
    trouble: list[str] = []
    page = await signed_in(chromium, site.core, "wide", trouble)
    await page.goto(f"{site.base}{site.pages['campaign-waiting']}")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    for _ in range(12):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Approve and send":
            break
    assert await page.evaluate("document.activeElement.matches(':focus-visible')")
    await page.keyboard.press("Enter")
    await page.get_by_text("Approved. Messages go out").wait_for()
    await page.screenshot(path=SHOTS / "approved-wide.png")
    assert not trouble, "\n".join(trouble)


async def without_javascript(site: Site, chromium: Browser) -> None:
    context = await chromium.new_context(
        java_script_enabled=False, viewport={"width": 390, "height": 844}
    )
    page = await context.new_page()
    await page.goto(f"{site.base}/app/")
    await page.screenshot(path=SHOTS / "signed-out.png")
    await page.goto(site.link())
    await page.screenshot(path=SHOTS / "sign-in.png")
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Waits for you").wait_for()
    await page.goto(f"{site.base}{site.pages['plugin']}")
    await page.get_by_label("Max mails").fill("0")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("1 field must be corrected first").wait_for()
    await page.screenshot(path=SHOTS / "plugin-wrong.png")
    await page.goto(f"{site.base}{site.pages['campaign-waiting']}")
    await page.locator("#reject summary").click()
    await page.locator("#reject").get_by_role("textbox").wait_for()
    await page.screenshot(path=SHOTS / "reject.png")
    await page.goto(f"{site.base}/app/nowhere")
    await page.screenshot(path=SHOTS / "not-found.png")
    await context.close()


async def nothing_in_a_mail_can_act(site: Site, chromium: Browser) -> None:
    page = await signed_in(chromium, site.core, "wide", [])
    await page.goto(f"{site.base}{site.pages['message']}")
    frame = page.frame_locator("#mail-frame")
    await frame.locator("body").wait_for()
    assert "Alder & Oak" in await frame.locator("body").inner_text()
    said = await page.evaluate("document.getElementById('mail-frame').contentDocument")
    assert said is None  # another origin: it sees nothing of ours, and we run nothing of its own
