"""Every row of the table of outcomes, over HTTP: what SendGrid did, and what the receipt says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest

from plugins.sendgrid import answers, handover
from plugins.sendgrid.channel import SENDGRID
from plugins.sendgrid.manifest import SendGridSettings
from tests.plugins.attempting import with_mail
from tests.plugins.sendgrid.mails import attempting

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.sendgrid import FakeSendGrid


async def settings(core: Core, **values: object) -> None:
    """Alpha's settings of the plugin."""
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE tenant_id = 'alpha' AND plugin = 'sendgrid'",
            msgspec.json.encode(values).decode(),
        )


async def test_accepted_with_the_id_of_the_request(core: Core, fake: FakeSendGrid) -> None:
    batch = await attempting(core, 3)
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert [r.message_id for r in receipts] == [m.id for m in batch]
    for message, receipt in zip(batch, receipts, strict=True):
        [row] = fake.accepted(str(message.id))
        assert receipt.state == "accepted"
        assert receipt.provider_id and row.sg_id.startswith(receipt.provider_id + ".")
        assert (row.tenant, row.recipient) == ("alpha", message.recipient.email)
        [got] = fake.received(str(message.id))
        assert message.rendered is not None
        assert (got.subject, got.html, got.text) == (
            message.rendered.subject,
            message.rendered.html,
            message.rendered.text,
        )
        assert got.headers == message.rendered.headers
        assert got.custom_args == {"ae_message": str(message.id), "ae_tenant": "alpha"}
        assert got.categories == [str(message.campaign_id)]
        assert {name: one["enable"] for name, one in got.tracking.items()} == dict.fromkeys(
            ("click_tracking", "open_tracking", "subscription_tracking", "ganalytics"), False
        )


async def test_sandbox_is_checked_and_not_sent(core: Core, fake: FakeSendGrid) -> None:
    await settings(core, sandbox=True)
    [receipt] = await SENDGRID.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "accepted"
    assert fake.totals()["accepted"] == 0


TABLE = [
    ("400", "rejected", 0),
    ("401", "retry", 0),
    ("403", "retry", 0),
    ("404", "rejected", 0),
    ("413", "rejected", 0),
    ("429", "retry", 0),
    ("500", "unknown", 0),
    ("502", "unknown", 0),
    ("503", "unknown", 0),
    ("504", "unknown", 0),
    ("500_after", "unknown", 1),
    ("503_after", "unknown", 1),
    ("drop", "unknown", 0),
    ("drop_after", "unknown", 1),
    ("drop_midway", "unknown", 1),
    ("stall", "unknown", 0),
    ("stall_after", "unknown", 1),
    ("refused", "retry", 0),
]


@pytest.mark.parametrize(("fault", "state", "taken"), TABLE)
async def test_each_fault(
    core: Core, fake: FakeSendGrid, fault: str, state: str, taken: int
) -> None:
    batch = await attempting(core)
    fake.fail(fault)
    await asyncio.sleep(0)
    [receipt] = await SENDGRID.send(await core.detached("alpha"), batch)
    assert receipt.state == state, receipt
    assert receipt.reason and "@" not in receipt.reason and fake.api_key not in repr(receipt)
    assert bool(receipt.halt) is (fault in ("401", "403"))
    assert len(fake.accepted(str(batch[0].id))) == taken


async def test_one_lost_answer_is_of_its_own_message_only(core: Core, fake: FakeSendGrid) -> None:
    batch = await attempting(core, 12)
    lost = batch[5].recipient.email
    assert lost
    fake.fail("drop_after", to=lost)
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert [r.state for r in receipts] == ["accepted"] * 5 + ["unknown"] + ["accepted"] * 6


