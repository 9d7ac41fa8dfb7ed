from datetime import timedelta
from pathlib import Path

import admin_ui
from kernel.jobs.progress import progress
from kernel.pipeline import approvals, campaigns, messages, variants, why
from kernel.profiles import repo
from kernel.tenancy.core import Core
from tests.admin_ui.browser import HOSTILE, Browser


async def test_every_page_of_a_working_shop(shop: Core, client: Browser) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx)
        mails = await messages.page(ctx, campaign.id)
        everyone = (await repo.customers_page(ctx)).customers
        words = await variants.listing(ctx, campaign.id)
        decision = (await why.why(ctx, everyone[-1].id))[0].record.id
    paths = [
        "/app/",
        "/app/approvals",
        f"/app/approvals/{campaign.id}",
        "/app/autonomy",
        "/app/autonomy?open=winback",
        "/app/campaigns",
        "/app/campaigns?status=waiting",
        "/app/campaigns?status=finished",
        f"/app/campaigns/{campaign.id}",
        f"/app/campaigns/{campaign.id}/messages",
        f"/app/campaigns/{campaign.id}/messages?place=waiting",
        f"/app/campaigns/{campaign.id}/messages?place=unknown",
        f"/app/campaigns/{campaign.id}/copy",
        f"/app/campaigns/{campaign.id}/preview",
        f"/app/campaigns/{campaign.id}/preview?dark=on&images=off&plain=on&width=900",
        f"/app/campaigns/{campaign.id}/preview?width=many&variant=nothing",
        *[f"/app/campaigns/{campaign.id}/copy/{one.name}" for one in words],
        *[f"/app/messages/{mail.id}" for mail in mails],
        "/app/customers",
        "/app/customers?q=byr",
        "/app/customers?q=nobody",
        "/app/customers?consent=unsubscribed",
        *[f"/app/customers/{one.id}" for one in everyone],
        "/app/decisions",
        "/app/decisions?type=winback&outcome=waiting&decider=rules&tone=friendly&offer=-&since=2026-01-01&until=2026-12-31",
        "/app/decisions?guardrail=*&fallback=yes",
        f"/app/decisions?campaign={campaign.id}",
        "/app/decisions/cost",
        "/app/decisions/cost?days=7",
        f"/app/decisions/{decision}",
        f"/app/decisions/{decision}?replay=true",
        "/app/models",
        *[f"/app/models/{name}" for name in shop.board.models],
        "/app/plugins",
        *[f"/app/plugins/{name}" for name in shop.board.plugins],
        "/app/dead-letters",
        "/app/rights",
        "/app/audit",
        "/app/reconciliation",
        "/app/work",
        "/app/stop",
        "/app/rights",
        "/app/audit",
        "/app/reconciliation",
    ]
    scope = await shop.detached("alpha")
    async with progress(scope, "long", "Long work", total=9):
        await client.see("/app/work")
    for path in paths:
        text = await client.see(path)
        assert HOSTILE not in text, path
        assert "<h1>" in text

    async with shop.tenant_scope("alpha", "Mia") as ctx:
        await approvals.approve(ctx, campaign.id, ctx.now + timedelta(days=1))
    await client.see(f"/app/campaigns/{campaign.id}")

    templates = Path(str(admin_ui.__file__)).parent / "templates"
    rendered = {name for _, name in client.app.template_engine.engine.cache}
    every = {path.relative_to(templates).as_posix() for path in templates.rglob("*.html")}
    assert every <= rendered, every - rendered
