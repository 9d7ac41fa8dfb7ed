"""Warnings that stop nothing, opt-outs honoured late, and the page of rules."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.profiles.consent import set_consent
from kernel.tenancy import health
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance import watch
from plugins.compliance.laws import LAWS
from plugins.compliance.rules import RULES
from tests.admin_ui.browser import browser, sign_in

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.clock import TurnedClock

PLUGIN = Path("plugins/compliance")


def test_every_rule_is_in_the_catalogue() -> None:
    """GDPR Art. 5(2): accountability begins with knowing what is checked."""
    source = "".join(file.read_text() for file in PLUGIN.glob("*.py") if file.name != "rules.py")
    named = set(re.findall(r'(?:no\(|return |rule: |Claim\()\s*"([a-z_]+)",', source))
    assert named <= {rule.name for rule in RULES} | {"unavailable"}, named
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_the_page_for_lawyers_names_every_rule_and_law() -> None:
    text = Path("docs/compliance.md").read_text()
    for rule in RULES:
        row = next(line for line in text.splitlines() if line.startswith(f"| `{rule.name}` |"))
        assert rule.law in row or rule.law == "none"
        assert rule.asks in row and rule.checks in row and rule.choice in row
    for law in LAWS:
        row = next(line for line in text.splitlines() if line.startswith(f"| {law.name} |"))
        assert law.statutes in row


async def test_a_campaign_is_warned_about(alpha: TenantScope) -> None:
    """CAN-SPAM 15 USC 7704(a)(5)(A)(i); GDPR Art. 7(1)."""
    ids = await add_customers(alpha, 2, country="US", email_consent="never")
    ids += await add_customers(alpha, 3, country="DE")
    campaign = await add_campaign(alpha)
    assert await watch.warnings(alpha, campaign) is None
    await add_messages(alpha, campaign, ids, state="planned")
    found = await watch.warnings(alpha, campaign)
    assert found is not None
    assert [rule for rule, _ in found["warnings"]] == ["advertisement", "wording"]
    assert "2 of these" in found["warnings"][0][1] and "Of 3 of" in found["warnings"][1][1]


def test_a_sender_that_nobody_reads(alpha: TenantScope) -> None:
    """Spam Act 2003 s. 17: how the sender can be contacted."""
    sender = alpha.tenant.sender
    for email, reply_to, expected in (
        ("no-reply@x.example", "", "no-reply@x.example"),
        ("noreply@x.example", "hello@x.example", ""),
        ("donotreply@x.example", "", "donotreply@x.example"),
        ("nora@x.example", "", ""),
    ):
        changed = msgspec.structs.replace(sender, email=email, reply_to=reply_to)
        tenant = msgspec.structs.replace(alpha.tenant, sender=changed)
        assert watch.no_reply(tenant) == expected


async def test_opt_outs_that_came_late_are_counted(core: Core) -> None:
    """CAN-SPAM 15 USC 7704(a)(4): ten business days; ours are honoured when they arrive."""
    async with core.tenant_scope("alpha") as ctx:
        soon, slow = await add_customers(ctx, 2, consent_at=ctx.now - timedelta(days=9))
        await add_messages(
            ctx,
            await add_campaign(ctx),
            [soon, slow],
            state="accepted",
            accepted_at=ctx.now - timedelta(days=1),
        )
        await set_consent(ctx, soon, "unsubscribed", "form", ctx.now)
        await set_consent(ctx, slow, "unsubscribed", "import", ctx.now - timedelta(days=2))
    async with core.tenant_scope("alpha") as ctx:
        row = await watch.late(ctx)
        assert (row["late"], row["mails"]) == (1, 1)
        assert row["longest"] >= timedelta(days=2)
    async with core.tenant_scope("bravo") as ctx:
        assert (await watch.late(ctx))["late"] == 0


@pytest.mark.parametrize(
    ("country", "days", "over"),
    [("US", 9, 0), ("US", 11, 1), ("AU", 6, 1), ("DE", 20, 0), ("", 6, 1)],
)
async def test_a_late_opt_out_is_told_on_the_health_board_once(
    core: Core, clock: TurnedClock, country: str, days: int, over: int
) -> None:
    told = "reached us late since yesterday: 1."
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 2, country=country, consent_at=ctx.now - timedelta(days=90))
        campaign = await add_campaign(ctx)
        at = ctx.now - timedelta(days=1)
        await add_messages(ctx, campaign, ids, state="accepted", accepted_at=at)
        await set_consent(ctx, ids[0], "unsubscribed", "form", ctx.now)
    assert await board(core) == []
    async with core.tenant_scope("alpha") as ctx:
        await set_consent(
            ctx, ids[1], "unsubscribed", "import", ctx.now - timedelta(days=days, hours=1)
        )
    [said] = await board(core)
    assert told in said and "Mails that went out in between: 1." in said
    assert ("1 perhaps later than the law allows" in said) == bool(over)
    clock.turn(days=2)
    async with core.tenant_scope("alpha") as ctx:
        await health.clear(ctx)
    assert await board(core) == []
    assert await board(core, "bravo") == []


async def board(core: Core, tenant: str = "alpha") -> list[str]:
    """What stands on the health board after the daily job."""
    async with health.watching(core):
        async with core.tenant_scope(tenant) as ctx:
            await core.board.jobs["compliance.late"].value.run(ctx, {})
    async with core.tenant_scope(tenant) as ctx:
        return [row["error"] for row in (await health.page(ctx)).rows]


async def test_the_page_tells_what_each_rule_stopped(core: Core) -> None:
    """GDPR Art. 5(2): accountability."""
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 2)
        campaign = await add_campaign(ctx)
        await add_messages(
            ctx, campaign, ids, state="suppressed", reason="compliance.subject: It sounds urgent."
        )
        await add_messages(
            ctx,
            campaign,
            await add_customers(ctx, 1, country="US", email_consent="never"),
            state="planned",
        )
    async with browser(core) as client:
        await sign_in(client, core, "alpha")
        text = await client.see("/app/x/compliance/rules")
        assert "Washington CEMA" in text and "No mail went out after an opt-out" in text
        assert re.search(r"<code>subject</code>.*?>2</td>", text, re.DOTALL)
        shown = await client.see(f"/app/campaigns/{campaign.id}")
        assert "1 of these customers in the United States never subscribed" in shown
        await sign_in(client, core, "bravo")
        other = await client.see("/app/x/compliance/rules")
        assert not re.search(r'data-label="Stopped">[1-9]', other)