async def test_429_says_when_to_ask_again(core: Core, fake: FakeSendGrid) -> None:
    fake.fail("429", seconds=120)
    scope = await core.detached("alpha")
    [receipt] = await SENDGRID.send(scope, await attempting(core))
    assert receipt.state == "retry" and receipt.retry_at is not None
    assert timedelta(seconds=100) < receipt.retry_at - scope.now < timedelta(seconds=125)
    # Nobody knocks before: what comes meanwhile is told the same, without a request.
    before = fake.totals()["sent"]
    [later] = await SENDGRID.send(scope, await attempting(core))
    assert later.state == "retry" and later.retry_at is not None
    assert fake.totals()["sent"] == before


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_not_accepted_stops_and_rejects_nobody(
    core: Core, fake: FakeSendGrid, status: int
) -> None:
    batch = await attempting(core, 60, shared=None)
    fake.fail(str(status), times=10_000)
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert {r.state for r in receipts} == {"retry"}
    assert all(r.halt and str(status) in r.halt for r in receipts)
    assert fake.totals()["sent"] < 60


async def test_without_a_key_nothing_is_tried(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SENDGRID_API_KEY_ALPHA")
    [receipt] = await SENDGRID.send(await core.detached("alpha"), await attempting(core))
    assert receipt.state == "retry"
    assert "SENDGRID_API_KEY_ALPHA" in receipt.halt and "SENDGRID_API_KEY " in receipt.halt
    assert fake.totals()["sent"] == 0


async def test_what_cannot_begin_in_time_is_tried_later(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "BEGIN", 0.0)
    receipts = await SENDGRID.send(await core.detached("alpha"), await attempting(core, 3))
    assert {r.state for r in receipts} == {"retry"}
    assert fake.totals()["sent"] == 0


async def test_what_is_under_way_when_time_is_up_is_unknown(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "END", 0.3)
    batch = await attempting(core, 2)
    fake.fail("stall_after", to=str(batch[0].recipient.email))
    receipts = await SENDGRID.send(await core.detached("alpha"), batch)
    assert [r.state for r in receipts] == ["unknown", "accepted"]


async def test_a_service_that_loses_answers_is_left_alone(
    core: Core, fake: FakeSendGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an hour of its trouble would make a whole campaign unknown."""
    monkeypatch.setattr(handover, "BEGIN", 4.0)  # two pauses, of one second and of two
    fake.fail("500", times=10_000)
    receipts = await SENDGRID.send(
        await core.detached("alpha"), await attempting(core, 200, shared=None)
    )
    unknown = [r for r in receipts if r.state == "unknown"]
    assert 3 <= len(unknown) < 60
    assert {r.state for r in receipts} == {"unknown", "retry"}


async def test_nobody_without_an_address(core: Core, fake: FakeSendGrid) -> None:
    [message] = await attempting(core)
    assert message.rendered is not None
    lost = with_mail(message, message.rendered, email=None)
    [receipt] = await SENDGRID.send(await core.detached("alpha"), [lost])
    assert receipt.state == "rejected"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "accepted"), (202, "accepted"), (204, "unknown"), (301, "unknown"), (405, "rejected"),
     (408, "unknown"), (422, "rejected"), (500, "unknown")],
)  # fmt: skip
def test_other_statuses(status: int, kind: str) -> None:
    assert answers.of_response(httpx.Response(status, content=b"<html>")).kind == kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError(""), "retry"),
        (httpx.ConnectTimeout(""), "retry"),
        (httpx.PoolTimeout(""), "retry"),
        (httpx.ReadTimeout(""), "unknown"),
        (httpx.WriteTimeout(""), "unknown"),
        (httpx.ReadError(""), "unknown"),
        (httpx.WriteError(""), "unknown"),
        (httpx.RemoteProtocolError(""), "unknown"),
        (TimeoutError(), "unknown"),
        (RuntimeError(), "unknown"),
    ],
)
def test_other_errors(error: Exception, kind: str) -> None:
    assert answers.of_error(error).kind == kind


def test_reasons_hold_no_address() -> None:
    content = b'{"errors": [{"message": "The address ada@example.com is bad", "field": null}]}'
    answer = answers.of_response(httpx.Response(400, content=content))
    assert answer.reason == "SendGrid answered 400: The address … is bad"


def test_settings_have_defaults() -> None:
    assert SendGridSettings().group_size == 100
