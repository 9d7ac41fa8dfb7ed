"""What is settled by SendGrid's log, taken from its lists, and erased there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

import kernel.sdk
from kernel.contracts.errors import Unavailable
from kernel.sdk import encrypt
from kernel.testing.faults import ENDLESS
from kernel.testing.seed import add_customers
from plugins.sendgrid import erasing, imports
from plugins.sendgrid.channel import SENDGRID
from plugins.sendgrid.plugin import erase_customer
from tests.plugins.sendgrid.mails import attempting

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from kernel.testing.sendgrid import FakeSendGrid


async def unknown(core: Core, fake: FakeSendGrid) -> list[Outgoing]:
    """Two unknown messages: the first was accepted, the second never came."""
    batch = await attempting(core, 2)
    fake.fail("drop_after", to=str(batch[0].recipient.email))
    fake.fail("drop", to=str(batch[1].recipient.email))
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert {r.state for r in receipts} == {"unknown"}
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_message SET state = 'unknown'")
    return batch


@pytest.mark.parametrize("closed", [(), ("logs",)])
async def test_settles_only_what_is_certain(
    core: Core, fake: FakeSendGrid, clock: TurnedClock, closed: tuple[str, ...]
) -> None:
    if closed:
        fake.fail(403, on=closed, times=ENDLESS)
    batch = await unknown(core, fake)
    ids = [message.id for message in batch]
    assert await SENDGRID.settle(await core.detached("alpha"), ids) == []  # too soon
    clock.turn(minutes=61)
    [receipt] = await SENDGRID.settle(await core.detached("alpha"), ids)
    assert (receipt.message_id, receipt.state) == (ids[0], "accepted")
    assert fake.accepted(str(ids[0]))[0].sg_id.startswith(receipt.provider_id + ".")
    # Bravo has neither a key nor these messages.
    assert not await SENDGRID.settle(await core.detached("bravo"), ids)


async def test_without_logs_nothing_is_said_and_nobody_asked_again(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    fake.fail(403, on="logs", times=ENDLESS)
    fake.fail(404, on="messages", times=ENDLESS)
    ids = [message.id for message in await unknown(core, fake)]
    clock.turn(minutes=61)
    for _ in range(3):
        assert not await SENDGRID.settle(await core.detached("alpha"), ids)
    assert fake.totals()["asked"] == {"logs": 1, "messages": 1}


async def test_another_mail_to_the_same_person_is_no_proof(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    batch = await unknown(core, fake)
    async with core.tenant_scope("alpha") as ctx:
        # The second's customer got the first's address: the log shows a mail to it, of another message.
        await ctx.db.execute("UPDATE profiles_customer SET email = NULL")
        await ctx.db.execute(
            "UPDATE profiles_customer SET email = $2 WHERE id = $1",
            batch[1].customer_id,
            batch[0].recipient.email,
        )
    clock.turn(minutes=61)
    assert not await SENDGRID.settle(await core.detached("alpha"), [batch[1].id])


async def test_suppressions_come_once(
    core: Core, fake: FakeSendGrid, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now().timestamp()
    for name in imports.LISTS:
        fake.lists.put(name, f"{name}@Example.com", at=now - 9000)
    many = (f"b{n}@example.com" for n in range(imports.PAGE))
    fake.lists.put("bounces", *many, at=now - 6000)
    put: list[tuple[str, str, str]] = []

    async def suppress(ctx: kernel.sdk.Context, email: str, reason: str) -> None:
        put.append((ctx.tenant.id, email, reason))

    monkeypatch.setattr(kernel.sdk, "suppress", suppress, raising=False)
    async with core.tenant_scope("alpha") as ctx:
        ids = [
            (await add_customers(ctx, email=f"{name}@example.com"))[0]
            for name in ("spam_reports", "unsubscribes", "bounces")
        ]
    await imports.suppressions(await core.detached("alpha"), {})
    assert len(put) == len(imports.LISTS) + imports.PAGE
    assert ("alpha", "spam_reports@example.com", "complained") in put
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT id, email_consent FROM profiles_customer")
    consents = {row["id"]: row["email_consent"] for row in rows}
    assert [consents[one] for one in ids] == ["unsubscribed", "unsubscribed", "subscribed"]
    put.clear()
    clock.turn(days=1)
    await imports.suppressions(await core.detached("alpha"), {})
    assert put == []


async def test_lists_of_a_shared_account_are_nobodys(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENDGRID_API_KEY_ALPHA")
    monkeypatch.setenv("SENDGRID_API_KEY", fake.api_key)
    await imports.suppressions(await core.detached("alpha"), {})
    assert not fake.totals()["asked"]
    monkeypatch.setenv("SENDGRID_SUBUSER_ALPHA", "alpha")
    await imports.suppressions(await core.detached("alpha"), {})
    assert fake.totals()["asked"] == {"suppression": len(imports.LISTS)}


async def test_a_list_that_is_not_given_is_told(core: Core, fake: FakeSendGrid) -> None:
    fake.fail(403, on="suppression")
    with pytest.raises(Unavailable, match="403"):
        await imports.suppressions(await core.detached("alpha"), {})


async def erased(core: Core, channel: str = "sendgrid", attempts: int = 1) -> str:
    """The address of somebody who was written to by this channel and erased."""
    [message] = await attempting(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_campaign SET channel = $1", channel)
        await ctx.db.execute("UPDATE pipeline_message SET attempts = $1", attempts)
        await erase_customer(ctx, message.customer_id)
        await ctx.db.execute("UPDATE profiles_customer SET email = NULL")
    assert message.recipient.email
    return message.recipient.email


async def rows(core: Core) -> list[tuple[bytes, bool, str]]:
    async with core.tenant_scope("alpha") as ctx:
        found = await ctx.db.fetch("SELECT * FROM sendgrid_erasure ORDER BY asked_at, id")
    return [(bytes(row["sealed"]), row["done_at"] is not None, row["how"]) for row in found]


async def test_erased_there_when_they_answer_again(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    fake.fail(503, on="erase")
    email = await erased(core)
    [(sealed, done, _)] = await rows(core)
    assert sealed and email.encode() not in sealed and not done
    await erasing.erase(await core.detached("alpha"), {})
    assert (await rows(core))[0][1:] == (False, "SendGrid answered 503")
    await erasing.erase(await core.detached("alpha"), {})
    assert fake.lists.erased() == []  # not yet due again
    clock.turn(minutes=11)
    await erasing.erase(await core.detached("alpha"), {})
    assert fake.lists.erased() == [("", email)]
    assert await rows(core) == [(b"", True, "taken")]


async def test_only_those_we_wrote_to(core: Core, fake: FakeSendGrid) -> None:
    await erased(core, channel="outbox")
    await erased(core, attempts=0)
    assert await rows(core) == []


async def test_what_sendgrid_calls_no_address_holds_nobody_up(
    core: Core, fake: FakeSendGrid
) -> None:
    good = await erased(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """INSERT INTO sendgrid_erasure (tenant_id, id, asked_at, next_at, sealed, how)
               VALUES ('alpha', gen_random_uuid(), $1, $1, $2, '')""",
            ctx.now,
            encrypt(ctx, erasing.PURPOSE, b"nobody"),
        )
    await erasing.erase(await core.detached("alpha"), {})
    assert fake.lists.erased() == [("", good)]
    assert sorted(how for _, _, how in await rows(core)) == ["no address of theirs", "taken"]


async def test_while_its_secret_is_missing_it_waits(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    email = await erased(core)
    mine = core.links
    core.links = msgspec.structs.replace(mine, secret="n" * 40)
    await erasing.erase(await core.detached("alpha"), {})
    [(sealed, done, how)] = await rows(core)
    assert sealed and not done and "MAILWRIGHT_OLD_SECRETS" in how
    clock.turn(hours=1)
    core.links = msgspec.structs.replace(mine, secret="n" * 40, old_secrets=(mine.secret,))
    await erasing.erase(await core.detached("alpha"), {})
    assert fake.lists.erased() == [("", email)]
    assert await rows(core) == [(b"", True, "taken")]


async def test_given_up_after_thirty_days_aloud(
    core: Core, fake: FakeSendGrid, clock: TurnedClock
) -> None:
    fake.fail(401, on="erase", times=ENDLESS)
    await erased(core)
    await erasing.erase(await core.detached("alpha"), {})
    clock.turn(days=31)
    with pytest.raises(Unavailable, match="1 address"):
        await erasing.erase(await core.detached("alpha"), {})
    assert await rows(core) == [(b"", True, "given up")]
