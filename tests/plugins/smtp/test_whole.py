"""From the proposal to the mail server, through the pipeline: nobody twice, nobody who left."""

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
    from collections.abc import Awaitable, Callable

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]


async def test_whole_loop(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    campaign = await by_channel(core, "smtp", 25)
    assert fake.sessions == 0  # nothing before the approval is committed and claimed
    await all_of_it(core)
    assert {state for state, _ in (await states(core, campaign)).values()} == {"accepted"}
    assert (len(fake.taken), fake.twice) == (25, 0)
    for one in fake.taken:
        assert "List-Unsubscribe-Post" in one.mail
    await silent_in_bravo(core)
    assert await lawful(core, campaign)


@pytest.mark.parametrize("how", WAYS)
async def test_who_left_between_approval_and_hand_over_gets_nothing(
    core: Core, fake: FakeSmtp, use: Use, how: str
) -> None:
    await use()
    campaign = await by_channel(core, "smtp", 10)
    row = await leaves(core, how)
    await all_of_it(core)
    assert row["email"] not in fake.attempts
    assert len(fake.taken) == 9
    assert (await states(core, campaign)).get(row["id"], ("gone", ""))[0] != "accepted"
    assert await lawful(core, campaign)


async def test_lost_answers_are_never_sent_again(
    core: Core, fake: FakeSmtp, use: Use, clock: TurnedClock
) -> None:
    await use()
    campaign = await by_channel(core, "smtp", 12)
    fake.fail("content", take=True, times=2)
    fake.fail("content", times=2)
    for _ in range(3):
        await all_of_it(core)
        clock.turn(hours=1)
    found = [state for state, _ in (await states(core, campaign)).values()]
    assert (found.count("unknown"), found.count("accepted")) == (4, 8)
    assert (len(fake.taken), fake.twice) == (10, 0)
    assert await lawful(core, campaign)


async def test_what_was_not_taken_goes_later_and_once(
    core: Core, fake: FakeSmtp, use: Use, clock: TurnedClock
) -> None:
    await use()
    campaign = await by_channel(core, "smtp", 8)
    fake.fail("rcpt", "450 4.2.0 greylisted", times=8)
    await all_of_it(core)
    assert fake.taken == []
    assert {state for state, _ in (await states(core, campaign)).values()} == {"planned"}
    clock.turn(minutes=6)
    await all_of_it(core)
    assert (len(fake.taken), fake.twice) == (8, 0)


async def test_a_bounce_is_counted_and_not_written_to_again(
    core: Core, fake: FakeSmtp, use: Use
) -> None:
    await use()
    campaign = await by_channel(core, "smtp", 40)
    fake.fail("rcpt", "550 5.1.1 no such user", to="customer3@example.com")
    await all_of_it(core)
    found = [state for state, _ in (await states(core, campaign)).values()]
    assert (found.count("bounced"), found.count("accepted")) == (1, 39)
    async with core.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM profiles_suppression") == 1
    assert await lawful(core, campaign)


async def test_a_wrong_password_stops_the_tenant_and_loses_nobody(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use()
    monkeypatch.setenv("SMTP_PASSWORD_ALPHA", "wrong")
    campaign = await by_channel(core, "smtp", 6)
    await all_of_it(core)
    assert {state for state, _ in (await states(core, campaign)).values()} == {"planned"}
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow("SELECT * FROM tenancy_tenant WHERE tenant_id = 'alpha'")
        assert row["halted_at"] is not None and "SMTP_PASSWORD_ALPHA" in row["halted_reason"]
        assert "secret" not in row["halted_reason"] and "wrong" not in row["halted_reason"]
    async with core.tenant_scope("bravo") as ctx:
        assert not await ctx.db.fetchval(
            "SELECT count(*) FROM tenancy_tenant WHERE tenant_id = 'bravo' AND halted_at IS NOT NULL"
        )
