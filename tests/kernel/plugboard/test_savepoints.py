"""What a failed plugin wrote is taken back, and the transaction it stood in goes on."""

from __future__ import annotations

import asyncpg
import pytest

from kernel.plugboard.board import build_plugboard

WRITES = """
async def write(ctx):
    await ctx.db.execute(
        "INSERT INTO tenancy_audit (tenant_id, actor, action) VALUES ($1, '{actor}', 'told')",
        ctx.tenant.id)
    ctx.after_commit(note)

async def note():
    called.append("{actor}")

called = []

@hookimpl
async def tenant_enabled(ctx):
    await write(ctx)
    {then}
"""
SWALLOWS = """try:
        await ctx.db.execute("SELECT 1 / 0")
    except Exception:
        pass"""


async def _told(core, pairs, *, deadline: float = 5.0) -> tuple[list[str], list[str]]:
    core.board = build_plugboard((), deadline, extra=pairs, only=())
    failed = []
    core.board.report = lambda failure: failed.append(failure.plugin)
    async with core.tenant_scope("alpha") as ctx:
        await core.board.notify("tenant_enabled", frozenset(core.board.plugins), ctx=ctx)
        await ctx.db.execute("SELECT 1")  # the transaction is alive
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT actor FROM tenancy_audit ORDER BY actor")
    return failed, [row["actor"] for row in rows]


@pytest.mark.parametrize(
    "then",
    [
        "raise ValueError",
        "await ctx.db.execute('SELECT nonsense')",
        SWALLOWS,
        "await ctx.db.execute('SELECT pg_sleep(60)')",
        "await asyncio.sleep(60)",
    ],
)
async def test_what_a_failed_plugin_wrote_is_taken_back(core, plugin, then: str) -> None:
    pairs = [
        plugin("aa", WRITES.format(actor="aa", then="pass")),
        plugin("bb", WRITES.format(actor="bb", then=then)),
        plugin("cc", WRITES.format(actor="cc", then="pass")),
    ]
    hangs = "60" in then
    failed, wrote = await _told(core, pairs, deadline=0.5 if hangs else 5.0)
    assert failed == ["bb"]
    assert wrote == (["aa"] if hangs else ["aa", "cc"])
    assert [module.called for _, module in pairs] == [["aa"], [], [] if hangs else ["cc"]]


async def test_nonsense_is_taken_back_too(core, plugin) -> None:
    source = WRITES.format(actor="odd", then="") + (
        "@hookimpl\nasync def erase_customer(ctx, customer_id):\n    await write(ctx)\n    return 7\n"
    )
    core.board = build_plugboard((), extra=[plugin("odd", source)], only=())
    core.board.report = lambda failure: None
    async with core.tenant_scope("alpha") as ctx:
        erased = await core.board.collect(
            "erase_customer", frozenset(["odd"]), ctx=ctx, customer_id=1
        )
        assert erased == []
        assert await ctx.db.fetchval("SELECT count(*) FROM tenancy_audit") == 0


async def test_a_dead_transaction_is_nobodys_failure(core, plugin) -> None:
    core.board = build_plugboard(
        (), extra=[plugin("aa", WRITES.format(actor="aa", then=""))], only=()
    )
    failed = []
    core.board.report = failed.append
    async with core.tenant_scope("alpha") as ctx:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await ctx.db.execute("SELECT 1 / 0")
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await core.board.notify("tenant_enabled", frozenset(["aa"]), ctx=ctx)
    assert not failed


async def test_a_detached_context_has_no_savepoint_to_take(core, plugin) -> None:
    core.board = build_plugboard(
        (), extra=[plugin("aa", "@hookimpl\nasync def tenant_enabled(ctx): pass")], only=()
    )
    ctx = await core.detached("alpha")
    assert await core.board.notify("tenant_enabled", frozenset(["aa"]), ctx=ctx) == []
