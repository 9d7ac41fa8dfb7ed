"""What offers may cost: reserved, never overspent by anybody at once, given back."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.sdk import OrderPlaced, offer_of
from kernel.tenancy.core import Core
from kernel.tenancy.scope import TenantScope
from kernel.testing.clock import TurnedClock
from plugins.discounts import closing
from tests.plugins.discounts import asked
from tests.plugins.discounts.asked import (
    OFFERS,
    adjust,
    ask,
    budgets,
    candidate,
    changes,
    frame,
    guarded,
    rows,
    send,
)


async def test_a_percentage_costs_its_part_of_the_expected_order(alpha: TenantScope) -> None:
    await asked.settings(alpha, max_order_value=300.0, assumed_order_value=40.0)

    async def reserved(offer: str, who: int, **features: Any) -> float:
        grant = (await ask(alpha, offer, who, **features)).grant
        assert grant is not None
        return grant.reserved

    assert await reserved("percent/10", 1, average_order_value=33.33) == 3.34
    assert await reserved("percent/10", 2, average_order_value=5000) == 30.0
    assert await reserved("percent/10", 3, average_order_value=None) == 4.0
    assert await reserved("percent/10", 4, average_order_value=float("nan")) == 4.0
    assert await reserved("amount/8.5", 5) == 8.5
    await asked.settings(alpha, max_order_value=300.0, reserve="most")
    assert await reserved("percent/10", 6, average_order_value=33.33) == 30.0
    assert (await budgets(alpha))["day"][0] == pytest.approx(79.84)


async def test_what_does_not_fit_shrinks_and_then_goes(alpha: TenantScope) -> None:
    await asked.settings(alpha, daily_budget=36.0, monthly_budget=1000.0)
    given = frame(alpha)
    answer = await adjust(
        alpha, given, [candidate(n) for n in range(4)], [guarded(send("percent/20"))] * 4
    )
    assert [one.action.offer for one in answer] == ["percent/20", "percent/15", "", ""]
    assert changes(answer[1]) == [("budget_day", "percent/20", "percent/15")]
    assert answer[1].changes[0].reason == (
        "20 % may cost 20.00 EUR; of the budget of the day (36.00) 16.00 are left. 15 % is made."
    )
    assert "1.00 are left. No offer is made." in answer[2].changes[0].reason
    assert (await budgets(alpha))["day"] == (35.0, 0.0)
    assert changes(await ask(alpha, "amount/5", 9)) == [("budget_day", "amount/5", "")]


async def test_the_month_lasts_longer_than_the_day(core: Core, clock: TurnedClock) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, daily_budget=10.0, monthly_budget=15.0, valid_days=60)
        assert (await ask(ctx, "percent/10", 1)).grant
        assert changes(await ask(ctx, "percent/10", 2)) == [("budget_day", "percent/10", "")]
    clock.turn(days=1)
    async with core.tenant_scope("alpha") as ctx:
        answer = await ask(ctx, "percent/10", 3)
        assert changes(answer) == [("budget_month", "percent/10", "percent/5")]
    clock.turn(days=20)
    async with core.tenant_scope("alpha") as ctx:
        assert (await ask(ctx, "percent/10", 4)).action.offer == "percent/10", "July has begun"


async def test_what_is_rolled_back_gives_everything_back(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, daily_budget=10.0)
    who = candidate(1)
    lost: list[Any] = []

    async def crash() -> None:
        async with core.tenant_scope("alpha") as ctx:
            lost.extend(await adjust(ctx, frame(ctx), [who], [guarded(send("percent/10"))]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await crash()
    assert lost[0].grant
    async with core.tenant_scope("alpha") as ctx:
        assert await rows(ctx) == [] and await budgets(ctx) == {}
        assert await ctx.db.fetchval("SELECT count(*) FROM events_event") == 0
        [made] = await adjust(ctx, frame(ctx), [who], [guarded(send("percent/10"))])
        assert made.grant == lost[0].grant


async def test_campaigns_that_decide_at_once_never_overspend(core: Core) -> None:
    """Eight transactions over the same customers, each asking for all the money there is."""
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, daily_budget=205.0, monthly_budget=10_000.0)
    ready = asyncio.Barrier(8)

    async def campaign(number: int) -> int:
        async with core.tenant_scope("alpha") as ctx:
            people = [candidate(who) for who in range(number, number + 20)]
            await ready.wait()
            answer = await adjust(ctx, frame(ctx), people, [guarded(send("percent/10"))] * 20)
            return sum(one.grant is not None for one in answer)

    granted = await asyncio.gather(*(campaign(number) for number in range(8)))
    async with core.tenant_scope("alpha") as ctx:
        made = await rows(ctx, "customer_id, reserved")
        assert sum(granted) == len(made) == len({row["customer_id"] for row in made})
        spent = sum(row["reserved"] for row in made)
        assert spent <= 205 and len(made) >= 20
        assert await budgets(ctx) == {
            "day": (float(spent), 0.0),
            "month": (float(spent), 0.0),
        }


async def test_deciding_settling_and_releasing_at_once_end_in_the_right_sums(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, daily_budget=300.0)
        for who in range(100, 120):
            await ask(ctx, "percent/5", who)
        await ctx.db.execute(
            "UPDATE discounts_code SET expires_at = $1 WHERE customer_id % 2 = 0", ctx.now
        )
        codes = [row["code"] for row in await rows(ctx, "code, id")]
    ready = asyncio.Barrier(8)

    async def decide(number: int) -> None:
        async with core.tenant_scope("alpha") as ctx:
            people = [candidate(who) for who in range(100 + number, 140, 3)]
            await ready.wait()
            await adjust(ctx, frame(ctx), people, [guarded(send("percent/10"))] * len(people))

    async def settle(mine: list[str]) -> None:
        async with core.tenant_scope("alpha") as ctx:
            order = OrderPlaced(
                occurred_at=ctx.now, order_id=1, customer_id=None, amount=Decimal("95.00"),
                currency="EUR", discount_codes=tuple(mine),
            )  # fmt: skip
            await ready.wait()
            await closing.ordered(ctx, [order])

    async def release() -> None:
        async with core.tenant_scope("alpha") as ctx:
            await ready.wait()
            await closing.release(ctx, {})

    await asyncio.gather(
        *(decide(number) for number in range(3)),
        settle(codes[:12]), settle(codes[14:7:-1]), settle(codes[::-3]), release(), release(),
    )  # fmt: skip
    async with core.tenant_scope("alpha") as ctx:
        made = await rows(ctx, "state, reserved, settled, id")
        reserved = sum(r["reserved"] for r in made if r["state"] in ("reserved", "sent"))
        settled = sum(r["settled"] for r in made)
        used = [r for r in made if r["state"] == "used"]
        assert len(used) == len({*codes[:12], *codes[14:7:-1], *codes[::-3]})
        assert settled == 5 * len(used)
        assert await budgets(ctx) == {
            "day": (float(reserved), float(settled)),
            "month": (float(reserved), float(settled)),
        }


async def test_a_day_that_turns_while_deciding_keeps_one_open_code(core: Core) -> None:
    """Two campaigns in different months share no budget row: the index holds."""
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx)
    first_done = asyncio.Event()

    async def june() -> Any:
        async with core.tenant_scope("alpha") as ctx:
            answer = await ask(ctx, "percent/10", 1)
            first_done.set()
            await asyncio.sleep(0.2)
            return answer

    async def july() -> Any:
        await first_done.wait()
        async with core.tenant_scope("alpha") as ctx:
            turned = ctx.tenant.__class__(
                **{**{f: getattr(ctx.tenant, f) for f in ctx.tenant.__struct_fields__},
                   "clock_at": ctx.now.replace(month=7)}
            )  # fmt: skip
            ctx.tenant = turned
            return await ask(ctx, "percent/10", 1)

    one, other = await asyncio.gather(june(), july())
    assert one.grant and other.grant is None
    assert changes(other) == [("open_code", "percent/10", "")]
    async with core.tenant_scope("alpha") as ctx:
        assert len(await rows(ctx)) == 1
        assert (await budgets(ctx))["day"] == (10.0, 0.0)


NAMES = st.one_of(
    st.sampled_from(OFFERS),  # named three times, so that most asks are reasonable
    st.sampled_from(OFFERS),
    st.sampled_from(OFFERS),
    st.sampled_from(
        ["percent/100", "percent/99.99", "amount/1000000", "amount/0.004", "percent/0.1"]
    ),
    st.decimals("0.01", "100", places=2).map(lambda d: f"percent/{d}"),
    st.decimals("0.01", "9999", places=2).map(lambda d: f"amount/{d}"),
    st.text(max_size=24),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(-(10**9), 10**9), st.text(max_size=5)
)
ASKS = st.lists(
    st.tuples(st.integers(1, 30), NAMES, SCALARS, st.sampled_from([0, 3, 7])),
    min_size=1,
    max_size=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=st.lists(ASKS, min_size=1, max_size=3),
    listed=st.one_of(
        st.just(list(OFFERS)), st.lists(st.sampled_from(OFFERS), max_size=7, unique=True)
    ),
    limits=st.fixed_dictionaries(
        {
            "max_percent": st.sampled_from([0.0, 7.5, 18.0, 18.0]),
            "max_amount": st.sampled_from([0.0, 6.0, 8.5]),
            "daily_budget": st.sampled_from([0.01, 9.99, 23.0, 60.0]),
            "monthly_budget": st.sampled_from([5.0, 30.0, 90.0]),
            "margin_floor": st.sampled_from([0.0, 20.0]),
            "assumed_margin": st.sampled_from([0.0, 25.0, 28.0]),
            "reserve": st.sampled_from(["expected", "most"]),
            "cooldown_days": st.sampled_from([0.0, 30.0]),
            "ceiling_offers": st.sampled_from([0, 1, 1000, 1000]),
            "never_segments": st.sampled_from([(), ("Champions",)]),
            "min_orders": st.sampled_from([0, 3]),
        }
    ),
)
async def test_no_decider_passes_a_limit(
    core: Core, batches: list[Any], listed: list[str], limits: dict[str, Any]
) -> None:
    """Whatever is asked, for whomever, with whatever features: every limit holds, and so do the sums."""
    async with core.tenant_scope("alpha") as ctx, _undone(ctx):
        await asked.settings(ctx, **limits)
        for batch in batches:
            people = [
                candidate(who, average_order_value=value, orders_count=orders,
                          trait__rfm_dot_segment="Champions" if who <= 6 else "Loyal")
                for who, _, value, orders in batch
            ]  # fmt: skip
            before = [guarded(send(name)) for _, name, _, _ in batch]
            answer = await adjust(ctx, frame(ctx, listed), people, before)
            for (who, name, _, orders), was, one in zip(batch, before, answer, strict=True):
                assert one.decision == was.decision and one.action.send
                assert (one.grant is None) == (one.action.offer == "")
                if one.action.offer != name:
                    assert one.changes and one.changes[0].asked == was.action
                    assert one.changes[-1].allowed == one.action
                    assert all(change.reason for change in one.changes)
                offer = offer_of(one.action.offer)
                if offer is None:
                    continue
                wanted = offer_of(name)
                assert wanted is not None and offer.kind == wanted.kind
                assert offer.value <= wanted.value and offer.name in listed
                assert offer.value <= Decimal(str(limits[f"max_{offer.kind}"]))
                assert one.grant is not None and one.grant.offer == offer.name
                assert one.grant.reserved > 0
                assert orders >= limits["min_orders"] and limits["ceiling_offers"]
                assert not (who <= 6 and limits["never_segments"])
                if limits["margin_floor"] and limits["assumed_margin"] and offer.kind == "percent":
                    left = (1 - offer.value / 100) * 100
                    assert left - 100 + Decimal(limits["assumed_margin"]) >= left / 5 - Decimal(
                        "1e-9"
                    )
        made = await rows(ctx, "customer_id, reserved, code")
        assert len({row["customer_id"] for row in made}) == len(made)
        reserved = sum(row["reserved"] for row in made)
        assert reserved <= Decimal(str(limits["daily_budget"]))
        assert reserved <= Decimal(str(limits["monthly_budget"]))
        if made:
            assert (await budgets(ctx))["day"] == (float(reserved), 0.0)


class _undone:
    """What is done inside is undone at the end, so that one database serves all examples."""

    def __init__(self, ctx: TenantScope) -> None:
        self.ctx = ctx

    async def __aenter__(self) -> None:
        await self.ctx.db.execute("SAVEPOINT example")

    async def __aexit__(self, *_: object) -> None:
        await self.ctx.db.execute("ROLLBACK TO SAVEPOINT example")
