"""The promise under every kind of trouble, short form; `make chaos` runs the long one."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import structlog

from kernel.testing.clock import START
from kernel.testing.sendgrid import FakeSendGrid
from kernel.testing.smtp import FakeSmtp
from tests.e2e.chaos.harness import Chaos
from tests.e2e.chaos.oracle import OutboxOracle, SendGridOracle, SmtpOracle
from tests.e2e.chaos.workers import Nursery, nursery
from tests.e2e.chaos.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.chaos.oracle import Oracle
    from tests.e2e.chaos.report import Report

COUNT = int(os.environ.get("CHAOS_MESSAGES", "1500"))
KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "20261124"))
LONG = KILLS > 50

EVERYBODY_ELSE = ("welcome", "cadence", "rules", "tracking")
"""Plugins of the shop, beside the channel. Its sender is pretended, so nobody asks the DNS about it."""

pytestmark = pytest.mark.timeout(3600 if LONG else 240)


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Nothing between the lines of progress: what goes wrong here goes wrong on purpose."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the servers, and of what the workers say."""
    return tmp_path_factory.mktemp("chaos")


@pytest.fixture(scope="module")
def workers(folder: Path) -> Iterator[Nursery]:
    with nursery(folder / "workers.log") as found:
        yield found


async def chaos(folder: Path, workers: Nursery, oracle: Oracle, count: int = COUNT) -> Report:
    """What came of one campaign, told to whoever looks on."""
    async with world(folder, (*EVERYBODY_ELSE, oracle.channel)) as place:
        report = await Chaos(place, workers, oracle, count=count, kills=KILLS, seed=SEED).go()
    print(report)
    return report


async def test_outbox(folder: Path, workers: Nursery) -> None:
    report = await chaos(folder, workers, OutboxOracle())
    assert report.problems() == {}, report
    assert report.reached


async def test_sendgrid_that_fails_in_every_way(folder: Path, workers: Nursery) -> None:
    # Its clock is right, while that of the shop stands still, jumps back, and is never that late.
    late = (START + timedelta(days=2)).timestamp()
    async with FakeSendGrid(seed=SEED, clock=lambda: late) as fake:
        report = await chaos(folder, workers, SendGridOracle(fake))
    assert report.problems() == {}, report
    assert report.reached and report.told


async def test_smtp_that_fails_in_every_way(folder: Path, workers: Nursery) -> None:
    async with FakeSmtp(user="shop", password="secret", seed=SEED) as fake:
        # A mail a connection and an answer: slow, so there are fewer.
        count = COUNT // (10 if LONG else 5)
        report = await chaos(folder, workers, SmtpOracle(fake), count)
    assert report.problems() == {}, report
    assert report.reached
