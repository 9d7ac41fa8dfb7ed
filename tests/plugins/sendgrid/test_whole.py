"""From the proposal to SendGrid and back, through the pipeline: nobody twice, nobody who left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.plugins.whole import (
    WAYS,
    all_of_it,
    by_channel,
    lawful,
    leaves,
    silent_in_bravo,
    states,
)

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.sendgrid import FakeSendGrid


async def test_whole_loop(core: Core, fake: FakeSendGrid) -> None:
    campaign = await by_channel(core, "sendgrid", 45)
    await all_of_it(core)
    assert {state for state, _ in (await states(core, campaign)).values()} == {"accepted"}
    totals = fake.totals()
    assert (totals["accepted"], totals["messages"], totals["twice"]) == (45, 45, 0)
    assert {row.tenant for row in fake.accepted()} == {"alpha"}
    await silent_in_bravo(core)


@pytest.mark.parametrize("how", WAYS)
async def test_who_left_between_approval_and_hand_over_gets_nothing(
    core: Core, fake: FakeSendGrid, how: str
) -> None:
    campaign = await by_channel(core, "sendgrid", 30)
    row = await leaves(core, how)
    await all_of_it(core)
    state, _ = (await states(core, campaign)).get(row["id"], ("gone", ""))
    assert state == ("cancelled" if how == "suppressed" else "suppressed")
    assert fake.accepted(recipient=row["email"]) == []
    assert fake.totals()["accepted"] == 29
    assert await lawful(core, campaign)


async def test_lost_answers_are_never_sent_again(core: Core, fake: FakeSendGrid) -> None:
    campaign = await by_channel(core, "sendgrid", 30)
    fake.fail("drop_after")  # one request carries all thirty
    for _ in range(4):
        await all_of_it(core)
    found = [state for state, _ in (await states(core, campaign)).values()]
    assert found.count("unknown") >= 1, found
    assert fake.totals()["twice"] == 0
    assert await lawful(core, campaign)
