"""The commands as people type them; and what a kill -9 in the middle of an import leaves: nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from kernel.sdk import InvalidInput, KernelError
from plugins.files.commands import _export_from, _import_into
from plugins.files.importing import Options

ROWS = "order_id,ordered_at,customer_id,email,sku,quantity,unit_price\no1,2026-01-01,c1,a@x.com,A,1,10\no2,2026-01-01,c1,,A,x,10\n"


@pytest.fixture
def run(core: Any, database_url: str, redis_url: str, tmp_path: Path):
    """Runs `mailwright` in a process of its own on the test's database: (exit code, out, err)."""

    async def run(*args: str, kill_after: str = "") -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kernel.cli.main", *args,
            env=os.environ | {
                "DATABASE_URL": database_url,
                "REDIS_URL": redis_url,
                "MAILWRIGHT_DATA_DIR": str(tmp_path / "data"),
                "MAILWRIGHT_ENV": "test",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        if kill_after:
            await _until(core, kill_after)
            process.send_signal(signal.SIGKILL)
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    return run


async def _until(core: Any, statement: str) -> None:
    """Returns when another connection runs a statement that begins like this."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE $1 AND pid <> pg_backend_pid()"
    for _ in range(3000):
        async with core.pool.unit_of_work(role=None) as unit:
            if await unit.fetchval(query, f"%{statement}%"):
                return
        await asyncio.sleep(0.01)
    raise AssertionError(f"nobody ran {statement}")


async def count(core: Any, tenant: str = "alpha") -> dict[str, int]:
    async with core.tenant_scope(tenant) as ctx:
        return {
            table: await ctx.db.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("profiles_customer", "profiles_order", "profiles_order_line", "profiles_import", "events_event")
        }  # fmt: skip


async def test_import_prints_its_report_and_puts_rejects_into_the_data_folder(run, core, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ROWS)
    code, out, err = await run("import", "orders", str(path), "--tenant", "alpha")
    assert (code, err) == (0, "")
    for words in ("read", "written", "bad quantity", "customers created", "skipped rows:"):
        assert words in out
    (rejects,) = (tmp_path / "data/imports").iterdir()
    assert msgspec.json.decode(rejects.read_bytes())["reason"] == "bad_quantity"
    assert (await count(core))["profiles_order"] == 1

    again = await _import_into(core, "orders", path, "alpha", Options())
    assert again.rows == {"read": 2, "written": 0, "unchanged": 1, "merged": 0, "skipped": 1}


async def test_a_dry_run_reports_and_keeps_nothing(core, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ROWS)
    report = await _import_into(core, "orders", path, "alpha", Options(dry_run=True))
    assert report.dry_run is True
    assert report.done["orders_created"] == 1
    assert set((await count(core)).values()) == {0}


@pytest.mark.parametrize(
    ("kind", "file", "tenant", "options", "says"),
    [
        ("orders", "orders.csv", "nobody", {}, "There is no tenant `nobody`"),
        ("orders", "orders.csv", "bravo", {}, "has not enabled the plugin `files`"),
        ("orders", "nowhere.csv", "alpha", {}, "does not exist"),
        ("customers", "orders.csv", "alpha", {"preset": "shop"}, "no preset `shop`"),
        ("orders", "orders.csv", "alpha", {"timezone": "X/Y"}, "no time zone `X/Y`"),
    ],
)
async def test_mistakes_are_told_and_nothing_is_kept(
    core, tmp_path, kind, file, tenant, options, says
):
    (tmp_path / "orders.csv").write_text(ROWS)
    with pytest.raises(KernelError, match=says) as caught:
        await _import_into(core, kind, tmp_path / file, tenant, Options(**options))
    assert caught.value.fix
    assert set((await count(core)).values()) == {0}


async def test_a_mistake_ends_with_its_fix_and_without_a_traceback(run, tmp_path):
    code, out, err = await run("import", "orders", str(tmp_path), "--tenant", "alpha")
    assert code == 2
    assert "is a folder" in err
    assert "fix" in err
    assert "Traceback" not in out + err


async def test_a_kill_in_the_middle_leaves_nothing_and_the_next_run_does_all(run, core, tmp_path):
    n = pl.int_range(60_000, eager=True)
    lines = pl.DataFrame({"n": n}).select(
        order_id="o" + (pl.col("n") // 4).cast(pl.String),
        ordered_at=pl.lit("2026-01-01"),
        customer_id="c" + (pl.col("n") // 40).cast(pl.String),
        sku="S" + (pl.col("n") % 50).cast(pl.String),
        quantity=pl.lit(1),
        unit_price=pl.lit("2.50"),
    )
    path = tmp_path / "orders.parquet"
    lines.write_parquet(path)
    code, _, _ = await run(
        "import",
        "orders",
        str(path),
        "--tenant",
        "alpha",
        kill_after="INSERT INTO profiles_order_line",
    )
    assert code == -signal.SIGKILL
    assert set((await count(core)).values()) == {0}
    report = await _import_into(core, "orders", path, "alpha", Options())
    assert report.rows["written"] == 60_000
    assert await count(core) == {
        "profiles_customer": 1_500, "profiles_order": 15_000, "profiles_order_line": 60_000,
        "profiles_import": 1, "events_event": 1,
    }  # fmt: skip


async def test_two_imports_at_once_take_turns(core, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(ROWS)
    done = await asyncio.gather(
        *(_import_into(core, "orders", path, "alpha", Options()) for _ in range(3))
    )
    assert sorted(report.rows["written"] for report in done) == [0, 0, 1]


async def test_export_prints_what_it_wrote(run, core, tmp_path):
    code, out, err = await run(
        "export", "--tenant", "alpha", "--to", str(tmp_path / "out"), "--json"
    )
    assert (code, err) == (0, "")
    assert json.loads(out)["customers.csv"] == 0
    with pytest.raises(InvalidInput, match="is not empty"):
        await _export_from(core, "alpha", tmp_path / "out", "csv")
    assert await _export_from(core, "bravo", tmp_path / "bravo", "csv")
