"""Days in the pretend shop: they happen once, answer what was sent, and touch nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import pytest_asyncio

from kernel.runtime.settings import Settings
from kernel.sdk import (
    Conflict,
    Context,
    Engine,
    Forbidden,
    MessagesAccepted,
    NotFound,
    new_id,
    set_clock,
)
from kernel.tenancy.core import Core
from plugins.sandbox import mail, panels, repo
from plugins.sandbox.demo import Wish, run_demo, turn_clock
from plugins.sandbox.life import Lived, live_day
from plugins.sandbox.people import HOSTILE_AT, make_people
from plugins.sandbox.response import need, react
from plugins.sandbox.store import Plan, open_shop
from plugins.sandbox.turn import stop_at, stops, turn

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 6, 15)
SETTINGS = Settings(secret="s" * 32, base_url="http://mail.test")
PRODUCTION = Settings(env="production", secret="s" * 32, base_url="https://mail.test")
WISH = Wish(days=1, customers=20, seed=1, once=True, as_json=True)
PLAN = Plan(seed=5, customers=400, days=365, products=40)


def at(day: date, hour: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=BERLIN)


async def make(core: Core, plan: Plan = PLAN) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await set_clock(ctx, at(DAY), force=True)
        await open_shop(ctx, plan)


@pytest_asyncio.fixture
async def shop(core: Core) -> AsyncIterator[Core]:
    """`core`, with a small pretend shop in alpha, at midnight before DAY."""
    await make(core)
    yield core


async def live(core: Core, moment: datetime, day: date = DAY) -> Lived:
    async with core.tenant_scope("alpha") as ctx:
        await set_clock(ctx, moment)
        return await live_day(ctx, day)


async def content(ctx: Context, table: str, columns: str) -> list[tuple[object, ...]]:
    rows = await ctx.db.fetch(
        f"SELECT {columns} FROM {table} WHERE tenant_id = $1 ORDER BY 1", "alpha"
    )
    return [tuple(row) for row in rows]


async def test_a_shop_comes_in_as_real_imports_do(shop: Core) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        world = await repo.world(ctx)
        assert (world.customers, world.products, world.opened_on) == (400, 40, DAY)
        customers = await ctx.db.fetch(
            "SELECT * FROM profiles_customer WHERE tenant_id = $1", "alpha"
        )
        assert len(customers) == 400
        assert sum(row["orders_count"] for row in customers) > 300
        subscribed = [row for row in customers if row["email_consent"] == "subscribed"]
        assert len(subscribed) > 250
        assert all(row["consent_at"] and row["consent_source"] for row in subscribed)
        names = {row["external_id"]: row["first_name"] for row in customers}
        assert names[f"sandbox-c{HOSTILE_AT[0]}"] == "<script>alert('sandbox')</script>"
        assert "\n" not in names[f"sandbox-c{HOSTILE_AT[4]}"]
        known = await content(ctx, "sandbox_customer", "number, customer_id, bought")
        assert [row[0] for row in known] == list(range(1, 401))
        kinds = await content(ctx, "profiles_import", "kind")
        assert kinds == [("customers",), ("orders",), ("products",)]


async def test_only_an_empty_tenant_gets_a_shop(shop: Core) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        with pytest.raises(Conflict, match="has customers already"):
            await open_shop(ctx, PLAN)


async def test_a_day_happens_once(shop: Core) -> None:
    first = await live(shop, at(DAY + timedelta(days=1)))
    assert first.orders > 0 and first.joined >= 0
    assert await live(shop, at(DAY + timedelta(days=1))) == Lived()
    assert await live(shop, at(DAY + timedelta(days=3))) == Lived()
    async with shop.tenant_scope("alpha") as ctx:
        placed = await ctx.db.fetchval(
            "SELECT count(*) FROM events_event WHERE tenant_id = 'alpha' AND type = 'order.placed'"
        )
        assert placed == first.orders
        created = await ctx.db.fetchval(
            "SELECT count(*) FROM events_event WHERE tenant_id = 'alpha' AND type = 'customer.created'"
        )
        assert created == first.joined
        [day] = await repo.days(ctx)
        assert day == {"day": DAY, **first.__dict__}
        shown = await panels.days(ctx, None)
        assert shown == {"days": [day], "tenant": "alpha"}


async def test_a_day_in_parts_is_the_same_day(core: Core) -> None:
    async def orders() -> list[tuple[object, ...]]:
        async with core.tenant_scope("alpha") as ctx:
            return await content(ctx, "profiles_order", "external_id, ordered_at, amount")

    days = [DAY + timedelta(days=n) for n in range(4)]
    await make(core)
    for day in days:
        await live(core, at(day + timedelta(days=1)), day)
    whole = await orders()
    async with core.pool.unit_of_work(role=None) as unit:
        for table in ("profiles_customer", "profiles_order", "profiles_order_line",
                      "profiles_import", "sandbox_shop", "sandbox_customer", "sandbox_day"):  # fmt: skip
            await unit.execute(f"TRUNCATE {table}")
    await make(core)
    for day in days:
        for hour in (6, 9, 9, 15, 23):
            await live(core, at(day, hour), day)
        await live(core, at(day + timedelta(days=1)), day)
    assert await orders() == whole


async def test_orders_happen_before_now_and_after_joining(shop: Core) -> None:
    noon = at(DAY + timedelta(days=4), 12)
    for n in range(5):
        day = DAY + timedelta(days=n)
        await live(shop, min(at(day + timedelta(days=1)), noon), day)
    async with shop.tenant_scope("alpha") as ctx:
        times = await ctx.db.fetch(
            "SELECT o.ordered_at, c.created_at FROM profiles_order o JOIN profiles_customer c "
            "ON c.tenant_id = o.tenant_id AND c.id = o.customer_id "
            "WHERE o.tenant_id = 'alpha' AND o.ordered_at > $1",
            at(DAY),
        )
        assert times
        assert all(row["ordered_at"] <= noon for row in times)
        assert all(row["created_at"] <= row["ordered_at"] for row in times)


async def send(
    core: Core, moment: datetime, count: int = 400, kind: str = "winback"
) -> MessagesAccepted:
    """Mail to the first customers, told as the kernel tells it."""
    async with core.tenant_scope("alpha") as ctx:
        await set_clock(ctx, moment)
        ids = await ctx.db.fetch(
            "SELECT customer_id FROM sandbox_customer WHERE tenant_id = 'alpha' "
            "ORDER BY number LIMIT $1",
            count,
        )
        event = MessagesAccepted(
            occurred_at=ctx.now,
            campaign_id=new_id(),
            campaign_type=kind,
            message_ids=tuple(new_id() for _ in ids),
            customer_ids=tuple(row["customer_id"] for row in ids),
        )
        await mail.accepted(ctx, [event])
        return event


async def test_mail_told_twice_is_one_mail(shop: Core) -> None:
    event = await send(shop, at(DAY, 10))
    async with shop.tenant_scope("alpha") as ctx:
        before = await content(ctx, "sandbox_customer", "number, fatigue, quiet_until")
        planned = await content(ctx, "sandbox_reaction", "message_id, kind, at")
        await mail.accepted(ctx, [event, event])
        assert await content(ctx, "sandbox_customer", "number, fatigue, quiet_until") == before
        assert await content(ctx, "sandbox_reaction", "message_id, kind, at") == planned
        people = make_people(PLAN.seed, 400, "DE", "Europe/Berlin")
        assert [row[1] for row in before] == [0.0 if dead else 1.0 for dead in people.dead]


async def test_customers_answer_mail(shop: Core) -> None:
    await send(shop, at(DAY, 10))
    lived = Lived()
    for n in range(1, 5):
        one = await live(shop, at(DAY + timedelta(days=n)), DAY + timedelta(days=n - 1))
        lived = Lived(**{k: getattr(lived, k) + getattr(one, k) for k in lived.__dict__})
    assert lived.clicks > 0 and lived.caused > 0
    async with shop.tenant_scope("alpha") as ctx:
        kinds = dict(
            await content(ctx, "(SELECT tenant_id, kind, count(*) n FROM pipeline_outcome GROUP BY 1, 2) o", "kind, n")
        )  # fmt: skip
        assert kinds["clicked"] == lived.clicks
        assert kinds["ordered"] >= lived.caused
        left = await ctx.db.fetchval("SELECT count(*) FROM sandbox_reaction WHERE NOT done")
        assert left == 0


async def test_too_much_mail_drives_customers_away_by_the_consent_service(shop: Core) -> None:
    for n in range(12):
        await send(shop, at(DAY, 8) + timedelta(hours=n), kind=f"kind{n}")
    gone = await live(shop, at(DAY + timedelta(days=1)))
    gone2 = await live(shop, at(DAY + timedelta(days=3)), DAY + timedelta(days=1))
    assert gone.left_list + gone2.left_list > 20
    async with shop.tenant_scope("alpha") as ctx:
        sources = await ctx.db.fetch(
            "SELECT consent_source, email_consent FROM profiles_customer WHERE tenant_id = 'alpha' "
            "AND consent_at >= $1 AND email_consent = 'unsubscribed' AND email IS NOT NULL",
            at(DAY, 8),
        )
        assert len(sources) > 10
        assert {row["consent_source"] for row in sources} <= {"unsubscribe link", "spam complaint"}
        listed = dict(
            await content(ctx, "(SELECT tenant_id, reason, count(*) n FROM profiles_suppression GROUP BY 1, 2) s", "reason, n")
        )  # fmt: skip
        assert listed["unsubscribed"] > 10 and listed["complained"] > 0
        assert listed["unsubscribed"] + listed["complained"] >= len(sources)


async def test_mail_to_a_dead_address_comes_back_once_and_for_good(shop: Core) -> None:
    people = make_people(PLAN.seed, 400, "DE", "Europe/Berlin")
    dead = people.number[people.dead].tolist()
    assert 0 < len(dead) < 8 and not set(dead) & set(HOSTILE_AT)
    for hour in (9, 10):
        await send(shop, at(DAY, hour), kind=f"kind{hour}")
    async with shop.tenant_scope("alpha") as ctx:
        bounced = await ctx.db.fetch(
            """SELECT c.number, o.detail FROM pipeline_outcome o JOIN sandbox_customer c
                 ON c.tenant_id = o.tenant_id AND c.customer_id = o.customer_id
               WHERE o.kind = 'bounced'"""
        )
        assert sorted(row["number"] for row in bounced) == sorted(2 * dead)
        assert all('"hard":1' in row["detail"].replace(" ", "") for row in bounced)
        with_address = await ctx.db.fetchval(
            """SELECT count(*) FROM sandbox_customer s JOIN profiles_customer c
                 ON c.tenant_id = s.tenant_id AND c.id = s.customer_id
               WHERE s.number = ANY($1::int[]) AND c.email IS NOT NULL""",
            dead,
        )
        reasons = await content(ctx, "profiles_suppression", "reason")
        assert reasons == [("bounced",)] * with_address and with_address > 0
        delivered = "SELECT count(*) FROM pipeline_outcome WHERE kind = 'delivered'"
        assert await ctx.db.fetchval(delivered) == 2 * (400 - len(dead))
        # Who is not there does nothing.
        planned = await content(ctx, "sandbox_reaction", "number, kind")
        assert not {number for number, kind in planned if kind != "got"} & set(dead)


async def test_erased_customers_live_no_more(shop: Core) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        state = await repo.state(ctx)
        customer = int(state.customer_id[0])
        assert (await repo.export(ctx, customer)).rows
        assert (await repo.erase(ctx, customer)).rows == 1
        assert (await repo.erase(ctx, customer)).rows == 0
        assert not (await repo.export(ctx, customer)).rows
    await live(shop, at(DAY + timedelta(days=1)))


async def test_the_clock_turns_day_by_day(shop: Core) -> None:
    engine = Engine(core=shop, settings=SETTINGS)
    seen: list[datetime] = []

    async def visit(tenant_id: str, moment: datetime) -> None:
        async with shop.tenant_scope(tenant_id) as ctx:
            assert ctx.now == moment
        seen.append(moment)

    days = [day.day async for day in turn(engine, "alpha", 2, visit)]
    assert days == [DAY, DAY + timedelta(days=1)]
    assert seen == [*stops(DAY, BERLIN), *stops(DAY + timedelta(days=1), BERLIN)]
    # What is past is not done again.
    assert await stop_at(engine, "alpha", at(DAY, 10)) == Lived()


async def test_only_sandboxes_turn_and_never_in_production(shop: Core) -> None:
    engine = Engine(core=shop, settings=SETTINGS)
    with pytest.raises(Conflict, match="not a sandbox"):
        async for _ in turn(engine, "bravo", 1):
            pass
    shop.production = True
    with pytest.raises(Forbidden, match="production"):
        async for _ in turn(engine, "alpha", 1):
            pass
    for command in (run_demo(PRODUCTION, None, WISH), turn_clock(PRODUCTION, None, "alpha", 1)):
        with pytest.raises(Forbidden, match="production"):
            await command


async def test_without_a_shop_nothing_lives(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        with pytest.raises(NotFound, match="sandbox make"):
            await live_day(ctx, DAY)
        assert await panels.days(ctx, None) is None
        event = MessagesAccepted(
            occurred_at=ctx.now,
            campaign_id=new_id(),
            campaign_type="welcome",
            message_ids=(new_id(),),
            customer_ids=(1,),
        )
        await mail.accepted(ctx, [event])
        assert not await ctx.db.fetchval("SELECT count(*) FROM sandbox_reaction")


# --- the truth about mail -------------------------------------------------------------------------


def test_mail_moves_some_and_puts_off_others() -> None:
    people = make_people(1, 20_000)
    who = np.arange(20_000)
    draws = np.random.default_rng(0).random((20_000, 8))
    bought = np.ones(20_000, dtype=bool)
    needed = need(people, who, bought, np.full(20_000, 60.0), np.zeros(20_000, dtype=bool))

    def answers(**changed: object) -> dict[str, float]:
        asked = {"hour": people.habit, "fatigue": np.ones(20_000), "needed": needed, "draws": draws}
        made = react(people, who, **{**asked, **changed})  # type: ignore[arg-type]
        known = {
            n: float((~np.isnan(getattr(made, n))).mean()) for n in ("click", "order", "leave")
        }
        return {**known, "put_off": float(made.put_off.mean())}

    usual = answers()
    assert 0.015 < usual["click"] < 0.10
    assert 0.005 < usual["order"] < 0.04
    assert 0.0005 < usual["leave"] < 0.004
    assert 0.01 < usual["put_off"] < 0.05
    tired = answers(fatigue=np.full(20_000, 12.0))
    assert tired["leave"] > 10 * usual["leave"] and tired["order"] < 0.5 * usual["order"]
    assert answers(effect=0.0)["order"] == 0 and answers(effect=0.0)["put_off"] == 0
    wrong_hour = answers(hour=(people.habit + 12) % 24)
    assert wrong_hour["order"] < usual["order"]
    moved = people.pull > 0
    assert 0.25 < moved.mean() < 0.42 and (people.pull < 0).mean() > 0.05
