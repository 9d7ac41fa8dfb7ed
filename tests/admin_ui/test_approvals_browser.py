"""Approvals, autonomy and decisions in a real browser, by keys, wide and on a phone.

Screenshots are left in tests/admin_ui/screenshots/ (not in git).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from kernel.pipeline import autonomy, explorer
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.web.auth import sign_in_link
from tests.admin_ui import past, sample
from tests.admin_ui.test_decisions import COST
from tests.chromium import MARKS, SIZES, launched, look, served, signed_in

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

SHOTS = Path(__file__).parent / "screenshots"

pytestmark = MARKS


async def test_by_keys(core: Core, clock: TurnedClock, tmp_path: Path) -> None:
    """One shop for all of it: to fill and serve it takes longer than to look at it."""
    waiting = await sample.fill(core, clock)
    await at_work(core, waiting)
    pages = await addresses(core)
    trouble: list[str] = []
    async with served(core, tmp_path) as site, launched() as chromium:
        for size in SIZES:
            page = await signed_in(chromium, site, size, trouble)
            for scheme, suffix in (("light", ""), ("dark", "-dark")):
                await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                for name, path in pages.items():
                    await look(page, site, path, SHOTS / f"{name}-{size}{suffix}.png", trouble)
            await page.close()
        page = await signed_in(chromium, site, "wide", trouble)
        await approvals_by_keys(page, site)
        await page.close()
        page = await signed_in(chromium, site, "phone", trouble)
        await approvals_by_thumb(page, site)
        await page.close()
        await without_javascript(chromium, site)
    assert not trouble, "\n".join(trouble)


async def at_work(core: Core, waiting: UUID) -> None:
    """A history of answers, a confident campaign, calls that cost something, changes of guardrails."""
    async with core.tenant_scope("alpha", "Mia") as ctx:
        await past.judged(ctx, 18, rejects=5)
        await autonomy.set_level(ctx, "", "one_click", "We know it by now.")
        await autonomy.set_threshold(ctx, "welcome", 0.9, "A welcome is seen by everybody.")
        await ctx.db.execute(
            "UPDATE pipeline_campaign SET confidence = 0.95 WHERE tenant_id = $1 AND id = $2",
            "alpha",
            waiting,
        )
        for day in range(12):
            for model, tokens, micros in (
                ("claude-big", 9000, 62_000),
                ("claude-small", 14_000, 9_000),
            ):
                await ctx.db.execute(
                    COST,
                    "alpha",
                    model,
                    "" if day % 5 else "rate limited: 429, tried again in 20 s",
                    tokens + 700 * day,
                    micros + 3100 * day,
                    40 + day,
                    ctx.now - timedelta(days=day),
                )


async def addresses(core: Core) -> dict[str, str]:
    async with core.tenant_scope("alpha") as ctx:
        [row, *_] = await explorer.page(ctx, explorer.Filters(state="sent"))
    return {
        "approvals": "/app/approvals",
        "autonomy": "/app/autonomy?open=winback",
        "decisions": "/app/decisions",
        "decisions-none": "/app/decisions?guardrail=none&type=winback",
        "decision-story": f"/app/decisions/{row.id}?replay=true",
        "decision-cost": "/app/decisions/cost",
        "customer-why": f"/app/customers/{row.customer_id}",
    }


async def approvals_by_keys(page: Page, site: Core) -> None:
    """Every key, with the mouse left alone."""
    await page.goto(f"{site.links.base_url}/app/approvals")
    title = page.locator("#open-title")
    first = await title.inner_text()
    frame = page.frame_locator("iframe.framed")
    assert "Alder & Oak" in await frame.locator("body").inner_text()
    await page.locator("iframe.framed").scroll_into_view_if_needed()
    await page.wait_for_timeout(500)  # for the picture alone
    await page.screenshot(path=SHOTS / "approvals-mail.png")
    await page.keyboard.press("?")
    await page.get_by_role("heading", name="Keys").wait_for()
    await page.screenshot(path=SHOTS / "approvals-keys.png")
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await page.get_by_text("2 of 2").wait_for()
    assert await title.inner_text() != first
    await page.keyboard.press("k")
    await page.get_by_text("1 of 2").wait_for()
    await page.keyboard.press("j")
    await page.get_by_text("2 of 2").wait_for()
    await page.keyboard.press("r")
    await page.get_by_label("In your words").wait_for()
    await page.screenshot(path=SHOTS / "approvals-reject.png")
    await page.get_by_label("In your words").press("a")  # typing presses nothing
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+a")  # nor does what belongs to the browser
    await page.keyboard.press("e")
    await page.get_by_role("button", name="Save the words").click()
    await page.get_by_text("are saved.").wait_for()
    await page.keyboard.press("r")
    await page.keyboard.press("2")
    await page.get_by_text("Rejected: ").wait_for()
    await page.screenshot(path=SHOTS / "approvals-rejected.png")
    await page.keyboard.press("z")
    await page.get_by_text("Taken back.").wait_for()
    await page.keyboard.press("Shift+A")
    await page.get_by_text("Approved: ").wait_for()
    assert await page.get_by_text("1 campaign waits").is_visible()
    await page.keyboard.press("z")
    await page.get_by_text("2 campaigns wait").wait_for()
    for _ in range(2):
        await page.keyboard.press("a")
        await page.get_by_text("Approved: ").wait_for()
    await page.get_by_text("All caught up").wait_for()
    await page.screenshot(path=SHOTS / "approvals-empty.png")
    await page.keyboard.press("z")
    await page.get_by_text("Taken back.").wait_for()


async def approvals_by_thumb(page: Page, site: Core) -> None:
    """On a phone the answer stays within reach, and nothing is hidden beneath it."""
    await page.goto(f"{site.links.base_url}/app/approvals")
    await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    answer = page.get_by_role("button", name="Approve and send")
    assert await answer.is_visible()
    box = await answer.bounding_box()
    assert box and box["y"] + box["height"] <= SIZES["phone"][1]
    await page.screenshot(path=SHOTS / "approvals-phone-end.png")
    await page.locator("#reject summary").click()
    await page.screenshot(path=SHOTS / "approvals-phone-reject.png")
    await page.get_by_role("button", name="The wrong moment").click()
    await page.get_by_text("Rejected: ").wait_for()
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_text("Taken back.").wait_for()


async def without_javascript(chromium: Browser, site: Core) -> None:
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(sign_in_link(site, "alpha", "Mia"))
    await page.get_by_role("button", name="Sign in").click()
    await page.goto(f"{site.links.base_url}/app/approvals")
    await page.locator("#reject summary").click()
    await page.get_by_label("In your words").fill("Not this week")
    await page.locator("#reject").get_by_role("button", name="Reject", exact=True).click()
    await page.get_by_text("Rejected: ").wait_for()
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_text("Taken back.").wait_for()
    await page.goto(f"{site.links.base_url}/app/autonomy")
    await page.get_by_label("Threshold").first.fill("70")
    await page.get_by_role("button", name="Save the threshold").first.click()
    await page.get_by_text("The threshold is 70% now.").wait_for()
    await context.close()
