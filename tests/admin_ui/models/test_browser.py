"""The pages of models in a real browser, wide, on a phone and dark: looked at, and worked with.

Screenshots are left in screenshots/ (not in git).
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_asyncio

from kernel.events.turn import Turn
from kernel.jobs.tasks import run_tasks
from kernel.models import run
from kernel.tenancy.core import Core
from kernel.testing.seed import add_customers, add_order
from tests.chromium import MARKS, SIZES, launched, look, served, signed_in
from tests.kernel.models import toy

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SHOTS = Path(__file__).parent / "screenshots"
WAIT = 20_000

pytestmark = MARKS


@pytest_asyncio.fixture
async def site(core: Core, tmp_path: Path) -> AsyncIterator[Core]:
    """A shop of eighty customers, served."""
    rng = random.Random(3)
    async with core.tenant_scope("alpha") as ctx:
        for customer in await add_customers(ctx, 80):
            gap = rng.choice((12, 25, 60, 200))
            for number in range(rng.choice((1, 2, 4))):
                at = ctx.now - timedelta(days=rng.randrange(1, 90) + gap * number)
                await add_order(ctx, customer, at, round(rng.uniform(15, 90), 2))
    async with served(core, tmp_path) as site:
        yield site


async def work(site: Core) -> None:
    """What was asked for, done."""
    await run_tasks(site, "alpha", Turn(seconds=60), long=True)


async def test_models_in_a_browser(site: Core) -> None:
    """One shop for all of it: to serve it takes longer than to look at it."""
    trouble: list[str] = []
    async with launched() as chromium:
        await a_merchant_trains_it(chromium, site, trouble)
        await and_goes_back(chromium, site, trouble)
        toy.TOY.wrong = True
        await run.train(await site.detached("alpha"), ["toy"])
        for size in SIZES:
            page = await signed_in(chromium, site, size, trouble)
            await look(page, site, "/app/models", SHOTS / f"models-{size}.png", trouble)
            await look(page, site, "/app/models/toy", SHOTS / f"model-{size}.png", trouble)
            await one_drawing_of_each_chart_is_seen(page, size)
            if size == "wide":
                await page.emulate_media(color_scheme="dark")
                await look(page, site, "/app/models/toy", SHOTS / "model-dark.png", trouble)
            await page.close()
    assert not trouble, "\n".join(trouble)


async def a_merchant_trains_it(chromium: Browser, site: Core, trouble: list[str]) -> None:
    page = await signed_in(chromium, site, "wide", trouble)
    await page.get_by_role("link", name="Models").click()
    await page.get_by_role("link", name="Orders again").click()
    await page.get_by_text("It was not trained yet").wait_for()
    await page.screenshot(path=SHOTS / "untrained-wide.png", full_page=True)
    await page.get_by_role("button", name="Train now").click()
    await page.get_by_text("It waits for its turn").wait_for()
    await page.screenshot(path=SHOTS / "waits-wide.png", full_page=True)
    await work(site)
    # The page asks again by itself.
    await page.get_by_text("Are its probabilities true?").wait_for(timeout=WAIT)
    assert await page.get_by_role("button", name="Train now").is_enabled()
    await page.close()


async def and_goes_back(chromium: Browser, site: Core, trouble: list[str]) -> None:
    await run.train(await site.detached("alpha"), ["toy"])
    page = await signed_in(chromium, site, "phone", trouble)
    await page.goto(f"{site.links.base_url}/app/models/toy")
    button = page.get_by_role("button", name="Put version 1 into use")
    assert not await button.is_visible(), "it takes a second press"
    await page.get_by_text("Back to version 1").click()
    await page.screenshot(path=SHOTS / "back-phone.png", full_page=True)
    await button.click()
    await page.get_by_text("Version 1 is put back into use").wait_for()
    await work(site)
    await page.get_by_text("Put back into use by Mia.").first.wait_for(timeout=WAIT)
    await page.close()


async def one_drawing_of_each_chart_is_seen(page: Page, size: str) -> None:
    charts = page.locator("figure.chart")
    assert await charts.count() == 2
    for place in range(2):
        one = charts.nth(place)
        assert await one.locator(".chart-wide").is_visible() == (size == "wide")
        assert await one.locator(".chart-narrow").is_visible() == (size == "phone")
        await one.get_by_text("The numbers").click()
        assert await one.get_by_role("table").is_visible()
    height = "e => e.getBoundingClientRect().height"
    letters = await page.locator("figure.chart svg text:visible").first.evaluate(height)
    assert letters >= 11, "text of charts can be read"
    fill = "e => getComputedStyle(e).fill"
    bar = await page.locator(".bars rect:visible").first.evaluate(fill)
    assert bar != "rgb(0, 0, 0)", "the style sheet reaches it"
