"""The promise under every kind of trouble, short form; `make chaos` runs the long one."""

from __future__ import annotations

import os

import pytest

from kernel.testing.sendgrid import FakeSendGrid
from tests.e2e.chaos.harness import Chaos
from tests.e2e.chaos.oracle import OutboxOracle, SendGridOracle
from tests.e2e.chaos.world import world

COUNT = int(os.environ.get("CHAOS_MESSAGES", "2000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
SEED = int(os.environ.get("CHAOS_SEED", "20261124"))


EVERYBODY_ELSE = ("welcome", "cadence", "rules", "tracking")
"""Plugins of the shop, beside the channel. Its sender is pretended, so nobody asks the DNS about it."""


@pytest.mark.timeout(3600)
async def test_outbox(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with world(tmp_path_factory.mktemp("chaos"), (*EVERYBODY_ELSE, "outbox")) as place:
        oracle = OutboxOracle(place.core)
        report = await Chaos(place, oracle, count=COUNT, kills=KILLS, seed=SEED).go()
    print(report)
    report.check()


@pytest.mark.timeout(3600)
async def test_sendgrid_that_fails_in_every_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with FakeSendGrid(seed=SEED) as fake:
        async with world(tmp_path_factory.mktemp("chaos"), (*EVERYBODY_ELSE, "sendgrid")) as place:
            oracle = SendGridOracle(fake)
            report = await Chaos(place, oracle, count=COUNT, kills=KILLS, seed=SEED).go()
    print(report)
    report.check()
