"""Pages in a real browser: the application served, a merchant signed in, what goes wrong noted."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kernel.runtime.server import serve
from kernel.runtime.settings import load_settings
from kernel.tenancy.core import Core, Links
from kernel.web.app import create_app
from kernel.web.auth import sign_in_link

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SIZES = {"wide": (1280, 860), "phone": (390, 844)}
MARKS: list[Any] = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAM, reason="there is no chromium on this machine"),
]
"""The `pytestmark` of a file of browser tests."""


@asynccontextmanager
async def served(core: Core, folder: Path) -> AsyncIterator[Core]:
    """The application on a free port for the length of the block; yields a core with its address."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    settings = load_settings({"MAILWRIGHT_PORT": str(port), "MAILWRIGHT_DATA_DIR": str(folder)})
    links = Links(base_url=f"http://127.0.0.1:{port}", secret=core.links.secret)
    site, stop = replace(core, links=links), asyncio.Event()
    serving = asyncio.create_task(serve(create_app(site), settings, stop))
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
    yield site
    stop.set()
    await serving


@asynccontextmanager
async def launched() -> AsyncIterator[Browser]:
    """Chromium for the length of the block."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=PROGRAM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        await chromium.close()


async def signed_in(chromium: Browser, site: Core, size: str, trouble: list[str]) -> Page:
    """A page of this size with a merchant of alpha signed in. Errors of scripts and of the console, answers
    above 399, and requests that leave the site are added to `trouble`.
    """
    width, height = SIZES[size]
    page = await chromium.new_page(viewport={"width": width, "height": height}, locale="en-GB")
    ours = (site.links.base_url, "data:")
    page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("response", lambda got: got.status > 399 and trouble.append(f"{got.status} {got.url}"))
    page.on(
        "request",
        lambda asked: asked.url.startswith(ours) or trouble.append(f"outside: {asked.url}"),
    )
    await page.goto(sign_in_link(site, "alpha", "Mia"))
    await page.wait_for_url("**/app/")
    return page


async def look(page: Page, site: Core, path: str, shot: Path, trouble: list[str]) -> None:
    """A screenshot of the whole page at `path`; `trouble` if it is wider than its window."""
    shot.parent.mkdir(exist_ok=True)
    await page.goto(f"{site.links.base_url}{path}")
    await page.screenshot(path=shot, full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth")
    if wide > await page.evaluate("window.innerWidth"):
        trouble.append(f"{shot.stem} is {wide} wide")


async def look_at_all(site: Core, pages: Mapping[str, str], shots: Path) -> list[str]:
    """Every page, name -> path, wide and on a phone, with a screenshot each; what went wrong."""
    trouble: list[str] = []
    async with launched() as chromium:
        for size in SIZES:
            page = await signed_in(chromium, site, size, trouble)
            for name, path in pages.items():
                await look(page, site, path, shots / f"{name}-{size}.png", trouble)
            await page.close()
    return trouble
