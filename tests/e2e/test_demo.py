"""`mailwright demo` from nothing: the numbers a merchant would check, and nothing doubled or lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from kernel.runtime.embedded import embedded_servers

ROOT = Path(__file__).parents[2]
LAW = (
    "sent", "skipped", "suppressed", "capped", "held_out", "deferred", "failed", "unknown", "waiting",
)  # fmt: skip


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder of its own, whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mw-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def demo(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    env |= {
        "MAILWRIGHT_DATA_DIR": str(data_dir / "data"),
        "MAILWRIGHT_TENANTS_DIR": str(ROOT / "tenants"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "kernel.cli.main", "demo", "--once", "--json", *options]
    return subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )


@pytest.fixture(scope="module")
def first(data_dir: Path) -> dict[str, Any]:
    """The summary of a small demo."""
    done = demo(data_dir, "--customers", "300", "--days", "6")
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    summary["stderr"] = done.stderr
    return summary


def check_law(summary: dict[str, Any]) -> None:
    for campaign in summary["campaigns"]:
        assert campaign["audience"] == sum(campaign[name] for name in LAW), campaign
    ids = [campaign["id"] for campaign in summary["campaigns"]]
    assert len(set(ids)) == len(ids)


def test_the_summary_adds_up(first: dict[str, Any]) -> None:
    check_law(first)
    assert first["customers"] > 300
    assert first["decisions"] > 100
    assert first["messages"] > 50
    assert first["seconds"] < 100
    assert first["messages"] == sum(campaign["sent"] for campaign in first["campaigns"])
    assert all(campaign["unknown"] == campaign["failed"] == 0 for campaign in first["campaigns"])


def test_the_merchant_did_something_of_everything(first: dict[str, Any]) -> None:
    states = {campaign["status"] for campaign in first["campaigns"]}
    assert "rejected" in states
    assert {"finished", "sending"} & states
    assert {campaign["type"] for campaign in first["campaigns"]} == {"welcome", "winback"}


def test_progress_is_told_with_the_first_decision(first: dict[str, Any]) -> None:
    told = first["stderr"]
    assert "300 customers" in told
    assert "The first decision" in told and "send “" in told
    assert "6 days" in told
    assert "Traceback" not in told and "error" not in told


async def test_nothing_is_doubled_and_others_saw_nothing(
    first: dict[str, Any], data_dir: Path
) -> None:
    async with embedded_servers(data_dir / "data", redis=False) as urls:
        conn: asyncpg.Connection[Any] = await asyncpg.connect(urls.database_url)
        try:
            stored = await conn.fetchrow(
                "SELECT count(*) AS mails, count(DISTINCT message_id) AS messages FROM outbox_mail"
            )
            assert stored["mails"] == stored["messages"] == first["messages"]
            twice = await conn.fetchval(
                "SELECT count(*) FROM (SELECT FROM pipeline_message "
                "GROUP BY tenant_id, campaign_id, customer_id, step HAVING count(*) > 1) d"
            )
            assert twice == 0
            assert await conn.fetchval("SELECT bool_and(holds) FROM pipeline_conservation")
            tenants = await conn.fetchval("SELECT count(*) FROM tenancy_tenant")
            assert tenants == 3
            for table in ("profiles_customer", "pipeline_message", "outbox_mail", "sandbox_day"):
                owners = await conn.fetch(f"SELECT DISTINCT tenant_id FROM {table}")
                assert [row["tenant_id"] for row in owners] == ["alder-and-oak"], table
            without = await conn.fetchval(
                "SELECT count(*) FROM outbox_mail o JOIN profiles_customer c "
                "ON c.tenant_id = o.tenant_id AND c.id = o.customer_id WHERE c.consent_at IS NULL"
            )
            assert without == 0
            hostile = await conn.fetch(
                "SELECT html FROM outbox_mail WHERE to_email LIKE 'hostile.%'"
            )
            for row in hostile:
                assert "<script>alert('sandbox')" not in row["html"]
                assert "<img src=x onerror" not in row["html"]
        finally:
            await conn.close()


def test_run_again_it_goes_on(first: dict[str, Any], data_dir: Path) -> None:
    done = demo(data_dir, "--days", "1")
    assert done.returncode == 0, done.stderr
    assert "There is a shop already" in done.stderr
    again = json.loads(done.stdout)
    check_law(again)
    assert again["customers"] >= first["customers"]
    assert len(again["campaigns"]) >= len(first["campaigns"])
