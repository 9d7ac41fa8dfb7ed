"""The pages of delivery and compliance in a real browser, empty and full, wide and on a phone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.contracts.base import new_id
from kernel.jobs.kernel_jobs import KERNEL_JOBS
from kernel.profiles import requests
from kernel.sdk import record_audit, set_consent, suppress
from kernel.tenancy import health
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from tests import chromium

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

pytestmark = chromium.MARKS
SHOTS = Path(__file__).parent / "screenshots"
PAGES = {
    "reconciliation": "/app/reconciliation",
    "rights": "/app/rights",
    "audit": "/app/audit",
    "work": "/app/work",
    "home": "/app/",
    "rules": "/app/x/compliance/rules",
    "suppressions": "/app/x/compliance/suppressions",
    "ledger": "/app/x/compliance/ledger",
    "tracking": "/app/x/tracking/",
    "deliverability": "/app/x/deliverability/",
    "events": "/app/x/sendgrid/events",
}
KINDS = ("missing", "state", "unanswered", "law", "stranger", "twice")


async def fill(core: Core, clock: TurnedClock) -> None:
    async with core.tenant_scope("alpha", "Mia") as ctx:
        people = await add_customers(ctx, 60)
        campaign = await add_campaign(ctx)
        sent = await add_messages(
            ctx, campaign, people, state="accepted", accepted_at=ctx.now - timedelta(days=1)
        )
        await _differ(ctx, [one.id for one in sent[:40]])
        for number, person in enumerate(people[:58]):
            await requests.ask(ctx, person, "erase" if number % 3 else "export", "mail")
    async with core.tenant_scope("alpha", "Mia") as ctx:
        for one in (await requests.open_ones(ctx))[4:]:
            await (requests.copy if one.kind == "export" else requests.erase)(ctx, one.id)
        for number, person in enumerate(people[58:]):
            at = ctx.now - timedelta(days=11 * (number + 1))
            await set_consent(ctx, person, "unsubscribed", "import", at)
        for number in range(70):
            await suppress(ctx, f"gone{number}@example.com", ("bounced", "complained")[number % 2])
        for number in range(60):
            detail = {"reason": "The customer asked for mails again", "since": ctx.now.isoformat()}
            await record_audit(ctx, "suppression.lifted", str(number), **detail)
    async with health.watching(core):
        async with core.tenant_scope("alpha") as ctx:
            await core.board.jobs["compliance.late"].value.run(ctx, {})
        await KERNEL_JOBS["kernel.consent"].value.run(await core.detached("alpha"), {})
        clock.turn(days=31)
        async with core.tenant_scope("alpha") as ctx:
            await requests.ask(ctx, people[59], "export", "mail")
            await KERNEL_JOBS["kernel.rights"].value.run(ctx, {})


async def _differ(ctx: Context, messages: list[object]) -> None:
    for number in range(60):
        await ctx.db.execute(
            """INSERT INTO pipeline_difference
                 (tenant_id, day, channel, kind, detail, message_id, found_at)
               VALUES ('alpha', $1, 'sendgrid', $2, $3, $4, $5)""",
            ctx.now.date() - timedelta(days=number // 7),
            KINDS[number % len(KINDS)],
            f"The provider says delivered, the ledger accepted (number {number}).",
            messages[number] if number < len(messages) else new_id(ctx.now),
            ctx.now,
        )


async def test_pages_fit_empty_and_full(core: Core, clock: TurnedClock, tmp_path: Path) -> None:
    async with chromium.served(core, tmp_path) as site:
        empty = {f"{name}-empty": path for name, path in PAGES.items()}
        trouble = await chromium.look_at_all(site, empty, SHOTS)
        await fill(core, clock)
        full = {f"{name}-full": path for name, path in PAGES.items()}
        trouble += await chromium.look_at_all(site, full, SHOTS)
    assert not trouble, "\n".join(trouble)
