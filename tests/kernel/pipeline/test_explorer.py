"""Decisions are found by what they are, counted by the law, and their cost is summed by day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.contracts.decisions import Pending
from kernel.pipeline import explorer, run
from kernel.pipeline.explorer import Filters
from kernel.testing.seed import add_customers
from tests.kernel.pipeline.thinkers import ORACLE, advice

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def decided(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 9, created_at=ctx.now - timedelta(days=2))
        ids += await add_customers(
            ctx, 3, created_at=ctx.now - timedelta(days=2), email_consent="unsubscribed"
        )
    answers = ["friendly", "no", "friendly percent/90", "nan"]
    ORACLE.answer = lambda c: advice(c, answers[ids.index(c.customer_id) % 4])
    await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")


async def test_pages_and_filters(thinking: Core) -> None:
    await decided(thinking)
    async with thinking.tenant_scope("alpha") as ctx:
        everything = await explorer.page(ctx, Filters())
        assert len(everything) == 24
        first = await explorer.page(ctx, Filters(), limit=10)
        rest = await explorer.page(ctx, Filters(), first[-1].id, 20)
        assert [row.id for row in first + rest] == [row.id for row in everything]
        for filters, test in (
            (Filters(campaign_type="second"), lambda row: row.campaign_type == "second"),
            (Filters(plugin="rules"), lambda row: row.plugin == "rules"),
            (Filters(fallback=True), lambda row: row.fallback),
            (Filters(guardrail="*"), lambda row: row.guardrails),
            (Filters(guardrail="possible_actions"), lambda row: row.guardrails),
            (Filters(guardrail="nothing"), lambda row: False),
            (Filters(state="suppressed"), lambda row: row.state == "suppressed"),
            (Filters(state="waiting"), lambda row: row.state == "planned"),
            (Filters(since=ctx.now + timedelta(days=1)), lambda row: False),
            (Filters(campaign_id=first[0].campaign_id), lambda row: row.campaign_type == "second"),
        ):
            found = await explorer.page(ctx, filters)
            assert [row.id for row in found] == [row.id for row in everything if test(row)], filters
            law = await explorer.funnel(ctx, filters)
            assert law.holds and law.audience == len(found)
        whole = await explorer.funnel(ctx, Filters())
        assert (whole.waiting, whole.skipped, whole.suppressed) == (14, 6, 4), whole
        fallen = [row for row in everything if row.fallback]
        assert {row.plugin for row in fallen} == {"rules"}
        assert all(row.fallback.startswith("oracle answered nonsense") for row in fallen)
    async with thinking.tenant_scope("bravo") as ctx:
        assert await explorer.page(ctx, Filters()) == []
        law = await explorer.funnel(ctx, Filters())
        assert law.audience == 0 and law.holds


async def test_costs_and_fallbacks_by_day(thinking: Core, clock: TurnedClock) -> None:
    await decided(thinking)
    async with thinking.tenant_scope("alpha") as ctx:
        [day] = await explorer.costs_by_day(ctx, 30)
        assert (day.day.isoformat(), day.plugin, day.model) == ("2026-06-15", "oracle", "toy-1")
        assert (day.decisions, day.tokens, day.cost_micros, day.fallbacks) == (24, 2400, 960, 0)
        [nonsense] = await explorer.fallbacks(ctx, 30)
        assert (nonsense.plugin, nonsense.decisions) == ("rules", 6)
    clock.turn(days=8)
    ORACLE.answer = lambda c: Pending()
    async with thinking.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 2, created_at=ctx.now - timedelta(days=1))
    await run.propose_due(thinking, "alpha")
    async with thinking.system_scope("test") as unit:
        await unit.execute("UPDATE pipeline_campaign SET created_at = now() - interval '27 hours'")
    await run.advance(thinking, "alpha")
    async with thinking.tenant_scope("alpha") as ctx:
        late, _ = await explorer.costs_by_day(ctx, 30)
        assert late.day.isoformat() == "2026-06-23"
        assert late.decisions == late.fallbacks > 0 and late.cost_micros == 0
        assert len(await explorer.costs_by_day(ctx, 3)) == 1
        why = [one.reason for one in await explorer.fallbacks(ctx, 3)]
        assert why == ["oracle: no answer within 26 hours."]
    async with thinking.tenant_scope("bravo") as ctx:
        assert await explorer.costs_by_day(ctx) == []
        assert await explorer.fallbacks(ctx) == []
