"""What the wall stops and what it does not: docs/adr/0003-walls.md says no more than this."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import asyncpg
import pytest

from kernel.tenancy.core import Core

LOGIN = "walls_login"
"""As an installation should have it: may take the two roles, owns nothing, inherits nothing."""


class _Undo(Exception):
    pass


async def _as_hardened(core: Core, statements: list[str]) -> list[int]:
    """How many customers are seen after each statement, in a scope of bravo's, as LOGIN."""
    seen = []
    with suppress(_Undo):
        async with core.pool.unit_of_work(role=None) as unit:
            await unit.execute(
                f"CREATE ROLE {LOGIN} LOGIN NOINHERIT NOSUPERUSER; "
                f"GRANT mailwright_app, mailwright_system TO {LOGIN}; "
                f"SET LOCAL SESSION AUTHORIZATION {LOGIN}; SET LOCAL ROLE mailwright_app; "
                "SELECT set_config('mailwright.tenant', 'bravo', true)"
            )
            for statement in statements:
                await unit.execute(statement)
                try:
                    async with unit.conn.transaction():
                        sql = "SELECT count(*) FROM profiles_customer"
                        seen.append(await unit.fetchval(sql))
                except asyncpg.InsufficientPrivilegeError:
                    seen.append(-1)
            raise _Undo
    return seen


async def test_a_plugin_that_lays_down_its_role_gets_less_not_more(core: Core, walls: Any) -> None:
    assert await _as_hardened(core, ["SELECT 1", "RESET ROLE", "SET LOCAL ROLE none"]) == [
        0,
        -1,
        -1,
    ]


async def test_what_the_wall_does_not_stop(core: Core, walls: Any) -> None:
    """SQL that means to pass. It is why no code of ours may write it (tests/architecture)."""
    for trick in (
        "SELECT set_config('mailwright.tenant', 'alpha', true)",
        "SET LOCAL ROLE mailwright_system",
    ):
        assert await _as_hardened(core, [trick]) == [1], trick


async def _fail_as_system(core: Core) -> None:
    async with core.tenant_scope("bravo") as ctx:
        await ctx.db.execute("SET LOCAL ROLE mailwright_system")
        await ctx.db.execute("SELECT 1 / 0")


async def test_a_role_and_a_tenant_end_with_their_transaction(core: Core) -> None:
    """A connection goes back to the pool as it came, whether the work was done or failed."""
    for _ in range(core.pool.size * 2):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await _fail_as_system(core)
        async with core.pool.unit_of_work(role=None) as unit:
            assert await unit.fetchval("SELECT current_user = session_user")
            assert not await unit.fetchval("SELECT current_setting('mailwright.tenant', true)")
