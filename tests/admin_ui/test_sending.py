"""The campaign page says which wave it is and why it waits; the reconciliation page what differs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.contracts.base import new_id
from tests.kernel.pipeline.sending import approved, sending, work

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from tests.admin_ui.browser import Browser


async def test_the_campaign_page_tells_of_its_wave_and_the_pace(
    core: Core, client: Browser
) -> None:
    await sending(core, ramp_from=1)
    campaign_id = await approved(core, 150)
    await work(core)
    page = await client.see(f"/app/campaigns/{campaign_id}")
    assert "Wave 1 of 3." in page and "The next wave begins at" in page
    assert "Of 2 mails accepted, 0 came back for good" in page
    async with core.tenant_scope("alpha") as ctx:
        day = (ctx.now - timedelta(days=1)).date().isoformat()
        await ctx.db.execute(
            "INSERT INTO pipeline_pace VALUES ('alpha', 'tenant', $1, $1)",
            ctx.now + timedelta(minutes=9),
        )
    await sending(core, warmup_from=day)
    page = await client.see(f"/app/campaigns/{campaign_id}")
    assert "the shop may send 28 mails an hour on day 2 of warming up its domain" in page


async def test_what_differs_is_listed_for_its_own_shop_only(
    core: Core, client: Browser, bravo: Browser
) -> None:
    assert "Ledger and provider agree" in await client.see("/app/reconciliation")
    async with core.tenant_scope("alpha") as ctx:
        for number in range(60):
            await ctx.db.execute(
                """INSERT INTO pipeline_difference (tenant_id, day, channel, kind, detail, message_id,
                     found_at) VALUES ('alpha', $1, 'sendgrid', 'missing', $2, $3, $4)""",
                ctx.now.date(),
                f"Nothing is known of number {number}.",
                new_id(ctx.now),
                ctx.now,
            )
    page = await client.see("/app/reconciliation")
    assert page.count("Nothing is known of number") == 50
    assert "the provider has nothing of it" in page and "15 Jun 2026" in page
    following = page.partition('rel="next" href="/app/reconciliation?')[2].partition('"')[0]
    older = await client.see("/app/reconciliation?" + following.replace("&amp;", "&"))
    assert older.count("Nothing is known of number") == 10 and "First page" in older
    assert "Ledger and provider agree" in await bravo.see("/app/reconciliation")
