"""Many recipients in one request: each gets exactly the mail that was made for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.delivery import Rendered
from plugins.sendgrid import payload
from plugins.sendgrid.channel import SENDGRID
from tests.plugins.attempting import with_mail
from tests.plugins.sendgrid.mails import SHARED, attempting, mail
from tests.plugins.sendgrid.test_outcomes import settings

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.testing.sendgrid import FakeSendGrid


def same(fake: FakeSendGrid, message: Outgoing) -> None:
    """What the recipient got is the mail, byte for byte, once."""
    [got] = fake.received(str(message.id))
    assert message.rendered is not None
    made = message.rendered
    assert (got.to, got.subject.encode(), got.html.encode(), got.text.encode()) == (
        message.recipient.email,
        made.subject.encode(),
        made.html.encode(),
        made.text.encode(),
    )
    assert got.headers == made.headers
    assert got.custom_args["ae_message"] == str(message.id)


async def test_each_gets_their_own_mail(core: Core, fake: FakeSendGrid) -> None:
    batch = await attempting(core, 250)
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert {r.state for r in receipts} == {"accepted"}
    assert fake.totals()["requests"] == 3  # 84, 83, 83
    assert fake.totals()["accepted"] == fake.totals()["messages"] == 250
    for message in batch:
        same(fake, message)


async def test_the_merchant_says_how_many(core: Core, fake: FakeSendGrid) -> None:
    await settings(core, group_size=1)
    batch = await attempting(core, 30)
    await SENDGRID.send(await core.detached("alpha"), batch)
    assert fake.totals()["requests"] == 30


async def test_a_lost_answer_of_a_group_is_of_its_members(core: Core, fake: FakeSendGrid) -> None:
    await settings(core, group_size=25)
    batch = await attempting(core, 100)
    fake.fail("drop_after", nth=[2])
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    unknown = {r.message_id for r in receipts if r.state == "unknown"}
    assert len(unknown) == 25
    # All of them were taken, by one request: the ledger waits for SendGrid's events to say so.
    assert len({fake.accepted(str(one))[0].request for one in unknown}) == 1


async def test_who_is_refused_in_a_group_keeps_nobody_back(core: Core, fake: FakeSendGrid) -> None:
    batch = await attempting(core, 40)
    for place in (3, 17):
        made = batch[place].rendered
        assert made is not None
        batch[place] = with_mail(batch[place], made, email=f"no address {place}")
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert [n for n, r in enumerate(receipts) if r.state == "rejected"] == [3, 17]
    assert [r.state for r in receipts].count("accepted") == 38
    assert fake.totals()["accepted"] == 38
    for place, message in enumerate(batch):
        if place not in (3, 17):
            same(fake, message)


@pytest.mark.parametrize("fault", ["400", "413"])
async def test_a_group_refused_for_no_named_reason_is_posted_singly(
    core: Core, fake: FakeSendGrid, fault: str
) -> None:
    batch = await attempting(core, 30)
    fake.fail(fault, times=1)
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert {r.state for r in receipts} == {"accepted"}
    assert fake.totals()["requests"] == 30


async def test_few_are_not_worth_a_group(core: Core) -> None:
    batch = await attempting(core, payload.SMALL - 1)
    assert [len(part) for part in payload.parts(batch, 100)] == [1] * (payload.SMALL - 1)


async def test_groups_share_variant_consent_campaign_and_reply(core: Core) -> None:
    first, second = await attempting(core, 60), await attempting(core, 30)
    other = msgspec.structs.replace(SHARED, key="variant-2")
    varied = [
        *(with_mail(m, mail("Ada"), tracking_consent="granted") for m in first[:30]),
        *(with_mail(m, mail("Ada", other)) for m in first[30:]),
        *(with_mail(m, mail("Ada", **{"Reply-To": f"r+{m.id}@x.test"})) for m in second[:5]),
        *second[5:],
    ]
    parts = payload.parts(varied, 100)
    assert sorted(len(part) for part in parts) == [1] * 5 + [25, 30, 30]
    for part in parts:
        assert len({m.recipient.tracking_consent for m in part}) == 1
        assert len({m.campaign_id for m in part}) == 1
        assert len({m.rendered.shared.key for m in part if m.rendered and m.rendered.shared}) == 1


async def test_no_address_twice_in_a_request(core: Core) -> None:
    batch = await attempting(core, 30)
    made = batch[1].rendered
    assert made is not None
    batch[1] = with_mail(batch[1], made, email=str(batch[0].recipient.email).upper())
    assert sorted(len(part) for part in payload.parts(batch, 100)) == [1, 29]


@pytest.mark.parametrize(
    "rendered",
    [
        mail("Ada", None),
        mail("x" * 4000, SHARED),  # twice, and escaped: still fits
        mail("&" * 2000, SHARED),
        mail("Ada %a1f0-points%", SHARED),
    ],
)
async def test_what_cannot_be_shared_goes_alone(core: Core, rendered: Rendered) -> None:
    batch = await attempting(core, 40)
    batch[7] = with_mail(batch[7], rendered)
    alone = [part for part in payload.parts(batch, 100) if len(part) == 1]
    fits = "x" in rendered.text
    assert alone == ([] if fits else [[batch[7]]])


async def test_an_address_that_reads_like_two(core: Core) -> None:
    """SendGrid's helper would take `x" <a@b.c>` for a name with an address, and post to a@b.c."""
    [message] = await attempting(core)
    assert message.rendered is not None
    odd = with_mail(message, message.rendered, email='x" <a@b.example>')
    async with core.tenant_scope("alpha") as ctx:
        made = msgspec.json.decode(payload.body(ctx.tenant, [odd]))
    assert made["personalizations"][0]["to"] == [{"email": 'x" <a@b.example>'}]


async def test_a_link_that_looks_like_a_key(core: Core, fake: FakeSendGrid) -> None:
    """SendGrid's helper would refuse the whole mail."""
    [message] = await attempting(core)
    made = Rendered(subject="S", html="<p>SG.shop.example</p>", text="SG.shop.example", headers={})
    [receipt] = await SENDGRID.send(await core.detached("alpha"), [with_mail(message, made)])
    assert receipt.state == "accepted"


async def test_headers_that_sendgrid_sets_itself(core: Core, fake: FakeSendGrid) -> None:
    headers = {"Reply-To": "r+1@reply.test", "Subject": "no", "x-sg-id": "1", "X-Ours": "yes"}
    batch = await attempting(core, 1, **headers)
    [receipt] = await SENDGRID.send(await core.detached("alpha"), batch)
    assert receipt.state == "accepted"
    [got] = fake.received(str(batch[0].id))
    assert got.reply_to == "r+1@reply.test"
    assert got.headers == {"List-Unsubscribe": "<https://mail.test/u/1>", "X-Ours": "yes"}
