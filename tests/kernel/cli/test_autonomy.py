"""`mailwright autonomy TENANT`: what it shows, what it refuses, and that it sets what it says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from kernel.cli.main import cli
from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.tenancy import sync
from tests.kernel.pipeline.trust import earn, judge, new_campaign, status

if TYPE_CHECKING:
    from pathlib import Path

    from kernel.tenancy.core import Core

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(
    core: Core, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """run("alpha", …) in a thread, since a command opens an event loop of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("MAILWRIGHT_DATA_DIR", str(tmp_path))

    async def run(*arguments: str) -> Result:
        args = ["autonomy", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, cli, args, standalone_mode=False)

    return run


async def test_it_shows_each_type_and_why(core: Core, run: Run) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "approved", 4)
    done = await run("alpha")
    assert done.exception is None, done.output
    assert "All campaign types (all types): manual" in done.output
    assert "(welcome): manual" in done.output and "chosen in tenant.toml" in done.output
    assert "approved campaigns 4 of 10: automatic is 6 missing" in done.output
    assert "4 judged, not enough history: counts as low" in done.output


async def test_automatic_too_early_is_refused_and_says_how_many_are_missing(
    core: Core, run: Run
) -> None:
    await earn(core, 7)
    for arguments in (("--set", "automatic"), ("--type", "welcome", "--set", "automatic")):
        refused = (await run("alpha", *arguments)).exception
        assert isinstance(refused, Conflict) and "3 more approved campaigns are missing" in str(
            refused
        )
    assert "Automatic" not in (await run("alpha")).output


async def test_it_sets_what_it_says(core: Core, run: Run) -> None:
    await earn(core, 20)
    asked = ("--type", "welcome", "--set", "automatic", "--threshold", "0.9", "--reason", "good")
    done = await run("alpha", *asked, "--json")
    told = json.loads(done.stdout)
    [line] = told["levels"]
    assert line["standing"]["effective"] == "automatic" and line["standing"]["threshold"] == 0.9
    assert {change["reason"] for change in told["changes"]} == {"good"}
    assert {change["actor"].partition(":")[0] for change in told["changes"]} == {"cli"}
    done = await run("alpha", "--set", "one_click", "--needed", "5")
    assert "approved campaigns 20 of 5" in done.output
    done = await run("alpha", "--type", "welcome", "--set", "default")
    assert "(welcome): one click" in done.output and "chosen for all types" in done.output


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("alpha", "--needed", "2"), InvalidInput),
        (("alpha", "--type", "nonsense", "--set", "manual"), NotFound),
        (("nobody",), NotFound),
    ],
)
async def test_what_is_wrong_is_an_error_with_a_fix(
    run: Run, arguments: tuple[str, ...], error: type[Exception]
) -> None:
    assert isinstance((await run(*arguments)).exception, error)


async def test_a_wish_that_is_refused_changes_nothing_else(core: Core, run: Run) -> None:
    asked = ("--threshold", "0.95", "--set", "automatic")
    assert isinstance((await run("alpha", *asked)).exception, Conflict)
    assert "threshold 0.8;" in (await run("alpha")).output


async def test_tenant_toml_may_wish_for_it_and_is_told_what_it_is_until_then(
    core: Core, run: Run, tmp_path: Path
) -> None:
    """By the real files and the real `apply`: it is no error, and no way in."""
    home = tmp_path / "tenants/northwind/alpha"
    home.mkdir(parents=True)
    (home.parent / "reseller.toml").write_text('name = "Northwind"')
    plugins = "\n".join(f"[plugins.{name}]" for name in ("rules", "welcome", "outbox"))
    (home / "tenant.toml").write_text(
        f"""name = "Alpha"
timezone = "Europe/Berlin"
currency = "EUR"
country = "DE"
postal_address = "Hauptstr. 1, 10115 Berlin, Germany"
autonomy = "automatic"
[sender]
name = "Alpha"
email = "hello@alpha.example"
{plugins}
"""
    )
    await sync.apply(core, tmp_path / "tenants", "reseller")
    done = await run("alpha", "--type", "welcome")
    assert "(welcome): one click" in done.output
    assert "It acts as one click until 10 more campaigns are approved." in done.output
    assert await status(core, await new_campaign(core)) == ("waiting", "")
