"""The audit trail: newest first, in pages, and nobody can change it."""

from __future__ import annotations

import asyncpg
import pytest

from kernel.tenancy import audit
from kernel.tenancy.core import Core


async def test_lines_come_in_pages_newest_first(core: Core) -> None:
    async with core.tenant_scope("alpha", actor="tester") as ctx:
        for number in range(5):
            await audit.record(ctx, "thing.done", f"thing {number}", number=number)
    async with core.tenant_scope("alpha") as ctx:
        first = await audit.page(ctx, limit=3)
        second = await audit.page(ctx, first.next, limit=3)
    assert [row["subject"] for row in first.rows + second.rows] == [
        f"thing {number}" for number in (4, 3, 2, 1, 0)
    ]
    assert first.rows[0]["actor"] == "tester" and first.rows[0]["detail"] == {"number": 4}
    assert second.next == ""
    async with core.tenant_scope("bravo") as ctx:
        assert (await audit.page(ctx)).rows == []


@pytest.mark.parametrize(
    "sql",
    ["UPDATE tenancy_audit SET actor = 'x'", "DELETE FROM tenancy_audit", "TRUNCATE tenancy_audit"],
)
@pytest.mark.parametrize("scope", ["tenant", "system"])
async def test_what_is_written_stays_written(core: Core, sql: str, scope: str) -> None:
    opened = core.tenant_scope("alpha") if scope == "tenant" else core.system_scope("test")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with opened as inside:
            await getattr(inside, "db", inside).execute(sql)
