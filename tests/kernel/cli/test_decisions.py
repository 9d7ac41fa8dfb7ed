"""`mailwright decisions` and `mailwright why --message`, on a shop that has decided."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from kernel.cli import decisions, why
from kernel.cli.program import Program
from kernel.contracts.errors import InvalidInput
from kernel.pipeline import run
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    import click

    from kernel.tenancy.core import Core


async def decided(core: Core) -> list[int]:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 5, created_at=ctx.now - timedelta(days=2))
    await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    return ids


def program(core: Core) -> Program:
    loop = asyncio.get_running_loop()

    class Here(Program):
        """Commands work on the core of the test, in its loop."""

        def run(self, work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work(core), loop).result()

    return Here()


async def said(core: Core, command: click.Command, *arguments: str) -> str:
    done = await asyncio.to_thread(
        CliRunner().invoke, command, arguments, obj=program(core), standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.stdout


async def test_list_pages_and_counts(core: Core) -> None:
    await decided(core)
    text = await said(core, decisions.command, "list", "alpha", "--limit", "3")
    assert text.count("welcome: ") == 3
    assert "5 decisions = 5 waiting" in text
    last = text.rpartition("more: --before ")[2].strip()
    rest = await said(core, decisions.command, "list", "alpha", "--before", last)
    assert rest.count("welcome: ") == 2 and "more:" not in rest
    none = await said(core, decisions.command, "list", "alpha", "--fallback")
    assert none == "0 decisions = 0\n"
    lines = await said(core, decisions.command, "list", "alpha", "--plugin", "rules", "--json")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert len(rows) == 5 and all(row["plugin"] == "rules" and row["send"] for row in rows)
    assert await said(core, decisions.command, "list", "bravo") == "0 decisions = 0\n"


async def test_diff_tells_what_other_rules_would_do(core: Core) -> None:
    await decided(core)
    same = await said(core, decisions.command, "diff", "alpha", "--set", "rules.rest_days=7")
    assert "5 decisions: 5 the same, 0 would differ" in same
    # Nobody may be written to who has no order after a day and a half without a click.
    asked = ("diff", "alpha", "--days", "3", "--set", "rules.silent_days=1.5")
    text = await said(core, decisions.command, *asked)
    assert "0 the same, 5 would differ" in text and "-> not sent" in text
    assert "too few signals" in text
    found = json.loads(await said(core, decisions.command, *asked, "--json"))
    assert found["shifts"][0]["decisions"] == found["decisions"] == 5
    with pytest.raises(InvalidInput):
        await said(core, decisions.command, "diff", "alpha", "--set", "rules")


async def test_why_of_one_message(core: Core) -> None:
    ids = await decided(core)
    async with core.tenant_scope("alpha") as ctx:
        message = await ctx.db.fetchval(
            "SELECT id FROM pipeline_message WHERE customer_id = $1", ids[0]
        )
    alpha = ("--tenant", "alpha", "--message", str(message))
    assert "Known: no order since" in await said(core, why.command, str(ids[0]), *alpha)
    other = await said(core, why.command, str(ids[1]), *alpha)
    assert other == "Nothing has been decided about this message yet.\n"
