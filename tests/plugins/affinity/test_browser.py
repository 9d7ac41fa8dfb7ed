"""The pages in a real browser, wide and on a phone; screenshots are left in screenshots/ (not in git)."""

from __future__ import annotations

from pathlib import Path

from kernel.tenancy.core import Core
from tests import chromium
from tests.plugins.affinity.stored import shop

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"


async def test_pages_fit_and_nothing_goes_wrong(core: Core, tmp_path: Path) -> None:
    ids = await shop(core)
    pages = {
        "pairs": "/app/x/affinity/",
        "product": "/app/x/affinity/product?sku=tea",
        "customer": f"/app/customers/{ids['ada']}",
    }
    async with chromium.served(core, tmp_path) as site:
        trouble = await chromium.look_at_all(site, pages, SHOTS)
    assert not trouble, "\n".join(trouble)
