"""The promise of the ledger, short form; `make chaos` runs the long one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.killing import kill_workers

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

COUNT = int(os.environ.get("CHAOS_MESSAGES", "3000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
SEED = int(os.environ.get("CHAOS_SEED", "20261124"))


@pytest.mark.timeout(1800)
async def test_workers_killed_at_random_moments_double_and_lose_nobody(
    core: Core, redis_url: str
) -> None:
    report = await kill_workers(core, redis_url, count=COUNT, kills=KILLS, seed=SEED)
    print(report)
    report.check(COUNT)
    assert report.kills >= min(KILLS, 2)
