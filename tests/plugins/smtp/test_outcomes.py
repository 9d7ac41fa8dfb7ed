"""Each row of the table: what the server does, and what is said of the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kernel.profiles.suppression import suppressed
from plugins.smtp import handover
from plugins.smtp.answers import accepted, of_response
from plugins.smtp.channel import SMTP
from tests.plugins.attempting import with_mail
from tests.plugins.smtp.mails import attempting, mail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kernel.contracts.delivery import Receipt
    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]


async def sent(core: Core, count: int = 1) -> list[Receipt]:
    batch = await attempting(core, count)
    receipts = await SMTP.send(await core.detached("alpha"), batch)
    assert [one.message_id for one in receipts] == [one.id for one in batch]
    return list(receipts)


async def test_taken(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    receipts = await sent(core, 12)
    assert {one.state for one in receipts} == {"accepted"}
    assert {one.provider_id for one in receipts} == {f"Q{n}" for n in range(1, 13)}
    assert {one.message_id for one in fake.taken} == {one.message_id for one in receipts}
    assert {(one.tls, one.user, one.sender) for one in fake.taken} == {
        (True, "alpha", "hello@alder.example.com")
    }
    assert fake.sessions <= 4 and fake.twice == 0
    assert all(len(one.recipients) == 1 for one in fake.taken)


@pytest.mark.parametrize(
    ("at", "answer", "state", "count"),
    [
        ("greet", "421 too busy", "retry", 0),
        ("greet", "554 no", "retry", 0),
        ("greet", "", "retry", 0),
        ("mail", "451 later", "retry", 0),
        ("mail", "", "retry", 0),
        ("rcpt", "450 4.2.0 greylisted", "retry", 0),
        ("rcpt", "421 closing", "retry", 0),
        ("rcpt", "550 5.7.1 not wanted", "rejected", 0),
        ("rcpt", "", "retry", 0),
        ("data", "451 later", "retry", 0),
        ("data", "554 no", "rejected", 0),
        ("data", "", "retry", 0),
        ("content", "452 4.3.1 full", "retry", 0),
        ("content", "554 5.7.1 spam", "rejected", 0),
        ("content", "", "unknown", 0),
    ],
)
async def test_refusals_and_breaks(
    core: Core, fake: FakeSmtp, use: Use, at: Any, answer: str, state: str, count: int
) -> None:
    await use()
    fake.fail(at, answer)
    [receipt] = await sent(core)
    assert (receipt.state, receipt.halt, len(fake.taken)) == (state, "", count)
    assert receipt.reason


@pytest.mark.parametrize("take", [True, False])
@pytest.mark.parametrize("stall", [True, False])
async def test_lost_after_the_dot_is_unknown(
    core: Core, fake: FakeSmtp, use: Use, take: bool, stall: bool
) -> None:
    await use()
    fake.fail("content", take=take, stall=stall)
    [receipt] = await sent(core)
    assert receipt.state == "unknown"
    assert len(fake.taken) == take


@pytest.mark.parametrize("at", ["greet", "mail", "rcpt", "data"])
async def test_silence_before_the_dot_is_retry(
    core: Core, fake: FakeSmtp, use: Use, at: Any
) -> None:
    await use()
    fake.fail(at, stall=True)
    [receipt] = await sent(core)
    assert (receipt.state, fake.taken) == ("retry", [])


async def test_one_trouble_is_nobody_elses(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use(connections=2)
    batch = await attempting(core, 8)
    first, second, third = (str(one.recipient.email) for one in batch[:3])
    fake.fail("rcpt", "550 5.7.1 no", to=first)
    fake.fail("content", to=second, take=True)
    fake.fail("rcpt", "450 later", to=third)
    receipts = await SMTP.send(await core.detached("alpha"), batch)
    assert [one.state for one in receipts] == ["rejected", "unknown", "retry"] + ["accepted"] * 5
    assert fake.twice == 0


async def test_no_server_at_all(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use(port=1)
    receipts = await sent(core, 9)
    assert {(one.state, one.halt) for one in receipts} == {("retry", "")}


async def test_a_wrong_password_stops_everything(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use()
    monkeypatch.setenv("SMTP_PASSWORD_ALPHA", "wrong")
    receipts = await sent(core, 30)
    assert {one.state for one in receipts} == {"retry"}
    assert all("SMTP_PASSWORD_ALPHA" in one.halt for one in receipts)
    assert fake.attempts == [] and fake.sessions <= 4


@pytest.mark.parametrize(
    ("at", "answer"),
    [
        ("mail", "553 5.7.1 not your address"),
        ("rcpt", "554 5.7.1 Relay access denied"),
        ("rcpt", "530 5.7.0 who are you"),
    ],
)
async def test_the_fault_is_the_accounts(
    core: Core, fake: FakeSmtp, use: Use, at: Any, answer: str
) -> None:
    await use(connections=1)
    fake.fail(at, answer)
    receipts = await sent(core, 5)
    assert all(one.state == "retry" and one.halt for one in receipts)
    assert len(fake.attempts) <= 1


async def test_no_encryption_no_mail(core: Core, fake: FakeSmtp, use: Use) -> None:
    fake.offers_tls = False
    await use()
    [receipt] = await sent(core)
    assert (receipt.state, fake.attempts) == ("retry", [])


async def test_a_certificate_of_nobody_known(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use()
    monkeypatch.delenv("SMTP_CA_FILE")
    [receipt] = await sent(core)
    assert (receipt.state, fake.attempts) == ("retry", [])


async def test_a_mailbox_that_does_not_exist(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    batch = await attempting(core, 3)
    gone = str(batch[1].recipient.email)
    fake.fail("rcpt", f"550 5.1.1 <{gone}> User unknown", to=gone)
    receipts = await SMTP.send(await core.detached("alpha"), batch)
    assert [one.state for one in receipts] == ["accepted", "rejected", "accepted"]
    assert gone not in receipts[1].reason
    async with core.tenant_scope("alpha") as ctx:
        [row] = await ctx.db.fetch("SELECT * FROM pipeline_outcome")
        assert (row["message_id"], row["kind"]) == (batch[1].id, "bounced")
        found = await suppressed(ctx, [str(one.recipient.email) for one in batch])
        assert {email for email, why in found.items() if why} == {gone}
        assert found[gone][0].reason == "bounced"
    async with core.tenant_scope("bravo") as ctx:
        assert not (await suppressed(ctx, [gone])).get(gone)


@pytest.mark.parametrize(
    ("said", "bounce"),
    [
        ("550 5.1.1 <a@b.test>: User unknown in relay recipient table", True),
        ("550 No such user here", True),
        ("556 5.1.10 null MX", True),
        ("552 5.2.2 mailbox full", False),
        ("550 5.7.1 blocked by the relay's policy", False),
        ("550 no", False),
    ],
)
def test_what_is_a_bounce(said: str, bounce: bool) -> None:
    answer = of_response(int(said[:3]), said[4:])
    assert (answer.kind, answer.bounce) == ("rejected", bounce)


@pytest.mark.parametrize(
    ("said", "id_"),
    [
        ("2.0.0 Ok: queued as 4F1B2C", "4F1B2C"),
        ("OK id=1tF3xQ-000abc-2D", "1tF3xQ-000abc-2D"),
        ("2.6.0 message received", "<ours@x.test>"),
        ("", "<ours@x.test>"),
    ],
)
def test_the_servers_name_for_it(said: str, id_: str) -> None:
    assert accepted(said, "<ours@x.test>").provider_id == id_


@pytest.mark.parametrize(
    "said",
    ["550 5.7.1 looks like spam", "550 looks like spam, the page you link to does not exist"],
)
async def test_a_refusal_is_not_a_bounce(core: Core, fake: FakeSmtp, use: Use, said: str) -> None:
    await use()
    fake.fail("content", said)
    [receipt] = await sent(core)
    assert receipt.state == "rejected"
    async with core.tenant_scope("alpha") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM pipeline_outcome") == 0
        assert await ctx.db.fetchval("SELECT count(*) FROM profiles_suppression") == 0


async def test_a_connection_ended_meanwhile_is_replaced(
    core: Core, fake: FakeSmtp, use: Use
) -> None:
    await use(connections=1)
    assert (await sent(core))[0].state == "accepted"
    fake.fail("mail", "", times=1)  # as it looks when the server ended a kept connection
    assert (await sent(core))[0].state == "accepted"
    fake.drop_all()
    assert (await sent(core))[0].state == "accepted"
    assert (len(fake.taken), fake.twice, fake.sessions) == (3, 0, 3)


async def test_a_server_that_takes_few_connections(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use(connections=4)
    fake.fail("greet", "421 too many", times=3)
    receipts = await sent(core, 10)
    assert {one.state for one in receipts} == {"accepted"}
    assert fake.sessions == 4


async def test_what_has_no_time_is_retry(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use()
    monkeypatch.setattr(handover, "BEGIN", -1.0)
    receipts = await sent(core, 3)
    assert {one.state for one in receipts} == {"retry"}
    assert all(one.retry_at for one in receipts) and fake.attempts == []


async def test_time_is_up(
    core: Core, fake: FakeSmtp, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(connections=2)
    monkeypatch.setattr(handover, "END", 0.5)
    batch = await attempting(core, 2)
    fake.fail("content", to=str(batch[0].recipient.email), take=True, stall=True)
    fake.fail("rcpt", to=str(batch[1].recipient.email), stall=True)
    receipts = await SMTP.send(await core.detached("alpha"), batch)
    assert [one.state for one in receipts] == ["unknown", "retry"]


@pytest.mark.parametrize(
    "email",
    ["a@b.test>\r\nRCPT TO:<c@d.test", "a b@c.test", "a@b.test, c@d.test", "ä@b.test", "a@b..test"],
)
async def test_an_address_that_is_none(core: Core, fake: FakeSmtp, use: Use, email: str) -> None:
    await use()
    [message] = await attempting(core)
    message = with_mail(message, mail(), email=email)
    [receipt] = await SMTP.send(await core.detached("alpha"), [message])
    assert (receipt.state, fake.attempts) == ("rejected", [])


async def test_nothing_is_known_afterwards(core: Core, fake: FakeSmtp, use: Use) -> None:
    await use()
    fake.fail("content", take=True)
    [receipt] = await sent(core)
    ctx = await core.detached("alpha")
    assert list(await SMTP.settle(ctx, [receipt.message_id])) == []
    assert list(await SMTP.reconcile(ctx, ctx.now, ctx.now)) == []
