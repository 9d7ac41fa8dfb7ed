"""Every table of a migrated database stands behind the wall, with no way around it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import pytest
from piccolo.table import Table

from kernel.db.uow import APP_ROLE, SYSTEM_ROLE
from kernel.plugboard.board import Plugboard
from kernel.tenancy.core import Core

KERNEL_MODULES = {"tenancy", "profiles", "events", "jobs", "pipeline", "models"}
WITHOUT_TENANT = {
    "tenancy_reseller": "seen by the tenants of the reseller alone",
    "tenancy_switch": "one row for the whole installation; tenants may only read it",
}

TABLES = """
SELECT c.oid, c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS walled,
  pg_get_userbyid(c.relowner) AS owner,
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') AS mine
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  AND c.relname <> 'migration' ORDER BY 2
"""
INDEXES = """
SELECT i.indexrelid::regclass::text AS name, i.indisprimary AS primary,
  (SELECT attname FROM pg_attribute WHERE attrelid = i.indrelid AND attnum = i.indkey[0]) AS first
FROM pg_index i WHERE i.indrelid = $1
"""
POLICIES = """
SELECT policyname AS name, permissive, roles::text[] AS roles, cmd, qual, with_check
FROM pg_policies WHERE schemaname = 'public' AND tablename = $1
"""


async def _tables(core: Core, mine: bool | None = None) -> list[Any]:
    async with core.pool.unit_of_work(role=None) as unit:
        rows = await unit.fetch(TABLES)
    return [row for row in rows if mine is None or row["mine"] == mine]


async def test_tenant_id_comes_first_in_every_key_and_index(core: Core) -> None:
    wrong = []
    async with core.pool.unit_of_work(role=None) as unit:
        for table in await _tables(core, mine=True):
            indexes = await unit.fetch(INDEXES, table["oid"])
            if not any(index["primary"] for index in indexes):
                wrong.append(f"{table['name']} has no primary key")
            wrong += [
                f"{index['name']} on {table['name']} begins with {index['first']}"
                for index in indexes
                if index["first"] != "tenant_id"
            ]
    assert not wrong, "\n".join(wrong)


async def test_every_tenant_table_is_walled_for_both_roles_and_nobody_else(core: Core) -> None:
    wrong = []
    async with core.pool.unit_of_work(role=None) as unit:
        for table in await _tables(core, mine=True):
            name = table["name"]
            if not table["walled"]:
                wrong.append(f"{name}: row-level security is not enabled and forced")
            policies = {row["name"]: row for row in await unit.fetch(POLICIES, name)}
            if set(policies) != {"tenant", "system"}:
                wrong.append(f"{name}: policies {sorted(policies)}")
                continue
            tenant, system = policies["tenant"], policies["system"]
            for part in ("qual", "with_check"):
                said = " ".join(tenant[part].split())
                if said != (
                    "(tenant_id = ( SELECT current_setting('mailwright.tenant'::text) "
                    "AS current_setting))"
                ):
                    wrong.append(f"{name}: {part} is {said}")
            if (tenant["roles"], system["roles"]) != ([APP_ROLE], [SYSTEM_ROLE]):
                wrong.append(f"{name}: roles {tenant['roles']} and {system['roles']}")
            if {tenant["cmd"], system["cmd"]} != {"ALL"}:
                wrong.append(f"{name}: a policy is not for all commands")
    assert not wrong, "\n".join(wrong)


async def test_a_table_without_tenant_id_is_a_named_exception(core: Core) -> None:
    found = await _tables(core, mine=False)
    assert {row["name"] for row in found} == set(WITHOUT_TENANT)
    async with core.pool.unit_of_work(role=None) as unit:
        may = await unit.fetchval(
            "SELECT has_table_privilege($1, 'tenancy_switch', 'INSERT, UPDATE, DELETE, TRUNCATE')",
            APP_ROLE,
        )
    assert not may
    assert next(r for r in found if r["name"] == "tenancy_reseller")["walled"]


async def test_roles_cannot_pass_the_wall(core: Core) -> None:
    async with core.pool.unit_of_work(role=None) as unit:
        for role in (APP_ROLE, SYSTEM_ROLE):
            row = await unit.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", role)
            rights = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolcanlogin")
            assert not [right for right in rights if row[right]], role
            assert not await unit.fetch(
                "SELECT roleid::regrole FROM pg_auth_members WHERE member = $1", row["oid"]
            ), f"{role} is a member of another role"
            assert not await unit.fetchval(
                "SELECT has_schema_privilege($1, 'public', 'CREATE')", role
            )
            assert not await unit.fetchval(
                "SELECT count(*) FROM pg_class WHERE relowner = $1", row["oid"]
            )
        strangers = await unit.fetch(
            """SELECT grantee, table_name FROM information_schema.role_table_grants
               WHERE table_schema = 'public' AND grantee NOT IN ($1, $2, current_user)
                 AND (table_name, grantee, privilege_type) <> ('migration', 'PUBLIC', 'SELECT')""",
            APP_ROLE,
            SYSTEM_ROLE,
        )
        truncators = await unit.fetch(
            """SELECT grantee, table_name FROM information_schema.role_table_grants
               WHERE table_schema = 'public' AND grantee IN ($1, $2)
                 AND privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')""",
            APP_ROLE,
            SYSTEM_ROLE,
        )
    assert strangers == [] and truncators == []


async def test_views_and_functions_keep_the_wall(core: Core) -> None:
    async with core.pool.unit_of_work(role=None) as unit:
        views = await unit.fetch(
            """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
               AND (relkind = 'm' OR relkind = 'v'
                 AND NOT coalesce(reloptions::text[] @> ARRAY['security_invoker=true'], false))"""
        )
        definers = await unit.fetch(
            """SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
               AND prosecdef"""
        )
    assert views == [] and definers == []


async def test_tables_are_named_by_their_owner(core: Core, board: Plugboard) -> None:
    owned = {t: p.name for p in board.plugins.values() for t in p.manifest.tables}
    async with core.pool.unit_of_work(role=None) as unit:
        rows = await unit.fetch(
            "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p', 'v', 'm') AND relname <> 'migration'"
        )
    names = {row["name"] for row in rows}
    foreign = {n for n in names if n.partition("_")[0] not in KERNEL_MODULES and n not in owned}
    assert not foreign, "neither a kernel module's nor named in a manifest"
    assert owned.keys() <= names, "named in a manifest and made by no migration"
    assert not [table for table, plugin in owned.items() if not table.startswith(f"{plugin}_")]


def _classes() -> list[type[Table]]:
    found = []
    for name in ("kernel", "plugins", "admin_ui"):
        package = importlib.import_module(name)
        for info in pkgutil.walk_packages(package.__path__, f"{name}."):
            if info.name.endswith(".tables"):
                module = importlib.import_module(info.name)
                found += [
                    value
                    for value in vars(module).values()
                    if isinstance(value, type)
                    and issubclass(value, Table)
                    and value.__module__ == info.name
                ]
    return found


@pytest.mark.parametrize("table", _classes(), ids=lambda table: table._meta.tablename)
async def test_piccolo_sees_the_columns_that_are_there(core: Core, table: type[Table]) -> None:
    async with core.pool.unit_of_work(role=None) as unit:
        rows = await unit.fetch(
            """SELECT column_name, is_nullable = 'YES' AS nullable FROM information_schema.columns
               WHERE table_schema = 'public' AND table_name = $1""",
            table._meta.tablename,
        )
    columns = {c._meta.name: bool(c._meta.params.get("null")) for c in table._meta.columns}
    assert columns == {row["column_name"]: row["nullable"] for row in rows}
