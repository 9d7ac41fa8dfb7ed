"""What leaves and what waits: by the records, by their age, and by pauses."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kernel.pipeline import comply
from kernel.sdk import campaigns
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.deliverability import gate, jobs, repo
from plugins.deliverability.plugin import compliance_rules
from tests.plugins.deliverability.conftest import SHOP, good

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Outgoing, Verdict
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.plugins.deliverability.dns_server import NameServer


async def by_mail(core: Core, tenant: str = "alpha") -> None:
    """The tenant sends by SendGrid from now on."""
    async with core.tenant_scope(tenant) as ctx:
        await ctx.db.execute(
            "UPDATE tenancy_plugin SET enabled = false WHERE tenant_id = $1 AND plugin = 'outbox'",
            tenant,
        )


async def check(core: Core) -> None:
    await jobs.check(await core.detached("alpha"), {})


async def asked(
    core: Core, channel: str = "sendgrid", stage: str = "handover", email: str = "", count: int = 1
) -> Sequence[Verdict]:
    """The verdicts about some messages that go by this channel."""
    async with core.tenant_scope("alpha") as ctx:
        fields = {"email": email} if email else {}
        ids = await add_customers(ctx, count, **fields)
        batch: list[Outgoing] = [
            msgspec.structs.replace(one, channel=channel)
            for one in await add_messages(ctx, await add_campaign(ctx), ids)
        ]
        return await compliance_rules(ctx, stage, batch)


async def outcome(core: Core, **given: Any) -> str:
    [verdict] = await asked(core, **given)
    return verdict.outcome


async def test_what_was_never_checked_waits(core: Core, names: NameServer) -> None:
    [verdict] = await asked(core)
    assert verdict.outcome == "deferred" and verdict.rule == "deliverability.authentication"
    assert "not been checked yet" in verdict.reason and SHOP in verdict.reason
    assert verdict.until is not None
    assert await outcome(core, channel="outbox") == "allowed"
    assert await outcome(core, stage="plan", channel="") == "allowed"
    assert await outcome(core, channel="") == "deferred"


async def test_good_records_let_mail_go(core: Core, names: NameServer) -> None:
    await by_mail(core)
    await check(core)
    assert {one.outcome for one in await asked(core, count=3)} == {"allowed"}


async def test_it_is_two_queries_for_any_batch(core: Core, names: NameServer) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 50)
        batch = await add_messages(ctx, await add_campaign(ctx), ids)
        said: list[str] = []
        real = ctx.db.fetch

        async def fetch(sql: str, *args: Any) -> list[Any]:
            said.append(sql)
            return await real(sql, *args)

        ctx.db.fetch = fetch  # type: ignore[method-assign]
        await compliance_rules(ctx, "handover", batch)
        assert len(said) == 2
        assert all(sql.split()[0] == "SELECT" for sql in said)


@pytest.mark.parametrize(
    ("gone", "outcome_then"),
    [("dmarc", "deferred"), ("both", "deferred"), ("spf", "allowed"), ("dkim", "allowed")],
)
async def test_what_must_stand(core: Core, names: NameServer, gone: str, outcome_then: str) -> None:
    if gone == "dmarc":
        names.txt(f"_dmarc.{SHOP}")
    if gone in ("spf", "both"):
        names.txt(SHOP)
    if gone in ("dkim", "both"):
        names.put(f"s1._domainkey.{SHOP}", "CNAME")
        names.put(f"s2._domainkey.{SHOP}", "CNAME")
    await by_mail(core)
    await check(core)
    [verdict] = await asked(core)
    assert verdict.outcome == outcome_then
    if outcome_then == "deferred":
        assert "Deliverability plugin for the record to add" in verdict.reason


async def test_nothing_is_asked_where_the_shop_says_so(core: Core, names: NameServer) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE tenancy_plugin SET settings = '{\"require_authentication\": false}' "
            "WHERE plugin = 'deliverability'"
        )
    assert await outcome(core) == "allowed"


async def test_an_outage_of_the_dns_does_not_stop_a_shop(
    core: Core, names: NameServer, clock: TurnedClock
) -> None:
    await by_mail(core)
    await check(core)
    names.faults["*"] = "servfail"
    for _ in range(3):
        clock.turn(hours=23, minutes=50)
        await check(core)
        assert await outcome(core) == "allowed"
    async with core.tenant_scope("alpha") as ctx:
        assert {one.state for one in await repo.checks(ctx)} == {"unknown", "ok"}
    clock.turn(hours=1)
    await check(core)
    [verdict] = await asked(core)
    assert verdict.outcome == "deferred" and "not answered for too long" in verdict.reason
    names.faults.clear()
    clock.turn(hours=1)
    await check(core)
    assert await outcome(core) == "allowed"


async def test_a_worker_that_stands_still_is_believed_three_days(
    core: Core, names: NameServer, clock: TurnedClock
) -> None:
    await by_mail(core)
    await check(core)
    clock.turn(hours=71)
    assert await outcome(core) == "allowed"
    clock.turn(hours=1)
    assert await outcome(core) == "deferred"


async def test_a_record_that_goes_stops_mail_also_when_the_dns_is_silent_after(
    core: Core, names: NameServer, clock: TurnedClock
) -> None:
    await by_mail(core)
    await check(core)
    names.txt(f"_dmarc.{SHOP}")
    clock.turn(hours=23)
    await check(core)
    assert await outcome(core) == "deferred"
    names.faults["*"] = "silent"
    clock.turn(hours=1)
    await check(core)
    assert await outcome(core) == "deferred"
    names.faults.clear()
    good(names)
    clock.turn(hours=1)
    await check(core)
    assert await outcome(core) == "allowed"


async def test_another_sender_is_checked_at_once(core: Core, names: NameServer) -> None:
    await by_mail(core)
    await check(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            'UPDATE tenancy_tenant SET sender = \'{"name": "A", "email": "a@new.example"}\' '
            "WHERE tenant_id = 'alpha'"
        )
    [verdict] = await asked(core)
    assert verdict.outcome == "deferred" and "new.example have not been checked" in verdict.reason
    await check(core)
    [verdict] = await asked(core)
    assert "No DMARC record" in verdict.reason or "Neither SPF" in verdict.reason


async def test_checks_are_made_when_they_are_due(
    core: Core, names: NameServer, clock: TurnedClock
) -> None:
    await check(core)
    assert not names.asked, "a shop with an outbox alone is never checked by itself"
    await by_mail(core)
    await check(core)
    first = len(names.asked)
    assert first
    clock.turn(hours=22)
    await check(core)
    assert len(names.asked) == first
    clock.turn(hours=1)
    names.txt(SHOP)
    await check(core)
    second = len(names.asked)
    assert second > first
    clock.turn(minutes=50)
    await check(core)
    assert len(names.asked) == second
    clock.turn(minutes=10)
    await check(core)
    assert len(names.asked) > second


async def test_a_paused_mailbox_waits_and_the_others_do_not(core: Core, names: NameServer) -> None:
    await by_mail(core)
    await check(core)
    async with core.tenant_scope("alpha") as ctx:
        await repo.pause(ctx, "gmail", "Mail to Gmail is paused.")
    [verdict] = await asked(core, email="ada@gmail.com")
    assert verdict.outcome == "deferred" and verdict.rule == "deliverability.paused"
    assert verdict.reason == "Mail to Gmail is paused."
    assert await outcome(core, email="ada@yahoo.de") == "allowed"
    assert await outcome(core, email="ada2@gmail.com", channel="outbox") == "allowed"


async def test_the_kernel_hears_of_it(core: Core, names: NameServer) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [customer] = await add_customers(ctx)
        [message] = await add_messages(ctx, await add_campaign(ctx), [customer])
        message = msgspec.structs.replace(message, channel="sendgrid")
        verdicts = await comply.judge(ctx, "handover", [message])
        assert verdicts[message.id].outcome != "allowed"
        assert campaigns.channel_of(ctx) == "outbox"


async def test_alpha_and_bravo_share_nothing(core: Core, names: NameServer) -> None:
    await by_mail(core)
    await check(core)
    async with core.tenant_scope("alpha") as ctx:
        await repo.pause(ctx, "gmail", "x")
    async with core.tenant_scope("bravo") as ctx:
        assert not await repo.checks(ctx) and not await repo.paused(ctx)
        assert "not been checked" in await gate.unproved(ctx)
        assert await repo.begin(ctx, "check", timedelta(minutes=1))
        await ctx.db.execute("DELETE FROM deliverability_run")
    async with core.tenant_scope("alpha") as ctx:
        assert await repo.checks(ctx) and await repo.paused(ctx)
