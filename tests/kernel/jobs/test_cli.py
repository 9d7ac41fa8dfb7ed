"""`mailwright events`: what is dead is shown, and runs again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from kernel.cli.events import command
from kernel.cli.program import Program
from kernel.contracts.errors import InvalidInput, NotFound
from kernel.jobs.due import run_due_inline
from kernel.plugboard.board import Plugboard
from kernel.runtime.settings import Settings
from kernel.sdk import enqueue
from kernel.tenancy.core import Core
from tests.kernel.jobs.fixtures import OBEY, change, effects, happen


async def mailwright(core: Core, board: Plugboard, redis_url: str, *arguments: str) -> Result:
    """The command in a thread of its own, where it may have its own event loop."""
    program = Program()
    program.__dict__["board"] = board
    program.__dict__["settings"] = Settings(
        database_url=core.pool.url,
        redis_url=redis_url,
        secret="x" * 40,
        base_url="http://mail.test",
        data_dir=Path("/nonexistent"),
    )
    run: Any = CliRunner().invoke
    result: Result = await asyncio.to_thread(run, command, arguments, obj=program)
    return result


async def test_list_and_replay(core: Core, board: Plugboard, redis_url: str) -> None:
    async def run(*arguments: str) -> Result:
        return await mailwright(core, board, redis_url, *arguments)

    await run_due_inline(core, "alpha")
    assert (await run("list", "--tenant", "alpha")).output == "Nothing is dead.\n"
    await happen(core, "fail")
    async with core.tenant_scope("alpha") as ctx:
        await enqueue(ctx, "probe.note", {"what": "fail"})
    await run_due_inline(core, "alpha")
    await change(core, "UPDATE events_delivery SET state = 'dead' WHERE state = 'pending'")
    await change(core, "UPDATE jobs_task SET state = 'dead' WHERE state = 'due'")
    shown = (await run("list", "--tenant", "alpha")).output
    assert "event 1  probe.happened  for probe.obey" in shown
    assert "probe.note" in shown and shown.count("ValueError: told to fail") == 2
    assert (await run("list", "--tenant", "bravo")).output == "Nothing is dead.\n"
    after = await run("list", "--tenant", "alpha", "--after", "1 probe.obey", "--after-job", "99")
    assert after.output == "Nothing is dead.\n"

    refused = await run("replay", "--tenant", "alpha")
    assert isinstance(refused.exception, InvalidInput)
    missing = await run("replay", "--tenant", "alpha", "--job", "99")
    assert isinstance(missing.exception, NotFound)
    elsewhere = await run("replay", "--tenant", "bravo", "--all")
    assert elsewhere.output == "0 will be run again by the worker.\n"

    await change(core, """UPDATE events_event SET payload = payload || '{"what": "mended"}'""")
    await change(core, """UPDATE jobs_task SET payload = '{"what": "mended too"}'""")
    again = await run("replay", "--tenant", "alpha", "--all")
    assert again.output == "2 will be run again by the worker.\n"
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["mended"]
    assert await effects(core, actor="job probe.note") == ["mended too"]
