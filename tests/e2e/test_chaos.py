"""The promise under every kind of trouble, short form; `make chaos` runs the long one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.chaos.harness import Chaos
from tests.e2e.chaos.oracle import OutboxOracle
from tests.e2e.chaos.world import world

if TYPE_CHECKING:
    from pathlib import Path

COUNT = int(os.environ.get("CHAOS_MESSAGES", "2000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
SEED = int(os.environ.get("CHAOS_SEED", "20261124"))


@pytest.mark.timeout(3600)
async def test_outbox(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder: Path = tmp_path_factory.mktemp("chaos")
    async with world(folder) as place:
        report = await Chaos(
            place, OutboxOracle(place.core), count=COUNT, kills=KILLS, seed=SEED
        ).go()
    print(report)
    report.check()
