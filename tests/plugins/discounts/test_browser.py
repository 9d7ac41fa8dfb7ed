"""The book and the panels in a real browser, wide and on a phone; screenshots are left in screenshots/."""

from __future__ import annotations

from pathlib import Path

from kernel.tenancy.core import Core
from tests import chromium
from tests.plugins.discounts.test_pages import PATH, offers

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"


async def test_pages_fit_and_nothing_goes_wrong(core: Core, tmp_path: Path) -> None:
    made = await offers(core, 30)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE discounts_code SET state = 'used', settled = 12.5, used_at = granted_at "
            "WHERE id % 4 = 0"
        )
        await ctx.db.execute(
            "UPDATE discounts_code SET state = 'withdrawn', reason = 'Its mail was not sent, or did "
            "not arrive.' WHERE id % 4 = 1"
        )
        await ctx.db.execute("UPDATE discounts_budget SET settled = 87.5, reserved = 150")
    pages = {
        "home": "/app/",
        "book": PATH,
        "none": f"{PATH}?q=nobody",
        "campaign": f"/app/campaigns/{made[0]['campaign_id']}",
        "message": f"/app/messages/{made[0]['message_id']}",
    }
    async with chromium.served(core, tmp_path) as site:
        trouble = await chromium.look_at_all(site, pages, SHOTS)
    assert not trouble, "\n".join(trouble)
