"""The preview of a mail in a real browser: its widths, dark, images off, plain text, and findings beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from kernel.pipeline import approvals, variants
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests.admin_ui import sample
from tests.chromium import MARKS, SIZES, launched, look, served, signed_in

if TYPE_CHECKING:
    from playwright.async_api import Frame, Page

SHOTS = Path(__file__).parent / "screenshots"

pytestmark = MARKS


async def test_previews(core: Core, clock: TurnedClock, tmp_path: Path) -> None:
    waiting = await sample.fill(core, clock, 40)
    trouble: list[str] = []
    async with served(core, tmp_path) as site, launched() as chromium:
        for size in SIZES:
            page = await signed_in(chromium, site, size, trouble)
            path = f"/app/campaigns/{waiting}/preview"
            await look(page, site, path, SHOTS / f"preview-{size}.png", trouble)
            await look(
                page, site, f"/app/approvals/{waiting}?dark=on&width=360",
                SHOTS / f"preview-dark-{size}.png", trouble,
            )  # fmt: skip
            await page.goto(f"{site.links.base_url}{path}")
            await by_links(page)
            await page.close()
        await edited(core, waiting)
        page = await signed_in(chromium, site, "wide", trouble)
        await look(page, site, f"/app/approvals/{waiting}", SHOTS / "preview-bad-wide.png", trouble)
        assert "Stops the approval" in await page.inner_text(".findings")
        await page.click("button:has-text('Approve')")
        await page.wait_for_selector(".said.bad[role], .said.bad")
        assert "shop.example" in await page.inner_text("main")
    async with core.tenant_scope("alpha") as ctx:
        assert not [one for one in await approvals.history(ctx, waiting) if one.action == "approve"]
    assert not trouble, "\n".join(trouble)


async def by_links(page: Page) -> None:
    """Every switch is a link; the frame shows what it says."""
    for width in (360, 900, 600):
        await page.click(f".looks-bar a:text-is('{width} px')")
        assert await (await inside(page)).evaluate("innerWidth") == width
    assert await ground(page) == "rgb(244, 242, 238)"
    await page.click(".looks-bar a:text-is('Dark')")
    assert await ground(page) == "rgb(22, 24, 27)"
    await page.emulate_media(color_scheme="dark")
    await page.click(".looks-bar a:text-is('Dark')")
    assert await ground(page) == "rgb(244, 242, 238)"
    await page.emulate_media(color_scheme="light")
    await page.click(".looks-bar a:text-is('Images off')")
    frame = await inside(page)
    answer = await page.request.get(frame.url)
    assert "img-src 'none'" in answer.headers["content-security-policy"]
    await page.click(".looks-bar a:text-is('Plain text')")
    assert "<table" not in await (await inside(page)).content()
    assert await page.locator(".looks-bar a[aria-current]").all_inner_texts() == [
        "600 px",
        "Images off",
        "Plain text",
    ]


async def inside(page: Page) -> Frame:
    element = await page.wait_for_selector(".mail-stage iframe")
    assert element
    frame = await element.content_frame()
    assert frame
    await frame.wait_for_load_state()
    return frame


async def ground(page: Page) -> str:
    found: str = await (await inside(page)).evaluate(
        "getComputedStyle(document.body).backgroundColor"
    )
    return found


async def edited(core: Core, campaign_id: UUID) -> None:
    """Words whose button leads where it must not."""
    async with core.tenant_scope("alpha", "Mia") as ctx:
        for one in await variants.listing(ctx, campaign_id):
            copy = msgspec.structs.replace(
                one.copy, subject="LOOK AT THIS!!!", link="http://shop.example/x", button="Look"
            )
            await approvals.edit(ctx, campaign_id, one.name, copy)
