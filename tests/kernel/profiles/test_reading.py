"""One customer, pages of them, traits, the timeline, and the rights of a person."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from kernel.contracts.errors import InvalidInput, NotFound
from kernel.contracts.profiles import Trait
from kernel.profiles import repo, tables
from kernel.profiles.consent import set_consent
from kernel.profiles.frames import LINES, ORDERS
from kernel.profiles.live import place_orders
from kernel.profiles.rights import erase_customer, export_customer
from kernel.profiles.traits import traits_of, write_traits
from kernel.testing.seed import add_customers

from .conftest import DAY, frame, line, order


async def names(ctx, search="", **filters):
    page = await repo.customers_page(ctx, search, **filters)
    return [c.first_name for c in page.customers]


@pytest.fixture
async def people(alpha):
    for first, last, email, external in (
        ("Ada", "Byron", "ada@x.com", "c1"),
        ("Bob", "O'Neil", "bob_1@x.com", "100%"),
        ("Änne", "van Dyck", "ae@x.com", ""),
        ("Adam", "Ant", None, "c4"),
    ):
        await alpha.db.execute(
            "INSERT INTO profiles_customer (tenant_id, external_id, email, first_name, last_name, "
            "created_at, email_consent) VALUES ('alpha', $1, $2, $3, $4, $5, $6)",
            external,
            email,
            first,
            last,
            DAY,
            "subscribed" if email else "unknown",
        )


async def test_search(alpha, people):
    assert await names(alpha) == ["Adam", "Änne", "Bob", "Ada"]
    assert await names(alpha, "ad") == ["Adam", "Ada"]
    assert await names(alpha, "ADA@") == ["Ada"]
    assert await names(alpha, "byron") == ["Ada"]
    assert await names(alpha, "ada by") == ["Ada"]
    assert await names(alpha, "byron a") == ["Ada"]
    assert await names(alpha, "van dyck") == ["Änne"]
    assert await names(alpha, "c4") == ["Adam"]
    assert await names(alpha, "100%") == ["Bob"]
    assert await names(alpha, "ad", consent="subscribed") == ["Ada"]


@pytest.mark.parametrize("search", ["%", "_", "b_b", "x.com", "' OR 1=1 --", "\\", "zzz", "c"])
async def test_signs_of_patterns_match_nothing_but_themselves(alpha, people, search):
    assert await names(alpha, search) == []


async def test_search_is_served_by_the_indexes(core):
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "INSERT INTO profiles_customer (tenant_id, external_id, email, first_name, last_name, "
            "created_at) SELECT 'alpha', 'c' || n, 'mail' || n || '@x.com', 'First' || n, 'Last' || n, "
            "now() FROM generate_series(1, 20000) n"
        )
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("ANALYZE profiles_customer")
    condition = repo._matches(1, several=False)
    for number, value in enumerate(("last123", "last123", "last123", ""), 1):
        condition = condition.replace(f"${number}::text", f"'{value}'")
    async with core.tenant_scope("alpha") as ctx:
        plan = await ctx.db.fetch(
            "EXPLAIN SELECT id FROM profiles_customer c WHERE c.tenant_id = 'alpha' AND "
            + condition
        )
        plan = "\n".join(row[0] for row in plan)
        for index in ("email", "first", "last", "external"):
            assert f"profiles_customer_{index}" in plan, plan
        assert len(await names(ctx, "last1234", limit=200)) == 11


async def test_pages_by_key(alpha):
    ids = await add_customers(alpha, 7)
    seen, after = [], None
    while True:
        page = await repo.customers_page(alpha, after=after, limit=3)
        seen += [c.id for c in page.customers]
        if page.next is None:
            break
        after = page.next
        await add_customers(alpha, 1)
    assert seen == ids[::-1]


async def test_one_customer(alpha, core):
    (one,) = await add_customers(alpha, 1)
    found = await repo.customer(alpha, one)
    assert (found.id, found.email, found.email_consent) == (
        one,
        "customer1@example.com",
        "subscribed",
    )
    for wrong in (one + 1, 0, -1, 2**70):
        with pytest.raises(NotFound):
            await repo.customer(alpha, wrong)
    for text in (str(one), "c1", "Customer1@Example.com"):
        assert await repo.find_customer(alpha, text) == one
    for text in ("", "nobody", "9" * 30, "²"):
        with pytest.raises(NotFound):
            await repo.find_customer(alpha, text)


async def test_bravo_finds_nothing_of_alpha(core):
    async with core.tenant_scope("alpha") as ctx:
        (one,) = await add_customers(ctx, 1)
        await write_traits(ctx, "rfm", "1", [Trait(customer_id=one, name="rfm.score", value=1)])
    async with core.tenant_scope("bravo") as ctx:
        with pytest.raises(NotFound):
            await repo.customer(ctx, one)
        with pytest.raises(NotFound):
            await export_customer(ctx, one)
        with pytest.raises(NotFound):
            await erase_customer(ctx, one)
        assert await traits_of(ctx, [one]) == {}
        assert (await repo.timeline(ctx, one)).items == ()
        assert await names(ctx) == []


async def test_traits_are_written_where_they_differ(alpha, core, clock):
    one, two = await add_customers(alpha, 2)
    traits = [
        Trait(customer_id=one, name="rfm.segment", value="loyal"),
        Trait(customer_id=one, name="rfm.score", value=0.5),
        Trait(customer_id=two, name="rfm.segment", value=None),
    ]
    assert await write_traits(alpha, "rfm", "1", traits) == 3
    assert await write_traits(alpha, "rfm", "2", traits) == 0
    traits[0] = Trait(customer_id=one, name="rfm.segment", value="lost")
    assert await write_traits(alpha, "rfm", "2", [*traits, traits[0]]) == 1
    assert await traits_of(alpha, [one, two, 99]) == {
        one: {"rfm.segment": "lost", "rfm.score": 0.5},
        two: {"rfm.segment": None},
    }
    lines = await repo.traits(alpha, one)
    assert [(t.name, t.value, t.version) for t in lines] == [
        ("rfm.score", 0.5, "1"),
        ("rfm.segment", "lost", "2"),
    ]
    with pytest.raises(InvalidInput, match=r"`rfm` may not write churn\.p"):
        await write_traits(alpha, "rfm", "1", [Trait(customer_id=one, name="churn.p", value=1)])


async def shopper(ctx):
    orders = frame([order(n) for n in range(5)], ORDERS)
    await place_orders(ctx, orders, frame([line(n) for n in range(5)], LINES))
    one = await repo.find_customer(ctx, "c1")
    await set_consent(ctx, one, "subscribed", "form", DAY)
    return one


async def test_the_timeline_is_whole_and_in_order_whatever_the_page(alpha):
    one = await shopper(alpha)
    whole = (await repo.timeline(alpha, one)).items
    assert [(item.kind, item.title) for item in whole] == [
        *(("order", f"o{n}") for n in (4, 3, 2, 1, 0)),
        ("event", "consent.changed"),
        ("event", "customer.created"),
    ]
    paged, before = [], ""
    while True:
        page = await repo.timeline(alpha, one, before, limit=2)
        paged += page.items
        if not page.next:
            break
        before = page.next
    assert tuple(paged) == whole
    for wrong in ("soon|x", "2026-01-01|x", "2026-01-01T00:00:00+00:00", "|"):
        with pytest.raises(InvalidInput):
            await repo.timeline(alpha, one, wrong)


async def test_order_lines(alpha):
    await shopper(alpha)
    order_id = await alpha.db.fetchval("SELECT id FROM profiles_order WHERE external_id = 'o3'")
    (one,) = await repo.order_lines(alpha, order_id)
    assert (one.line_no, one.sku, one.quantity, str(one.unit_price)) == (1, "BOWL", 1, "10.0000")


async def test_a_copy_of_everything_kept_about_a_person(alpha):
    one = await shopper(alpha)
    await write_traits(alpha, "rfm", "1", [Trait(customer_id=one, name="rfm.score", value=3)])
    copy = await export_customer(alpha, one)
    assert copy.failed == ()
    assert copy.kernel["profiles_customer"][0]["external_id"] == "c1"
    assert len(copy.kernel["profiles_order"]) == len(copy.kernel["profiles_order_line"]) == 5
    assert copy.kernel["profiles_trait"][0]["value"] == 3
    assert copy.kernel["events_event"]
    assert msgspec.json.encode(copy)


async def test_to_be_forgotten(alpha):
    one = await shopper(alpha)
    other = (await add_customers(alpha, 1))[0]
    await alpha.db.execute(
        "UPDATE profiles_customer SET email = 'ada@x.com', first_name = 'Ada', tags = '{vip}' "
        "WHERE id = $1",
        one,
    )
    await write_traits(alpha, "rfm", "1", [Trait(customer_id=one, name="rfm.score", value=3)])
    erased = await erase_customer(alpha, one)
    assert erased.failed == ()
    assert erased.rows >= 2
    gone = await repo.customer(alpha, one)
    assert (gone.email, gone.first_name, gone.last_name, gone.tags) == (None, "", "", ())
    assert (gone.email_consent, gone.orders_count, gone.external_id) == ("unsubscribed", 5, "c1")
    assert await traits_of(alpha, [one]) == {}
    first = await alpha.db.fetchval("SELECT erased_at FROM profiles_customer WHERE id = $1", one)
    await erase_customer(alpha, one)
    again = await alpha.db.fetchval("SELECT erased_at FROM profiles_customer WHERE id = $1", one)
    assert again == first
    assert (await repo.customer(alpha, other)).email
    row = await alpha.db.fetchrow("SELECT * FROM profiles_customer WHERE id = $1", one)
    assert "ada" not in str(tuple(row)).lower()


async def test_tables_are_those_of_the_migration(core):
    async with core.pool.unit_of_work(role=None) as unit:
        rows = await unit.fetch(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns "
            "WHERE table_name LIKE 'profiles\\_%' ORDER BY ordinal_position"
        )
    real: dict[str, list[tuple[str, bool]]] = {}
    for row in rows:
        real.setdefault(row["table_name"], []).append(
            (row["column_name"], row["is_nullable"] == "YES")
        )
    told = {
        table._meta.tablename: [
            (column._meta.name, bool(column._meta.params.get("null")))
            for column in table._meta.columns
        ]
        for table in vars(tables).values()
        if isinstance(table, type) and table.__name__.startswith("Profiles")
    }
    assert told == real


async def test_timeline_shows_messages_and_outcomes(alpha):
    from uuid import uuid4

    one = await shopper(alpha)
    campaign, message = uuid4(), uuid4()
    await alpha.db.execute(
        "INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version, title, "
        "rationale, confidence, audience_rule, context, expires_at, proposed_at) "
        "VALUES ('alpha', $1, 'k', 'winback', 'winback', '1', 'We miss you', '', 0.5, '{}', '', $2, $2)",
        campaign,
        DAY,
    )
    at = DAY + timedelta(days=30)
    await alpha.db.execute(
        "INSERT INTO pipeline_message (tenant_id, campaign_id, customer_id, id, state, created_at) "
        "VALUES ('alpha', $1, $2, $3, 'accepted', $4)",
        campaign,
        one,
        message,
        at,
    )
    await alpha.db.execute(
        "INSERT INTO pipeline_outcome (tenant_id, message_id, kind, at, customer_id) "
        "VALUES ('alpha', $1, 'clicked', $2, $3)",
        message,
        at + timedelta(hours=1),
        one,
    )
    items = (await repo.timeline(alpha, one, limit=2)).items
    assert [(i.kind, i.title, i.ref) for i in items] == [
        ("outcome", "clicked", str(message)),
        ("message", "We miss you", str(message)),
    ]
