"""A campaign from the proposal to the outbox: Claude decides and writes, discounts grants, a person approves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from kernel.cli import decisions, why
from kernel.cli import replay as replay_cli
from kernel.contracts.errors import InvalidInput
from kernel.contracts.profiles import Trait
from kernel.pipeline import approvals, campaigns, replay, run
from kernel.profiles.traits import write_traits
from kernel.testing.seed import add_customers, add_order
from tests.kernel.cli.test_decisions import said
from tests.plugins.claude.shop import choose, only, records
from tests.plugins.whole import silent_in_bravo

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core
    from kernel.testing.claude import FakeClaude
    from kernel.testing.clock import TurnedClock

LOCALES = ("en", "de-DE", "fr", "en-GB")
ENDS = {
    "en": "It is valid until 29 June 2026.",
    "de": "Er gilt bis 29. Juni 2026.",
    "fr": "Il est valable jusqu'au 29 juin 2026.",
}
GREETS = {"en": "Hello", "de": "Hallo", "fr": "Bonjour"}
BECAUSE = {"en": "You receive this", "de": "Sie erhalten diese", "fr": "Vous recevez cet"}


async def proposed(core: Core, fake: FakeClaude) -> UUID:
    """A winback to three customers of each locale, which Claude decides and writes, with an offer."""
    await choose(core, mode="bucketed", write=True)
    await only(core, "claude", "rules", "rfm", "discounts", "winback", "outbox")
    async with core.tenant_scope("alpha") as ctx:
        since = ctx.now - timedelta(days=500)
        for n, locale in enumerate(LOCALES):
            ids = await add_customers(
                ctx, 3, locale=locale, first_name=f"Zebu{n}", created_at=since
            )
            for k, one in enumerate(ids):
                for months in (14, 12, 10, 9):
                    await add_order(ctx, one, ctx.now - timedelta(days=30 * months + k), 40 + k)
            segment = ("At Risk", "Lost")[n % 2]
            traits = [Trait(customer_id=one, name="rfm.segment", value=segment) for one in ids]
            await write_traits(ctx, "rfm", "1", traits)
        await core.board.jobs["winback.rhythm"].value.run(ctx, {})

    def answer(asked: Any) -> dict[str, Any] | None:
        if "action" not in asked.filled:
            return None
        tone = "urgent" if '"Lost"' in asked.prompt else "friendly"
        return {**asked.filled, "action": "send", "offer": "percent/10", "tone": tone}

    fake.answer(answer)
    [campaign] = await run.propose_due(core, "alpha")
    return campaign


async def advance(core: Core, campaign: UUID) -> str:
    """Turns of the worker, without waiting for anything, until the campaign rests; how it stands."""
    for _ in range(20):
        async with core.system_scope("test") as unit:
            await unit.execute("UPDATE pipeline_campaign SET consult_at = NULL")
        await run.advance(core, "alpha")
        async with core.tenant_scope("alpha") as ctx:
            found = await campaigns.get(ctx, campaign)
        assert found.law.holds
        if found.status in ("waiting", "finished"):
            return found.status
    raise AssertionError("it never rests")


async def mails(core: Core) -> list[Any]:
    async with core.tenant_scope("alpha") as ctx:
        return list(
            await ctx.db.fetch(
                """SELECT o.*, c.locale, c.first_name, b.code, m.decision_id, m.variant
                   FROM outbox_mail o JOIN pipeline_message m ON m.id = o.message_id
                   JOIN profiles_customer c ON c.id = m.customer_id
                   JOIN discounts_code b ON b.message_id = m.id ORDER BY m.customer_id"""
            )
        )


async def test_from_the_proposal_to_the_outbox(core: Core, fake: FakeClaude) -> None:
    campaign = await proposed(core, fake)
    assert await advance(core, campaign) == "waiting"
    assert fake.record.holds("Zebu", "Byron", "@", "example.com", "Hauptstr") == []
    assert fake.record.count() == 6  # two kinds of customers, four variants
    async with core.tenant_scope("alpha") as ctx:
        used = await ctx.db.fetch(
            "SELECT variant, source, fallback, cost_micros FROM pipeline_variant WHERE settled"
        )
        await approvals.approve(ctx, campaign)
    assert {row["variant"] for row in used} == {
        "friendly.offer.segment-at-risk", "friendly.offer.segment-at-risk.fr",
        "urgent.offer.segment-lost", "urgent.offer.segment-lost.de",
    }  # fmt: skip
    assert {(row["source"], row["fallback"]) for row in used} == {("claude", "")}
    assert all(row["cost_micros"] > 0 for row in used)

    assert await advance(core, campaign) == "finished"
    sent = await mails(core)
    assert len(sent) == 12 and len({row["code"] for row in sent}) == 12
    for row in sent:
        language = row["locale"][:2]
        for text in (row["text"], row["html"].replace("&#x27;", "'").replace("&#39;", "'")):
            for told in (f"{GREETS[language]} {row['first_name']},", row["code"], "10 %"):
                assert told in text
            assert ENDS[language] in text and BECAUSE[language] in text
            assert "{{" not in text and "https://alder.example.com" in text
        assert f'<html lang="{language}"' in row["html"]

    made = await records(core)
    assert {one.decision.policy for one in made} == {"claude/decide_bucket/1"}
    async with core.tenant_scope("alpha") as ctx:
        for row in sent:
            assert (await replay.replay(ctx, row["decision_id"])).same
    await silent_in_bravo(core)


async def test_what_the_command_line_tells_of_it(core: Core, fake: FakeClaude) -> None:
    await advance(core, await proposed(core, fake))
    first = next(one for one in await records(core) if one.action.tone == "urgent")
    who = ("--tenant", "alpha", "--message", str(first.message_id))
    text = await said(core, why.command, str(first.customer_id), *who)
    for told in (
        "4 orders for", "rfm.segment Lost", "urgent (only with 10 % off, 15 % off)",
        "claude asked claude-haiku-5-5", "shared among 6 customers", "chose to send, urgent tone",
        "Decided for all customers of a kind: segment Lost", "discounts granted 10 % off until",
    ):  # fmt: skip
        assert told in text
    again = await said(core, replay_cli.command, str(first.id), "--tenant", "alpha")
    assert again.startswith("the same ")
    listed = await said(core, decisions.command, "list", "alpha", "--plugin", "claude")
    assert "12 decisions = 12 waiting" in listed

    async def diff(setting: str) -> str:
        return await said(core, decisions.command, "diff", "alpha", "--set", setting)

    assert "12 the same" in await diff("rules.rest_days=7")
    assert "12 the same" not in await diff("claude.mode=rules")
    with pytest.raises(InvalidInput, match="decides nothing"):
        await diff("discounts.max_percent=5")


async def test_without_discounts_no_mail_promises_an_offer(
    core: Core, fake: FakeClaude, clock: TurnedClock
) -> None:
    campaign = await proposed(core, fake)
    await advance(core, campaign)
    async with core.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign)
    await only(core, "claude", "rules", "rfm", "winback", "outbox")
    await run.advance(core, "alpha")
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT DISTINCT state, reason FROM pipeline_message")
        assert [row["state"] for row in rows] == ["deferred"]
        assert "There is no offer for this message" in rows[0]["reason"]
        assert (await campaigns.get(ctx, campaign)).law.holds
        assert await ctx.db.fetchval("SELECT count(*) FROM outbox_mail") == 0
    await only(core, "claude", "rules", "rfm", "discounts", "winback", "outbox")
    clock.turn(minutes=16)
    assert await advance(core, campaign) == "finished"
    assert len(await mails(core)) == 12
