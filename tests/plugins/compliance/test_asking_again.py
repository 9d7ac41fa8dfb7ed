"""Double opt-in asks once for each sign-up, and never buries anybody in mails that strangers asked for."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.pipeline import audience, run
from kernel.pipeline.suppressing import suppress
from kernel.profiles.consent import set_consent
from kernel.tenancy.switches import halt_tenant, resume_tenant
from kernel.testing.seed import add_tenant
from plugins.compliance import confirm
from tests.plugins.compliance.test_confirm import go, sign_up, state

if TYPE_CHECKING:
    import httpx

    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

EMAIL = "ada@example.com"


async def again(core: Core, customer: int, said: str = "pending", **ago: float) -> None:
    """Say it (once more) now, or so long ago."""
    async with core.tenant_scope("alpha") as ctx:
        await set_consent(ctx, customer, said, "footer form", ctx.now - timedelta(**ago))  # type: ignore[arg-type]


async def ledger(core: Core) -> list[tuple[str, str]]:
    """State and rule of each row of the ledger, in their order."""
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT state, reason FROM pipeline_message ORDER BY created_at")
    return [(row["state"], row["reason"].partition(":")[0]) for row in rows]


async def test_no_second_mail_to_who_does_not_answer(core: Core, clock: TurnedClock) -> None:
    await sign_up(core)
    assert len(await go(core)) == 1
    for days in (0.1, 2, 20):
        clock.turn(days=days)
        assert len(await go(core)) == 1


async def test_who_let_the_link_expire_and_signs_up_again_is_asked_again(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    [(_, old)] = await go(core)
    clock.turn(days=31)
    assert (await web.post(old)).status_code == 404
    await again(core, customer)
    mails = await go(core)
    assert len(mails) == 2
    clock.turn(days=2)
    assert len(await go(core)) == 2  # of this sign-up, too, once
    [new] = {link for _, link in mails} - {old}
    assert (await web.post(new)).status_code == 200
    assert await state(core, customer) == "subscribed"


async def test_a_sign_up_told_again_or_late_is_no_new_one(core: Core, clock: TurnedClock) -> None:
    customer = await sign_up(core)
    clock.turn(hours=1)
    assert len(await go(core)) == 1
    clock.turn(days=2)
    await again(core, customer, days=2, minutes=30)  # later than the first, before the mail
    assert len(await go(core)) == 1


async def test_a_second_sign_up_of_the_day_is_asked_about_when_there_is_room(
    core: Core, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    assert len(await go(core)) == 1
    clock.turn(hours=3)
    await again(core, customer)
    assert len(await go(core)) == 1
    clock.turn(hours=20.5)
    assert len(await go(core)) == 1
    clock.turn(hours=1)
    assert len(await go(core)) == 2


async def test_a_stranger_who_signs_somebody_up_all_the_time_cannot_bury_them_in_mails(
    core: Core, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    for _ in range(70):
        await run.propose_due(core, "alpha")
        await run.advance(core, "alpha")
        clock.turn(hours=13)
        await again(core, customer)
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT attempted_at FROM pipeline_message ORDER BY attempted_at")
    at: list[datetime] = [row["attempted_at"] for row in rows]
    assert len(at) == 6  # 38 days: three of the first thirty, and three more
    for first, next_ in itertools.pairwise(at):
        assert next_ - first >= timedelta(days=1)
    for first, fourth in zip(at, at[3:], strict=False):
        assert fourth - first >= timedelta(days=30)


async def test_what_waited_for_a_stopped_shop_is_one_mail(core: Core, clock: TurnedClock) -> None:
    """Signed up again and again while the shop stands still: one goes out, and a day passes before the next."""
    customer = await sign_up(core)
    async with core.tenant_scope("alpha") as ctx:
        await halt_tenant(ctx, "A test.")
    for _ in range(4):
        assert await go(core) == []
        clock.turn(hours=11)
        await again(core, customer)
    async with core.tenant_scope("alpha") as ctx:
        await resume_tenant(ctx)
    assert len(await go(core)) == 1
    clock.turn(hours=1)
    await again(core, customer)
    assert len(await go(core)) == 1
    clock.turn(hours=24)
    assert len(await go(core)) == 2


async def test_one_that_expired_unsent_leaves_room_for_the_next_sign_up(
    core: Core, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    async with core.tenant_scope("alpha") as ctx:
        await halt_tenant(ctx, "A test.")
    assert await go(core) == []
    clock.turn(days=2.1)
    assert await go(core) == []
    assert await ledger(core) == [("suppressed", "expired")]
    async with core.tenant_scope("alpha") as ctx:
        await resume_tenant(ctx)
    assert await go(core) == []  # an old question is worse than none
    await again(core, customer)
    assert len(await go(core)) == 1


async def test_who_unsubscribed_is_asked_after_a_later_sign_up_only(
    core: Core, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    assert len(await go(core)) == 1
    clock.turn(days=2)
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, EMAIL, "unsubscribed")
        await set_consent(ctx, customer, "unsubscribed", "page", ctx.now)
    clock.turn(days=2)
    await again(core, customer, days=3)  # from before
    assert await state(core, customer) == "unsubscribed"
    assert len(await go(core)) == 1
    await again(core, customer)
    assert len(await go(core)) == 2


@pytest.mark.parametrize("reason", ["complained", "bounced", "manual"])
async def test_who_complained_is_not_asked_whoever_signs_them_up(
    core: Core, clock: TurnedClock, reason: str
) -> None:
    customer = await sign_up(core)
    assert len(await go(core)) == 1
    clock.turn(days=2)
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, EMAIL, reason)  # type: ignore[arg-type]
    for _ in range(2):  # and each sign-up is in the open once
        clock.turn(days=1.5)
        await again(core, customer)
        for _ in range(2):
            clock.turn(minutes=10)
            assert len(await go(core)) == 1
    assert (await ledger(core))[1:] == [("suppressed", "compliance.suppression")] * 2


async def test_a_sign_up_dated_in_the_future_waits_until_then(
    core: Core, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    await again(core, customer, hours=-2)
    assert await go(core) == []
    clock.turn(hours=2.1)
    assert len(await go(core)) == 1
    clock.turn(days=2)
    assert len(await go(core)) == 1


async def test_what_alpha_asked_takes_no_room_from_another_shop(core: Core) -> None:
    await sign_up(core)
    assert len(await go(core)) == 1
    await add_tenant(core, "charlie")
    await sign_up(core, tenant="charlie")
    left = []
    for tenant in ("alpha", "charlie"):
        async with core.tenant_scope(tenant) as ctx:
            left.append(await audience.count(ctx, confirm.CONFIRM.audience, "confirm"))
    assert left == [0, 1]
