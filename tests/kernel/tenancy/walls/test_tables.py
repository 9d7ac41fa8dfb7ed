"""All tables, as bravo: alpha's rows cannot be seen, written, changed or removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import pytest

from kernel.db.uow import APP_ROLE
from kernel.tenancy.core import Core
from kernel.tenancy.scope import TenantScope


class _Undo(Exception):
    pass


@asynccontextmanager
async def as_bravo(core: Core, walls: Any = None) -> AsyncIterator[TenantScope]:
    """A scope of bravo, with rows of its own where `walls` is given; all of it undone at the end."""
    try:
        async with core.tenant_scope("bravo") as ctx:
            for table in walls.tables if walls else ():
                await ctx.db.execute(walls.insert(table, "bravo"))
            yield ctx
            raise _Undo
    except _Undo:
        pass


async def refused(ctx: TenantScope, sql: str, *args: Any) -> str:
    """The SQLSTATE with which Postgres refuses, or "" and its command tag."""
    try:
        async with ctx.savepoint():
            return f"done: {await ctx.db.execute(sql, *args)}"
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)


DENIED = "42501"  # insufficient_privilege, which is also what a policy answers


async def test_selects_show_nothing_of_others(core: Core, walls: Any) -> None:
    async with as_bravo(core, walls) as ctx:
        for table in walls.columns:
            seen = await ctx.db.fetch(f"SELECT DISTINCT tenant_id FROM {table}")
            assert [row["tenant_id"] for row in seen] == ["bravo"], table
            for tried in (
                f"SELECT 1 FROM {table} WHERE tenant_id = 'alpha'",
                f"SELECT 1 FROM {table} WHERE tenant_id <> 'bravo' OR true AND tenant_id LIKE 'al%'",
                f"SELECT 1 FROM {table} a JOIN {table} b ON b.tenant_id = 'alpha'",
                f"SELECT 1 FROM ONLY {table} WHERE tenant_id = 'alpha' FOR UPDATE",
            ):
                if "FOR UPDATE" in tried and await refused(ctx, tried) == DENIED:
                    continue  # nobody may lock what is append-only
                assert await ctx.db.fetch(tried) == [], tried
        views = await ctx.db.fetch(
            "SELECT table_name FROM information_schema.columns JOIN information_schema.views "
            "USING (table_schema, table_name) WHERE table_schema = 'public' "
            "AND column_name = 'tenant_id'"
        )
        assert views
        for (view,) in views:
            assert await ctx.db.fetch(f"SELECT 1 FROM {view} WHERE tenant_id <> 'bravo'") == []


async def test_inserts_under_anothers_name_are_refused(core: Core, walls: Any) -> None:
    async with as_bravo(core) as ctx:
        for table in walls.columns:
            if table == "tenancy_tenant":
                continue
            sql = walls.insert(table, "alpha")
            assert await refused(ctx, sql) == DENIED, table
            assert await refused(ctx, f"{sql} ON CONFLICT DO NOTHING") == DENIED, table
            assert await refused(ctx, f"{sql} RETURNING 1") == DENIED, table
            sql = walls.insert(table, "new-tenant")
            assert await refused(ctx, sql) == DENIED, table
        new = "INSERT INTO tenancy_tenant SELECT 'new' AS tenant_id, reseller_id, name, timezone, "
        new += "currency, country, sender, postal_address FROM tenancy_tenant"
        assert await refused(ctx, new) == DENIED


async def test_updates_reach_nobody_else_and_give_nothing_away(core: Core, walls: Any) -> None:
    async with as_bravo(core, walls) as ctx:
        for table, columns in walls.columns.items():
            name = columns[-1]["name"]
            tag = await refused(
                ctx, f'UPDATE {table} SET "{name}" = "{name}" WHERE tenant_id = $1', "alpha"
            )
            assert tag in {"done: UPDATE 0", DENIED}, table
            tag = await refused(ctx, f'UPDATE {table} SET "{name}" = "{name}"')
            assert tag in {"done: UPDATE 1", DENIED}, table
            tag = await refused(ctx, f"UPDATE {table} SET tenant_id = 'alpha'")
            assert tag == DENIED, table


async def test_deletes_reach_nobody_else(core: Core, walls: Any) -> None:
    async with as_bravo(core, walls) as ctx:
        for table in walls.columns:
            tag = await refused(ctx, f"DELETE FROM {table} WHERE tenant_id = 'alpha'")
            assert tag in {"done: DELETE 0", DENIED}, table
            tag = await refused(ctx, f"DELETE FROM {table}")
            assert tag in {"done: DELETE 1", DENIED}, table
            assert await refused(ctx, f"TRUNCATE {table}") == DENIED, table


async def test_bulk_paths_obey_the_wall(core: Core, walls: Any) -> None:
    async with as_bravo(core) as ctx:
        for table in walls.tables:
            out: list[bytes] = []

            async def take(data: bytes, out: list[bytes] = out) -> None:
                out.append(data)

            await ctx.db.conn.copy_from_query(f"SELECT tenant_id FROM {table}", output=take)
            assert b"alpha" not in b"".join(out), table
            columns = [column["name"] for column in walls.columns[table]]
            with pytest.raises(asyncpg.FeatureNotSupportedError):
                async with ctx.savepoint():
                    await ctx.db.conn.copy_records_to_table(table, columns=columns, records=[])


async def test_statistics_tell_nothing(core: Core, walls: Any) -> None:
    async with core.pool.unit_of_work(role=None) as unit:
        for table in walls.tables:
            await unit.execute(f"ANALYZE {table}")
    async with as_bravo(core) as ctx:
        # tenancy_switch belongs to nobody: every tenant reads it, and so its statistics.
        seen = "SELECT tablename FROM pg_stats WHERE tablename = ANY($1::text[])"
        assert await ctx.db.fetch(seen, list(walls.tables)) == []
        assert await refused(ctx, "SELECT 1 FROM pg_statistic") == DENIED


async def test_a_wall_without_a_tenant_shows_nothing(core: Core, walls: Any) -> None:
    for table in walls.columns:
        # A fresh connection raises; one that once served a tenant compares with an empty name.
        with suppress(asyncpg.UndefinedObjectError):
            async with core.pool.unit_of_work(role=APP_ROLE) as unit:
                assert await unit.fetch(f"SELECT 1 FROM {table}") == [], table


async def test_another_resellers_brand_is_not_seen(core: Core) -> None:
    async with core.system_scope("test") as unit:
        await unit.execute("INSERT INTO tenancy_reseller (reseller_id, name) VALUES ('x', 'X')")
    async with as_bravo(core) as ctx:
        seen = await ctx.db.fetch("SELECT reseller_id FROM tenancy_reseller")
        assert [row["reseller_id"] for row in seen] == ["northwind"]
        tag = await refused(ctx, "UPDATE tenancy_reseller SET name = 'Y' WHERE reseller_id = 'x'")
        assert tag == "done: UPDATE 0"


async def test_only_the_system_turns_the_switch_of_everything(core: Core) -> None:
    async with as_bravo(core) as ctx:
        assert await refused(ctx, "UPDATE tenancy_switch SET halted_at = now()") == DENIED
        assert await refused(ctx, "DELETE FROM tenancy_switch") == DENIED
        assert len(await ctx.db.fetch("SELECT * FROM tenancy_switch")) == 1
