"""From the hand-over to the bounce: each mail comes back to an address of its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.pipeline import breaker
from plugins.smtp import marks
from plugins.smtp.channel import SMTP
from plugins.smtp.manifest import SmtpSettings
from plugins.smtp.returned import take
from tests.plugins.smtp import samples
from tests.plugins.smtp.mails import attempting
from tests.plugins.whole import all_of_it, by_channel, lawful, silent_in_bravo, states

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kernel.tenancy.core import Core
    from tests.plugins.smtp.server import FakeSmtp

    Use = Callable[..., Awaitable[None]]


async def test_the_sender_of_the_envelope(core: Core, fake: FakeSmtp, use: Use) -> None:
    # A line end at its end, which the pattern of the settings lets pass, ends no command.
    await use(envelope_sender="bounces-of-shop@mail.alder.example.com\n")
    batch = await attempting(core, 3)
    ctx = await core.detached("alpha")
    receipts = await SMTP.send(ctx, batch)
    assert {one.state for one in receipts} == {"accepted"}
    for message in batch:
        [one] = fake.accepted(message.id)
        local, _, domain = one.sender.rpartition("@")
        assert domain == "mail.alder.example.com" and len(local) == 64  # RFC 5321 has no longer
        found = marks.read(ctx, local.partition("+")[2])
        assert found is not None and found.message_id == message.id
        assert [found.fits(ctx, str(other.recipient.email)) for other in batch] == [
            other is message for other in batch
        ]
        assert one.mail["From"] == "Alder & Oak <hello@alder.example.com>"
    # The same at each attempt, so that it can be told whose it is whichever was taken.
    await SMTP.send(ctx, batch)
    assert {one.sender for one in fake.taken} == {one.sender for one in fake.taken[:3]}


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("", True),
        ("bounce@shop.example", True),
        ("bounces-of-shop@shop.example", True),
        ("bounces-of-shop1@shop.example", False),  # 65 characters with the mark
        ("Bounce@shop.example", False),
        ("bounce+x@shop.example", False),
        ("bounce@shop", False),
        ("bounce@shop.example> SIZE=1", False),
        ("bounce@shop.example\r\n", False),
    ],
)
def test_which_addresses_may_be_set(address: str, good: bool) -> None:
    try:
        msgspec.convert({"envelope_sender": address}, SmtpSettings)
    except msgspec.ValidationError:
        assert not good
    else:
        assert good


async def test_whole_loop_back(core: Core, fake: FakeSmtp, use: Use) -> None:
    """Bounces settle what was unknown, stop the campaign, and the sums are right."""
    await use(envelope_sender="bounce@alder.example.com", connections=1)
    campaign = await by_channel(core, "smtp", 12)
    fake.fail("content", take=True, times=2)
    await all_of_it(core)
    before = [state for state, _ in (await states(core, campaign)).values()]
    assert sorted(before) == ["accepted"] * 10 + ["unknown"] * 2
    assert len(fake.taken) == 12 and fake.twice == 0
    async with core.tenant_scope("alpha") as ctx:
        assert await breaker.judge(ctx, campaign) == ""
    for one in fake.taken[:3]:  # the two that were unknown first
        # As a mail server does: the envelope, and the headers as it got them.
        original = one.content.partition(b"\r\n\r\n")[0].decode().replace("\r\n", "\n")
        raw = samples.postfix(one.sender, one.recipients[0], original)
        async with core.tenant_scope("alpha") as ctx:
            taken = await take(ctx, raw.encode())
        assert (taken.what, taken.message_id) == ("hard", one.message_id)
    after = [state for state, _ in (await states(core, campaign)).values()]
    assert sorted(after) == ["accepted"] * 9 + ["bounced"] * 3
    async with core.tenant_scope("alpha") as ctx:
        said = await breaker.judge(ctx, campaign)
    assert re.match(r"Stopped by itself: 3 of 12 mails \(25 %\) came back", said)
    assert await lawful(core, campaign)
    await silent_in_bravo(core)
