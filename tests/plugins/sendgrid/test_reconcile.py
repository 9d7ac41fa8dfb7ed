"""Where ledger and SendGrid differ, each kind once, and nothing where they agree."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from kernel.testing.faults import ENDLESS
from plugins.sendgrid.channel import SENDGRID
from tests.plugins.sendgrid.mails import attempting

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from kernel.testing.sendgrid import FakeSendGrid


async def ledger(core: Core, *states: str) -> list[UUID]:
    """Messages of SendGrid's in these states, attempted just now; their ids."""
    batch = await attempting(core, len(states))
    async with core.tenant_scope("alpha") as ctx:
        if await ctx.db.fetchval("SELECT to_regclass('sendgrid_event')") is None:
            pytest.skip("the table of events comes with the webhooks")
        await ctx.db.execute("UPDATE pipeline_campaign SET channel = 'sendgrid'")
        await ctx.db.execute(
            """UPDATE pipeline_message m SET state = r.state, accepted_at = $3, provider_id = 'x'
               FROM unnest($1::uuid[], $2::text[]) r (id, state) WHERE m.id = r.id""",
            [message.id for message in batch],
            list(states),
            ctx.now,
        )
    return [message.id for message in batch]


async def heard(core: Core, kind: str, message: UUID | None, request: str = "x") -> None:
    """An event that was folded; of a message that the ledger does not hold where it is None."""
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """INSERT INTO sendgrid_event (tenant_id, event_id, received_at, kind, at, email, named,
                 request, smtp_id, how, message_id, raw)
               VALUES ('alpha', gen_random_uuid()::text, $1, $2, $1, '', $3, $4, '', 'message', $5, '')""",
            ctx.now,
            kind,
            message or uuid4(),
            request,
            message,
        )


async def compare(
    core: Core, clock: TurnedClock, tenant: str = "alpha"
) -> list[tuple[str, object]]:
    since = clock.now() - timedelta(minutes=1)
    clock.turn(hours=3)
    found = await SENDGRID.reconcile(await core.detached(tenant), since, clock.now())
    return sorted((one.kind, one.message_id) for one in found)


async def test_what_agrees_is_not_told(core: Core, fake: FakeSendGrid, clock: TurnedClock) -> None:
    accepted, delivered, bounced, refused, _ = await ledger(
        core, "accepted", "delivered", "bounced", "rejected", "planned"
    )
    await heard(core, "processed", accepted)
    await heard(core, "processed", delivered)
    await heard(core, "processed", delivered)
    await heard(core, "delivered", delivered)
    await heard(core, "bounce", bounced)
    await heard(core, "dropped", refused)
    assert await compare(core, clock) == []


async def test_each_difference(core: Core, fake: FakeSendGrid, clock: TurnedClock) -> None:
    fake.fail(403, on=("logs", "messages"), times=ENDLESS)
    silent, twice, refused, late = await ledger(
        core, "accepted", "delivered", "rejected", "accepted"
    )
    await heard(core, "processed", twice, "one")
    await heard(core, "processed", twice, "two")
    await heard(core, "delivered", refused)
    await heard(core, "delivered", late)
    assert await compare(core, clock) == [
        ("missing", silent), ("state", late), ("stranger", refused), ("twice", twice),
    ]  # fmt: skip
    assert await compare(core, clock, "bravo") == []


async def test_no_events_at_all_is_one_difference(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    await ledger(core, *["accepted"] * 5)
    assert await compare(core, clock) == [("missing", None)]


async def test_what_the_ledger_does_not_hold(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    await ledger(core, "delivered")
    await heard(core, "processed", None)
    [(kind, message)] = await compare(core, clock)
    assert kind == "stranger" and message is not None
