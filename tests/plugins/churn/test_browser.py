"""The pages in a real browser, wide and on a phone; screenshots are left in screenshots/ (not in git)."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from kernel.runtime.server import serve
from kernel.runtime.settings import load_settings
from kernel.tenancy.core import Core, Links
from kernel.web.app import create_app
from kernel.web.auth import sign_in_link
from tests.plugins.churn.shop import many
from tests.plugins.churn.stored import shop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SHOTS = Path(__file__).parent / "screenshots"
SIZES = {"wide": (1280, 860), "phone": (390, 844)}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine"),
]


@pytest_asyncio.fixture
async def site(core: Core, tmp_path: Path) -> AsyncIterator[Core]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    settings = load_settings({"MAILWRIGHT_PORT": str(port), "MAILWRIGHT_DATA_DIR": str(tmp_path)})
    served = replace(
        core, links=Links(base_url=f"http://127.0.0.1:{port}", secret=core.links.secret)
    )
    stop = asyncio.Event()
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


async def test_pages_fit_and_nothing_goes_wrong(site: Core) -> None:
    from playwright.async_api import async_playwright

    await shop(site, many(500, days=420, pause=25, seed=3))
    async with site.tenant_scope("alpha") as ctx:
        who = await ctx.db.fetchval(
            "SELECT customer_id FROM profiles_trait WHERE tenant_id = $1 AND "
            "name = 'churn.probability' AND value::float8 BETWEEN 0.6 AND 0.75 ORDER BY 1 LIMIT 1",
            ctx.tenant.id,
        )
    SHOTS.mkdir(exist_ok=True)
    pages = {
        "risk": "/app/x/churn/",
        "lost": "/app/x/churn/?show=lost&start=25",
        "customer": f"/app/customers/{who}",
    }
    trouble: list[str] = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for size, (width, height) in SIZES.items():
            page = await chromium.new_page(viewport={"width": width, "height": height})
            page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
            page.on("response", lambda got: got.status > 399 and trouble.append(got.url))
            await page.goto(sign_in_link(site, "alpha", "Mia"))
            await page.wait_for_url("**/app/")
            for name, path in pages.items():
                await page.goto(f"{site.links.base_url}{path}")
                await page.screenshot(path=SHOTS / f"{name}-{size}.png", full_page=True)
                wide = await page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    trouble.append(f"{name} is {wide} wide on {size}")
            await page.close()
        await chromium.close()
    assert not trouble, "\n".join(trouble)
