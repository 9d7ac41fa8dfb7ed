"""Approvals, autonomy and decisions in a real browser, by keys, wide and on a phone.

Screenshots are left in tests/admin_ui/screenshots/ (not in git).
"""

from __future__ import annotations

from pathlib import Path

from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests.admin_ui import sample
from tests.chromium import MARKS, SIZES, launched, look, served, signed_in

SHOTS = Path(__file__).parent / "screenshots"

pytestmark = MARKS


async def test_by_keys(core: Core, clock: TurnedClock, tmp_path: Path) -> None:
    """One shop for all of it: to fill and serve it takes longer than to look at it."""
    waiting = await sample.fill(core, clock)
    pages = {"approvals": "/app/approvals"}
    trouble: list[str] = []
    async with served(core, tmp_path) as site, launched() as chromium:
        for size in SIZES:
            page = await signed_in(chromium, site, size, trouble)
            for name, path in pages.items():
                await look(page, site, path, SHOTS / f"{name}-{size}.png", trouble)
            await page.emulate_media(color_scheme="dark")
            for name, path in pages.items():
                await look(page, site, path, SHOTS / f"{name}-{size}-dark.png", trouble)
            await page.close()

        page = await signed_in(chromium, site, "wide", trouble)
        await page.goto(f"{site.links.base_url}/app/approvals")
        await page.keyboard.press("?")
        await page.get_by_role("heading", name="Keys").wait_for()
        await page.screenshot(path=SHOTS / "approvals-keys.png")
        await page.keyboard.press("Escape")
        await page.keyboard.press("r")
        await page.get_by_label("In your words").wait_for()
        await page.screenshot(path=SHOTS / "approvals-reject.png")
        await page.get_by_label("In your words").press("a")  # typing presses nothing
        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await page.get_by_role("button", name="Save the words").click()
        await page.get_by_text("are saved.").wait_for()
        await page.keyboard.press("r")
        await page.keyboard.press("2")
        await page.get_by_text("Rejected: Winback").wait_for()
        await page.screenshot(path=SHOTS / "approvals-rejected.png")
        await page.close()
    assert not trouble, "\n".join(trouble)
    async with core.tenant_scope("alpha") as ctx:
        assert (
            await ctx.db.fetchval(
                "SELECT status FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2",
                "alpha",
                waiting,
            )
            == "rejected"
        )
