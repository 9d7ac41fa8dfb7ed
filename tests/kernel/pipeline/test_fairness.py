"""A tenant with very much to send takes a slice and goes behind the others; mail that somebody waits for
goes before all else of its own tenant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.jobs.lanes import Runner
from kernel.jobs.locks import LaneLocks
from kernel.pipeline import dispatch
from kernel.testing.seed import add_tenant
from tests.kernel.pipeline.sending import approved, decided, due, sending, sent, work

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider


async def test_a_big_tenant_keeps_no_small_one_waiting(
    shop: Core, provider: Provider, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "BATCH", 10)
    monkeypatch.setattr("kernel.jobs.lanes.TURN_SECONDS", 0.0)  # one round of batches a turn
    await add_tenant(shop, "charlie", ("provider", "welcome", "rules"))
    big = await approved(shop, 2000)
    await sending(shop)
    small = await approved(shop, 10, "charlie")
    queue = ["alpha", "charlie"]
    turns = 0
    async with LaneLocks(shop.pool.url) as locks:
        runner = Runner(shop, locks)
        while await sent(shop, small, "charlie") < 10:
            tenant = queue.pop(0)
            if await runner.turn_or_raise("kernel.advance", tenant):
                queue.append(tenant)
            turns += 1
    assert turns == 2  # one each
    assert await sent(shop, big) == 10


async def test_mail_that_somebody_waits_for_is_first_and_held_back_by_nothing(
    shop: Core, provider: Provider, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sending(shop, ramp_from=1, rate_per_hour=1, local_hour=3)
    owned = shop.board.campaign_types["welcome"]
    urgent = msgspec.structs.replace(owned.value, transactional=True)
    monkeypatch.setitem(shop.board.campaign_types, "welcome", type(owned)(owned.plugin, urgent))
    campaign_id = await decided(shop, 120)  # and approved by the kernel
    await work(shop)
    assert await sent(shop, campaign_id) == 120
    assert await due(shop, clock) == []
