"""`mailwright tenants` and `mailwright clock`, run whole on a real database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kernel.cli.main import cli
from kernel.contracts.errors import Conflict, InvalidConfig, NotFound
from kernel.tenancy.core import Core

Write = Callable[..., None]
Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(
    core: Core, database_url: str, redis_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """run("tenants plan") in a thread, since a command opens an event loop of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("MAILWRIGHT_TENANTS_DIR", str(folder))
    monkeypatch.setenv("MAILWRIGHT_DATA_DIR", str(folder.parent / "data"))

    async def run(line: str, *more: str) -> Result:
        args = [*line.split(), *more]
        return await asyncio.to_thread(CliRunner().invoke, cli, args, standalone_mode=False)

    return run


async def test_plan_apply_and_plan_again(run: Run, write: Write) -> None:
    write("acme/shop", "[plugins.rules]\n")
    result = await run("tenants plan --check")
    assert result.return_value == 2
    assert "acme/shop\n  + new\n" in result.output and "+ plugins.rules: on" in result.output
    assert "northwind/alpha\n  ? only in the database; never deleted by itself" in result.output
    assert (await run("tenants plan")).return_value == 0
    assert "changes made" in (await run("tenants apply")).output
    result = await run("tenants plan --check --json")
    assert result.return_value == 0
    whats = {change["what"] for change in json.loads(result.output)["changes"]}
    assert whats == {"not in the files"}


async def test_bad_files_end_in_an_error_with_every_problem(run: Run, write: Write) -> None:
    write("acme/shop", "[plugins.ruls]\n[colours]\n")
    for line in ("tenants plan", "tenants apply"):
        error = (await run(line)).exception
        assert isinstance(error, InvalidConfig) and len(error.problems) == 2
        assert "Did you mean `rules`?" in str(error)


async def test_list_and_show(run: Run, core: Core) -> None:
    listed = json.loads((await run("tenants list --json")).output)
    assert [row["tenant"] for row in listed] == ["alpha", "bravo"]
    assert "compliance" in listed[1]["plugins"] and "rules" not in listed[1]["plugins"]
    assert "alpha  Alpha  (northwind)" in (await run("tenants list")).output
    await run("tenants halt alpha --reason", "wrong prices")
    shown = (await run("tenants show alpha")).output
    assert "wrong prices" in shown and "tenant.halted" in shown and "cli" in shown
    found = json.loads((await run("tenants show alpha --json")).output)
    assert found["tenant"]["halted_reason"] == "wrong prices"
    assert isinstance((await run("tenants show nobody")).exception, NotFound)


async def test_stop_and_go_on(run: Run, core: Core) -> None:
    assert "is stopped" in (await run("tenants halt alpha --reason x")).output
    assert "stopped already" in (await run("tenants halt alpha --reason x")).output
    assert "stopped" in (await run("tenants list")).output
    assert "may send again" in (await run("tenants resume alpha")).output
    assert "was not stopped" in (await run("tenants resume alpha")).output
    assert "Everything is stopped" in (await run("tenants halt-all --reason x")).output
    async with core.tenant_scope("bravo") as ctx:
        assert await ctx.db.fetchval("SELECT halted_at IS NOT NULL FROM tenancy_switch")
    assert "goes on" in (await run("tenants resume-all")).output
    assert "Nothing was stopped" in (await run("tenants resume-all")).output


async def test_the_clock_of_a_shop(run: Run, core: Core) -> None:
    assert "real time" in (await run("clock show --tenant alpha")).output
    assert isinstance((await run("clock set --tenant alpha 2011-09-10")).exception, Conflict)
    result = await run("clock set --tenant alpha 2011-09-10T08:00 --force")
    assert "stands at 2011-09-10 06:00 UTC" in result.output  # given in the shop's time zone
    shown = json.loads((await run("clock show --tenant alpha --json")).output)
    assert shown == {
        "tenant": "alpha",
        "now": "2011-09-10T06:00:00Z",
        "own": True,
        "timezone": "Europe/Berlin",
    }
    assert "real time" in (await run("clock reset --tenant alpha")).output
    async with core.tenant_scope("alpha") as ctx:
        assert ctx.tenant.clock_at is None
