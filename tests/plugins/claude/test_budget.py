"""No day costs more than the merchant allowed, whoever asks at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from kernel.contracts.decisions import Action
from plugins.claude import batches, budget, setups
from plugins.claude.client import Usage
from plugins.claude.manifest import HAIKU, Price
from tests.plugins.claude.shop import campaign, choose, decide, spend, step

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.claude import FakeClaude


async def test_it_cannot_be_overspent_by_many_at_once(core: Core) -> None:
    async def spender(n: int) -> int:
        async with core.tenant_scope("alpha") as ctx:
            count, _ = await budget.reserve(ctx, 0.001, [30 + n] * 7)
        return count * (30 + n)

    taken = await asyncio.gather(*(spender(n) for n in range(12)))
    assert 900 < sum(taken) <= 1000
    async with core.tenant_scope("alpha") as ctx:
        today = await budget.today(ctx)
        assert today is not None
        assert today.reserved_micros == sum(taken)
        await budget.settle(ctx, today.day, sum(taken), 5, 3, Usage(input=10, output=2))
        after = await budget.today(ctx)
    assert after is not None
    assert (after.reserved_micros, after.spent_micros, after.calls) == (0, 5, 3)
    async with core.tenant_scope("bravo") as bravo:
        assert await budget.today(bravo) is None


async def test_near_the_budget_customers_are_decided_by_bucket_then_by_rules(
    core: Core, fake: FakeClaude
) -> None:
    """The record of each says why it was not asked about alone."""
    # Tokens read cost the same from the cache or not, so that each question costs about as much.
    dear = Price(input=1.0, output=0.0, cache_write=1.0, cache_read=1.0)
    most = price_of_one(dear)
    settings = {"direct_below": 0, "batch_share": 1.0, "price_decide": msgspec.to_builtins(dear)}
    await choose(core, mode="per_customer", daily_budget=most * 4 / 1e6, **settings)
    proposed = await campaign(core, 12)
    await step(core)
    await step(core)  # a batch of as many as there is money for, and the others are told
    await batches.run(await core.detached("alpha"), {})  # it cost less than was set aside
    records = await decide(core, proposed)
    assert len(records) == 12
    ways = [(record.plugin, record.decision.policy, record.decision.fallback) for record in records]
    alone = [way for way in ways if way[1] == "claude/decide_customer/1"]
    bucket = [way for way in ways if way[1] == "claude/decide_bucket/1"]
    rules = [way for way in ways if way[0] == "rules"]
    assert alone and bucket
    assert len(alone) + len(bucket) + len(rules) == 12
    assert all(way[2] == "" for way in alone)
    note = "the day's budget for Claude is used up"
    assert all(way[2] == f"{note}: decided by bucket instead" for way in bucket)
    assert all(note in way[2] for way in rules)
    book = await spend(core)
    assert book["reserved_micros"] == 0
    assert book["spent_micros"] <= most * 4


def price_of_one(price: Price) -> int:
    """The most that a question may cost, in millionths, of about the length that they have here."""
    send = Action(send=True, campaign_type="welcome", tone="warm")
    setup = setups.deciding("customer", "claude-haiku-5-5", {"shop": "x" * 100}, (send,), ())
    return setups.most_micros(setup, "x" * 400, price)


async def test_the_book_adds_up(core: Core, fake: FakeClaude) -> None:
    await choose(core, mode="bucketed")
    records = await decide(core, await campaign(core, 40))
    assert {record.plugin for record in records} == {"claude"}
    book = await spend(core)
    assert book["reserved_micros"] == 0
    assert book["spent_micros"] > 0
    assert book["calls"] == fake.record.count() < 40
    total = sum(record.decision.cost_micros for record in records)
    assert abs(total - book["spent_micros"]) < 1e-3


def test_what_tokens_cost() -> None:
    usage = Usage(cache_write=3000, input=700, output=setups.MOST_DECIDED)
    assert usage.micros(HAIKU) == 3000 * 0.2 + 700 * 0.1 + setups.MOST_DECIDED * 0.5
    assert Usage(input=1).micros(HAIKU) == 1  # rounded up
