"""The pages in a real browser, wide and on a phone; screenshots are left in screenshots/ (not in git)."""

from __future__ import annotations

from pathlib import Path

from kernel.tenancy.core import Core
from tests import chromium
from tests.plugins.rfm.stored import ADA, BOB, shop

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"


async def test_pages_fit_and_nothing_goes_wrong(core: Core, tmp_path: Path) -> None:
    ids = await shop(core)
    pages = {
        "home": "/app/",
        "segments": "/app/x/rfm/",
        "earlier": "/app/x/rfm/?month=2",
        "segment": "/app/x/rfm/segment?name=At%20Risk",
        "moved": "/app/x/rfm/moved",
        "customer": f"/app/customers/{ids[BOB]}",
        "best": f"/app/customers/{ids[ADA]}",
    }
    async with chromium.served(core, tmp_path) as site:
        trouble = await chromium.look_at_all(site, pages, SHOTS)
    assert not trouble, "\n".join(trouble)
