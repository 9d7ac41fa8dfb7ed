"""The repository sees one tenant, whatever it is asked; without a scope it sees nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from piccolo.columns import UUID, Text
from piccolo.columns.combination import WhereRaw
from piccolo.table import Table

from kernel.contracts.errors import InvalidInput, UnscopedQuery
from kernel.db.piccolo_conf import DB
from kernel.tenancy.core import Core
from kernel.tenancy.repository import TenantRepository
from kernel.tenancy.tables import TenancyAudit, TenancyHealth, TenancyPlugin, TenancyTenant

START = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(core: Core, tenant: str, count: int = 5) -> None:
    async with core.tenant_scope(tenant, actor="tester") as ctx:
        rows = [
            {
                "plugin": f"p{n}",
                "what": "decide",
                "error": tenant,
                "last_at": START + timedelta(days=n // 2),
            }
            for n in range(count)
        ]
        await TenantRepository(TenancyHealth, ctx).insert(*rows)


async def test_every_verb_is_filtered_even_for_the_system_role(core: Core) -> None:
    """Run as the system role, which row-level security lets see all: the filter alone holds."""
    await fill(core, "alpha")
    await fill(core, "bravo")
    async with core.tenant_scope("bravo") as ctx:
        await ctx.db.execute("SET LOCAL ROLE mailwright_system")
        health = TenantRepository(TenancyHealth, ctx)
        anything = WhereRaw("true OR {} = 'x'", "x")
        assert {row["tenant_id"] for row in await health.select(anything)} == {"bravo"}
        assert await health.count() == await health.count(anything) == 5
        assert await health.get(TenancyHealth.error == "alpha") is None
        assert (await health.page(where=anything)).rows == await health.select(
            order_by=[TenancyHealth.what]
        )
        assert await health.update({"times": 9}, anything) == 5
        assert await health.delete(anything) == 5
        assert await ctx.db.fetchval("SELECT count(*) FROM tenancy_health WHERE times = 1") == 5


async def test_insert_fills_the_tenant_and_refuses_another(core: Core) -> None:
    async with core.tenant_scope("bravo", actor="tester") as ctx:
        plugins = TenantRepository(TenancyPlugin, ctx)
        back = await plugins.insert(
            {"plugin": "one", "settings": {"days": 7}},
            {"plugin": "two", "enabled": False},
            returning=(TenancyPlugin.plugin, TenancyPlugin.settings, TenancyPlugin.enabled),
        )
        assert back == [
            {"plugin": "one", "settings": {"days": 7}, "enabled": True},
            {"plugin": "two", "settings": {}, "enabled": False},
        ]
        assert await plugins.insert() == []
        row = await plugins.get(TenancyPlugin.plugin == "one")
        assert row is not None and row["tenant_id"] == "bravo" and row["settings"] == {"days": 7}
        with pytest.raises(UnscopedQuery, match="A row for tenant `alpha`"):
            await plugins.insert({"tenant_id": "alpha", "plugin": "three"})
        with pytest.raises(UnscopedQuery, match="A row for tenant `alpha`"):
            await plugins.update({"tenant_id": "alpha"}, None)
        with pytest.raises(ValueError, match="has no column nope"):
            await plugins.insert({"nope": 1})
        audit = TenantRepository(TenancyAudit, ctx)
        first = await audit.insert({"actor": "a", "action": "b"}, returning=(TenancyAudit.id,))
        assert first[0]["id"] > 0
    async with core.tenant_scope("alpha") as ctx:
        assert await TenantRepository(TenancyPlugin, ctx).get(TenancyPlugin.plugin == "one") is None


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_by_key_miss_and_double_nothing(core: Core, descending: bool) -> None:
    await fill(core, "bravo", 11)
    async with core.tenant_scope("bravo") as ctx:
        health = TenantRepository(TenancyHealth, ctx)
        order = (TenancyHealth.last_at, TenancyHealth.plugin)
        seen: list[str] = []
        after = ""
        for _ in range(10):
            page = await health.page(order, after, 3, descending=descending)
            seen += [row["plugin"] for row in page.rows]
            if not (after := page.next):
                break
            # What comes or goes meanwhile moves nobody from page to page.
            await health.insert(
                {
                    "plugin": f"new{len(seen)}",
                    "what": "x",
                    "error": "",
                    "last_at": START - timedelta(days=9)
                    if not descending
                    else START + timedelta(days=99),
                }
            )
        assert sorted(seen) == sorted(f"p{n}" for n in range(11)) and len(set(seen)) == 11
        assert len(page.rows) == 2 and page.next == ""
        with pytest.raises(ValueError, match="may be null"):
            await TenantRepository(TenancyTenant, ctx).page((TenancyTenant.clock_at,))
        for forged in ("x", "W10", "!!!!", "WzFd", "WyJhIiwiYiIsMV0"):
            with pytest.raises(InvalidInput, match="This page does not exist"):
                await health.page(order, forged)


async def test_without_a_scope_it_raises(core: Core) -> None:
    detached = await core.detached("bravo")
    with pytest.raises(UnscopedQuery, match="outside a transaction"):
        TenantRepository(TenancyPlugin, detached)
    async with core.tenant_scope("bravo") as ctx:
        kept = TenantRepository(TenancyPlugin, ctx)
        ctx.db.tenant = "alpha"
        with pytest.raises(UnscopedQuery, match="not one of tenant `bravo`"):
            TenantRepository(TenancyPlugin, ctx)
    for work in (kept.select(), kept.delete(None)):
        with pytest.raises(UnscopedQuery, match="has ended"):
            await work


async def test_a_table_without_tenant_id_is_refused(core: Core) -> None:
    class Other(Table, tablename="tenancy_other", db=DB):
        id = UUID(primary_key=True)
        name = Text()

    async with core.tenant_scope("bravo") as ctx:
        with pytest.raises(UnscopedQuery, match="tenancy_other has no column tenant_id"):
            TenantRepository(Other, ctx)


async def test_a_bare_piccolo_query_raises_without_a_scope_and_obeys_the_wall_in_one(
    core: Core,
) -> None:
    await fill(core, "alpha")
    queries = [
        TenancyHealth.select,
        TenancyHealth.objects,
        TenancyHealth.count,
        TenancyHealth.exists,
        lambda: TenancyHealth.delete(force=True),
        lambda: TenancyHealth.update({"times": 2}, force=True),
        lambda: TenancyHealth.insert(TenancyHealth(tenant_id="alpha", plugin="x", what="y")),
        lambda: TenancyHealth.raw("SELECT * FROM tenancy_health"),
        lambda: TenancyHealth.alter().drop_table(),
    ]
    for query in queries:
        with pytest.raises(UnscopedQuery, match="outside a tenant scope"):
            await query()
    async with core.tenant_scope("bravo"):
        assert await TenancyHealth.select() == []
        assert await TenancyHealth.count() == 0
        await TenancyHealth.delete(force=True)
        await TenancyHealth.update({"times": 2}, force=True)
    async with core.system_scope("test") as unit:
        assert await unit.fetchval("SELECT count(*) FROM tenancy_health WHERE times = 1") == 5


async def test_uuids_and_times_survive_a_page_mark(core: Core) -> None:
    from kernel.tenancy.repository import _mark, _read_mark

    class Thing(Table, tablename="tenancy_thing", db=DB):
        tenant_id = Text()
        id = UUID(primary_key=True)

    columns = [TenancyHealth.last_at, Thing.id]
    row = {"last_at": START, "id": uuid4()}
    assert _read_mark(_mark(row, columns), columns) == [START, row["id"]]
