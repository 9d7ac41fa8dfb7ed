"""The pages of models in a real browser, wide, on a phone and dark: looked at, and worked with.

Screenshots are left in screenshots/ (not in git).
"""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from kernel.events.turn import Turn
from kernel.jobs.tasks import run_tasks
from kernel.models import run
from kernel.runtime.server import serve
from kernel.runtime.settings import load_settings
from kernel.tenancy.core import Core, Links
from kernel.testing.seed import add_customers, add_order
from kernel.web.app import create_app
from kernel.web.auth import sign_in_link
from tests.kernel.models import toy

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SHOTS = Path(__file__).parent / "screenshots"
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
WAIT = 20_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine"),
]


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
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    settings = load_settings({"MAILWRIGHT_PORT": str(port), "MAILWRIGHT_DATA_DIR": str(tmp_path)})
    links = Links(base_url=f"http://127.0.0.1:{port}", secret=core.links.secret)
    served, stop = replace(core, links=links), asyncio.Event()
    serving = asyncio.create_task(serve(create_app(served), settings, stop))
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
    yield served
    stop.set()
    await serving


async def signed_in(chromium: Browser, site: Core, size: str, trouble: list[str]) -> Page:
    width, height = SIZES[size]
    page = await chromium.new_page(viewport={"width": width, "height": height})
    page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("response", lambda got: got.status > 399 and trouble.append(got.url))
    await page.goto(sign_in_link(site, "alpha", "Mia"))
    await page.wait_for_url("**/app/")
    return page


async def work(site: Core) -> None:
    """What was asked for, done."""
    await run_tasks(site, "alpha", Turn(seconds=60), long=True)


async def look(page: Page, site: Core, path: str, name: str, trouble: list[str]) -> None:
    """Screenshots of a page, and whether it fits."""
    await page.goto(f"{site.links.base_url}{path}")
    await page.screenshot(path=SHOTS / f"{name}.png", full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    if wide > await page.evaluate("window.innerWidth"):
        trouble.append(f"{name} is {wide} wide")


async def test_models_in_a_browser(site: Core) -> None:
    """One shop for all of it: to serve it takes longer than to look at it."""
    from playwright.async_api import async_playwright

    SHOTS.mkdir(exist_ok=True)
    trouble: list[str] = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        await a_merchant_trains_it(chromium, site, trouble)
        await and_goes_back(chromium, site, trouble)
        toy.TOY.wrong = True
        await run.train(await site.detached("alpha"), ["toy"])
        for size in SIZES:
            page = await signed_in(chromium, site, size, trouble)
            await look(page, site, "/app/models", f"models-{size}", trouble)
            await look(page, site, "/app/models/toy", f"model-{size}", trouble)
            await one_drawing_of_each_chart_is_seen(page, size)
            if size == "wide":
                await page.emulate_media(color_scheme="dark")
                await look(page, site, "/app/models/toy", "model-dark", trouble)
            await page.close()
        await chromium.close()
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
