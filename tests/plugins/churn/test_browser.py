"""The pages in a real browser, wide and on a phone; screenshots are left in screenshots/ (not in git)."""

from __future__ import annotations

from pathlib import Path

from kernel.tenancy.core import Core
from tests import chromium
from tests.plugins.churn.shop import many
from tests.plugins.churn.stored import shop

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"


async def test_pages_fit_and_nothing_goes_wrong(core: Core, tmp_path: Path) -> None:
    await shop(core, many(500, days=420, pause=25, seed=3))
    async with core.tenant_scope("alpha") as ctx:
        who = await ctx.db.fetchval(
            "SELECT customer_id FROM profiles_trait WHERE tenant_id = $1 AND "
            "name = 'churn.probability' AND value::float8 BETWEEN 0.6 AND 0.75 ORDER BY 1 LIMIT 1",
            ctx.tenant.id,
        )
    pages = {
        "risk": "/app/x/churn/",
        "lost": "/app/x/churn/?show=lost&start=25",
        "customer": f"/app/customers/{who}",
    }
    async with chromium.served(core, tmp_path) as site:
        trouble = await chromium.look_at_all(site, pages, SHOTS)
    assert not trouble, "\n".join(trouble)
