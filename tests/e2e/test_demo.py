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

SMALL = ("--customers", "300", "--days", "6", "--seed", "1", "--start", "2026-06-01")
ROOT = Path(__file__).parents[2]
LAW = (
    "sent", "skipped", "suppressed", "capped", "held_out", "deferred", "failed", "unknown", "waiting",
)  # fmt: skip


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder of its own, whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="mw-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def mailwright(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    env |= {
        "MAILWRIGHT_DATA_DIR": str(data_dir / "data"),
        "MAILWRIGHT_TENANTS_DIR": str(ROOT / "tenants"),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "kernel.cli.main", *arguments]
    return subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )


async def test_a_demo_from_nothing_and_again(data_dir: Path) -> None:
    """One test, since every part looks at the same run."""
    done = mailwright(data_dir, "demo", "--once", "--json", *SMALL)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    check_summary(first)
    check_told(done.stderr)
    await check_database(data_dir, first)

    done = mailwright(data_dir, "demo", "--once", "--json", "--days", "1")
    assert done.returncode == 0, done.stderr
    assert "There is a shop already" in done.stderr
    again = json.loads(done.stdout)
    check_law(again)
    assert again["customers"] >= first["customers"]
    assert len(again["campaigns"]) >= len(first["campaigns"])
    await check_database(data_dir, again)

    done = mailwright(data_dir, "sandbox", "turn", "--tenant", "saltmarsh")
    assert done.returncode == 2
    assert "not a sandbox" in done.stderr and "tenant.toml" in done.stderr
    assert "Traceback" not in done.stderr


def check_law(summary: dict[str, Any]) -> None:
    for campaign in summary["campaigns"]:
        assert campaign["audience"] == sum(campaign[name] for name in LAW), campaign
    ids = [campaign["id"] for campaign in summary["campaigns"]]
    assert len(set(ids)) == len(ids)
    assert summary["messages"] == sum(campaign["sent"] for campaign in summary["campaigns"])


def check_summary(first: dict[str, Any]) -> None:
    check_law(first)
    assert first["customers"] >= 300
    assert first["decisions"] > 100 and first["messages"] > 50
    assert first["seconds"] > 0
    assert all(campaign["unknown"] == campaign["failed"] == 0 for campaign in first["campaigns"])
    states = {campaign["status"] for campaign in first["campaigns"]}
    assert {"rejected", "finished"} <= states
    types = {campaign["type"] for campaign in first["campaigns"]}
    assert types >= {"welcome", "winback", "recommend"}


def check_told(told: str) -> None:
    assert "300 customers" in told and "6 days" in told
    assert "The first decision" in told and "send “" in told
    assert "Traceback" not in told and "error" not in told


async def check_database(data_dir: Path, summary: dict[str, Any]) -> None:
    """Nothing doubled, the law kept, consent behind every mail, and the other shops untouched."""
    async with embedded_servers(data_dir / "data", redis=False) as urls:
        conn: asyncpg.Connection[Any] = await asyncpg.connect(urls.database_url)
        try:
            stored = await conn.fetchrow(
                "SELECT count(*) AS mails, count(DISTINCT message_id) AS messages FROM outbox_mail"
            )
            assert stored["mails"] == stored["messages"] == summary["messages"]
            states = await conn.fetch("SELECT DISTINCT state FROM pipeline_message")
            assert "delivered" in {row["state"] for row in states}
            assert not {"accepted", "unknown"} & {row["state"] for row in states}
            assert await conn.fetchval("SELECT bool_and(holds) FROM pipeline_conservation")
            assert await conn.fetchval("SELECT count(*) FROM tenancy_tenant") == 3
            for table in ("profiles_customer", "pipeline_message", "outbox_mail", "sandbox_day"):
                owners = await conn.fetch(f"SELECT DISTINCT tenant_id FROM {table}")
                assert [row["tenant_id"] for row in owners] == ["alder-and-oak"], table
            assert not await conn.fetchval(
                "SELECT count(*) FROM outbox_mail o JOIN profiles_customer c "
                "ON c.tenant_id = o.tenant_id AND c.id = o.customer_id WHERE c.consent_at IS NULL"
            )
            actions = await conn.fetch("SELECT DISTINCT action FROM pipeline_approval")
            assert {"approve", "edit", "reject"} <= {row["action"] for row in actions}
            hostile = await conn.fetch(
                "SELECT html FROM outbox_mail WHERE to_email LIKE 'hostile.%'"
            )
            assert hostile
            for row in hostile:
                assert "<script>alert" not in row["html"]
                assert "<img src=x onerror" not in row["html"]
        finally:
            await conn.close()
