"""Every tenant table holds a row of alpha's, full of a word that nobody else may ever see."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from kernel.tenancy.core import Core
from kernel.testing.seed import add_tenant

SECRET = "quokkaspoon"
"""Stands in every text of alpha's rows."""
NUMBER = 990_001
UUID = "0199a1fa-0000-7000-8000-000000990001"

TABLES = """
SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
  AND c.relkind IN ('r', 'p') AND EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id') ORDER BY 1
"""
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attidentity <> '' AS identity,
  (SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
   WHERE k.conrelid = a.attrelid AND k.contype = 'c' AND a.attnum = ANY (k.conkey)) AS checks
FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
  AND a.attgenerated = '' ORDER BY a.attnum
"""
VALUES = {
    "text": f"'{SECRET}'",
    "character varying": f"'{SECRET}'",
    "bigint": str(NUMBER),
    "integer": "1",
    "smallint": "1",
    "uuid": f"'{UUID}'",
    "timestamp with time zone": "'2026-06-01T00:00:00Z'",
    "date": "'2026-06-01'",
    "boolean": "true",
    "numeric": "1",
    "real": "0.5",
    "double precision": "0.5",
    "interval": "'1 day'",
    "integer[]": "ARRAY[1]",
    "real[]": "ARRAY[0.5]::real[]",
    "double precision[]": "ARRAY[0.5]",
    "jsonb": f"""'{{"note": "{SECRET}"}}'""",
    "text[]": f"ARRAY['{SECRET}']",
    "bigint[]": f"ARRAY[{NUMBER}]::bigint[]",
    "uuid[]": f"ARRAY['{UUID}']::uuid[]",
    "bytea": f"'{SECRET}'",
}


class Walls:
    """The seeded tables, and the statements to try on them."""

    def __init__(self, core: Core, columns: dict[str, list[Any]]) -> None:
        self.core = core
        self.columns = columns
        self.tables = [name for name in columns if name != "tenancy_tenant"]

    def insert(self, table: str, tenant: str) -> str:
        """An INSERT of a whole row, made from the columns' types and checks."""
        names, values = [], []
        for column in self.columns[table]:
            names.append(f'"{column["name"]}"')
            allowed = re.search(r"'[^']*'::text", column["checks"] or "")
            value = allowed[0] if allowed else VALUES[column["type"]]
            values.append(f"'{tenant}'" if column["name"] == "tenant_id" else value)
        return (
            f"INSERT INTO {table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE "
            f"VALUES ({', '.join(values)})"
        )

    async def rows(self, tenant: str) -> dict[str, list[str]]:
        """All rows of a tenant as text, by table; seen as the system, from outside the wall."""
        async with self.core.system_scope("test") as unit:
            return {
                table: [
                    row["row"]
                    for row in await unit.fetch(
                        f"SELECT t::text AS row FROM {table} t WHERE tenant_id = $1 ORDER BY 1",
                        tenant,
                    )
                ]
                for table in self.columns
            }


@pytest_asyncio.fixture
async def walls(core: Core) -> AsyncIterator[Walls]:
    """alpha has a row in every tenant table; charlie, like alpha, has every plugin on."""
    async with core.pool.unit_of_work(role=None) as unit:
        tables = [row["name"] for row in await unit.fetch(TABLES)]
        columns = {table: await unit.fetch(COLUMNS, table) for table in tables}
    found = Walls(core, columns)
    async with core.tenant_scope("alpha") as ctx:
        plugins = sorted(ctx.enabled - core.board.mandatory)
        for table in found.tables:
            await ctx.db.execute(found.insert(table, "alpha"))
        await ctx.db.execute("UPDATE tenancy_tenant SET postal_address = $1", SECRET)
    await add_tenant(core, "charlie", plugins)
    before = await found.rows("alpha")
    assert all(before.values()), [table for table, rows in before.items() if not rows]
    yield found
    # Whatever the test did as somebody else: alpha's rows stand as they stood.
    assert await found.rows("alpha") == before
