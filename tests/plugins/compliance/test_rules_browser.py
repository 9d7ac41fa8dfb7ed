"""The page of rules in a real browser, wide and on a phone; screenshots are not in git."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from tests import chromium

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"


async def test_the_page_of_rules_fits(core: Core, tmp_path: Path) -> None:
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx)
        ids = await add_customers(ctx, 3, country="US", email_consent="never")
        await add_messages(ctx, campaign, ids[:2], state="planned")
        await add_messages(
            ctx,
            campaign,
            ids[2:],
            state="suppressed",
            reason="compliance.subject: It sounds urgent.",
        )
    pages = {"rules": "/app/x/compliance/rules", "campaign": f"/app/campaigns/{campaign.id}"}
    async with chromium.served(core, tmp_path) as site:
        trouble = await chromium.look_at_all(site, pages, SHOTS)
    assert not trouble, "\n".join(trouble)
