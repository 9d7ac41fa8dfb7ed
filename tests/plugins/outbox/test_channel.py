"""What the outbox took is there once, whole, and it says so; what it did not take is not."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import pytest

from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.outbox import jobs, mime, panels, repo
from plugins.outbox.channel import OUTBOX
from plugins.outbox.plugin import erase_customer, export_customer

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.clock import TurnedClock


async def attempting(core: Core, count: int = 1, **fields: object) -> list[Outgoing]:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, count, **fields)
        batch = await add_messages(ctx, await add_campaign(ctx), ids)
        return await rendered(ctx, batch)


async def held(core: Core) -> int:
    async with core.tenant_scope("alpha") as ctx:
        return await ctx.db.fetchval("SELECT count(*) FROM outbox_mail")


async def test_keeps_the_batch_whole(core: Core) -> None:
    batch = await attempting(core, 3)
    receipts = await OUTBOX.send(await core.detached("alpha"), batch)
    assert [r.message_id for r in receipts] == [m.id for m in batch]
    assert {r.state for r in receipts} == {"accepted"}
    assert len({r.provider_id for r in receipts}) == 3
    async with core.tenant_scope("alpha") as ctx:
        [mail] = await repo.mails(ctx, batch[0].id)
    sent = batch[0].rendered
    assert sent is not None
    assert (mail.subject, mail.html, mail.text, mail.headers) == (
        sent.subject,
        sent.html,
        sent.text,
        sent.headers,
    )
    assert mail.to_email == batch[0].recipient.email
    assert "List-Unsubscribe" in mail.headers


async def test_settles_what_it_holds_and_what_it_does_not(core: Core) -> None:
    taken, never = await attempting(core, 2)
    scope = await core.detached("alpha")
    [receipt] = await OUTBOX.send(scope, [taken])
    settled = await OUTBOX.settle(scope, [taken.id, never.id])
    assert [(r.message_id, r.state) for r in settled] == [
        (taken.id, "accepted"),
        (never.id, "retry"),
    ]
    assert settled[0].provider_id == receipt.provider_id


@pytest.mark.parametrize("state", ["unknown", "planned", "cancelled", "accepted"])
async def test_takes_nothing_that_the_ledger_does_not_attempt(core: Core, state: str) -> None:
    """A worker that was presumed dead comes back: its mails must not go out any more."""
    late, good = await attempting(core, 2)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_message SET state = $2 WHERE id = $1", late.id, state)
    receipts = await OUTBOX.send(await core.detached("alpha"), [late, good])
    assert [r.state for r in receipts] == ["unknown", "accepted"]
    assert await held(core) == 1


async def test_a_lease_that_runs_out_waits_for_a_hand_over_under_way(core: Core) -> None:
    """Else `settle` could say "retry" of a mail that is stored a moment later."""
    [message] = await attempting(core)
    async with core.tenant_scope("alpha") as sending:
        assert message.id in await repo.store(sending, [message])

        async def expire() -> None:
            async with core.tenant_scope("alpha") as ctx:
                await ctx.db.execute("UPDATE pipeline_message SET state = 'unknown'")

        other = asyncio.create_task(expire())
        await asyncio.sleep(0.2)
        assert not other.done()
    await other
    [settled] = await OUTBOX.settle(await core.detached("alpha"), [message.id])
    assert settled.state == "accepted"


async def test_a_double_hand_over_is_kept_and_shown(core: Core) -> None:
    [message] = await attempting(core)
    scope = await core.detached("alpha")
    await OUTBOX.send(scope, [message])
    await OUTBOX.send(scope, [message])
    async with core.tenant_scope("alpha") as ctx:
        assert len(await repo.mails(ctx, message.id)) == 2
        shown = await panels.stored(ctx, message)
        assert shown is not None and shown["twice"]
    assert [r.state for r in await OUTBOX.settle(scope, [message.id])] == ["accepted"]


async def test_bravo_cannot_ask_about_alphas_messages(core: Core) -> None:
    [message] = await attempting(core)
    await OUTBOX.send(await core.detached("alpha"), [message])
    [answer] = await OUTBOX.settle(await core.detached("bravo"), [message.id])
    assert answer.state == "retry"
    async with core.tenant_scope("bravo") as bravo:
        assert await repo.mails(bravo, message.id) == []
        assert await panels.stored(bravo, message) is None
        assert (await export_customer(bravo, message.customer_id)).rows == {"outbox_mail": []}
        assert (await erase_customer(bravo, message.customer_id)).rows == 0


async def test_the_file_opens_as_the_mail_it_was(core: Core) -> None:
    [message] = await attempting(core, first_name='<b>"Ünï\r\nBcc: evil@example.com"</b>')
    await OUTBOX.send(await core.detached("alpha"), [message])
    async with core.tenant_scope("alpha") as ctx:
        [mail] = await repo.mails(ctx, message.id)
    raw = mime.build(mail)
    parsed = message_from_bytes(raw, policy=default)
    assert parsed["To"] == mail.to_email
    # Long links must not be encoded as words: mail programs would not find them.
    assert f"List-Unsubscribe: {mail.headers['List-Unsubscribe']}\r\n".encode() in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert parsed["From"] == "Alder & Oak <hello@alder.example.com>"
    assert parsed["Subject"] == mail.subject
    assert parsed["Bcc"] is None
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    html, text = parsed.get_body(("html",)), parsed.get_body(("plain",))
    assert html is not None and text is not None
    assert html.get_content().splitlines() == mail.html.splitlines()
    assert text.get_content().splitlines() == mail.text.splitlines()
    assert "<b>" not in mail.html


@pytest.mark.parametrize(
    "headers",
    [
        {"Subject": "another", "from": "evil@example.com", "X-Note": "ok"},
        {"X-Note": "one\r\nBcc: evil@example.com"},
        {"X-Note": "ok", "X Bad\nName": "x"},
    ],
)
async def test_no_stored_header_can_break_the_file(core: Core, headers: dict[str, str]) -> None:
    [message] = await attempting(core)
    assert message.rendered is not None
    changed = msgspec.structs.replace(
        message,
        rendered=msgspec.structs.replace(message.rendered, headers=headers),
    )
    await OUTBOX.send(await core.detached("alpha"), [changed])
    async with core.tenant_scope("alpha") as ctx:
        [mail] = await repo.mails(ctx, message.id)
    parsed = message_from_bytes(mime.build(mail), policy=default)
    assert parsed["Subject"] == mail.subject
    assert parsed.get_all("From") == ["Alder & Oak <hello@alder.example.com>"]
    assert parsed["Bcc"] is None
    assert "X-Note" in parsed
    assert not [name for name in parsed if "Bad" in name]


async def test_an_address_that_is_none_still_gives_a_file(core: Core) -> None:
    [message] = await attempting(core, email='x" <a@b.c>, d@e.f (\x07')
    await OUTBOX.send(await core.detached("alpha"), [message])
    async with core.tenant_scope("alpha") as ctx:
        [mail] = await repo.mails(ctx, message.id)
    assert message_from_bytes(mime.build(mail), policy=default)["Subject"] == mail.subject


async def test_old_content_goes_and_the_receipt_stays(core: Core, clock: TurnedClock) -> None:
    old, new = await attempting(core, 2)
    scope = await core.detached("alpha")
    await OUTBOX.send(scope, [old])
    clock.turn(days=60)
    await OUTBOX.send(scope, [new])
    clock.turn(days=31)
    await jobs.purge(await core.detached("alpha"), {})
    async with core.tenant_scope("alpha") as ctx:
        [gone], [kept] = await repo.mails(ctx, old.id), await repo.mails(ctx, new.id)
    assert (gone.html, gone.text) == ("", "") and gone.purged_at == clock.now()
    assert kept.html and kept.purged_at is None
    assert (await OUTBOX.settle(scope, [old.id]))[0].state == "accepted"
    assert mime.GONE in mime.build(gone).decode()


async def test_purges_in_several_transactions(core: Core, clock: TurnedClock) -> None:
    await OUTBOX.send(await core.detached("alpha"), await attempting(core, 7))
    async with core.tenant_scope("alpha") as ctx:
        later = ctx.now + timedelta(days=1)
        assert [await repo.purge(ctx, later, limit=3) for _ in range(4)] == [3, 3, 1, 0]


async def test_erasing_empties_the_mails_and_keeps_the_count(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 2)
    batch = await rendered(alpha, await add_messages(alpha, await add_campaign(alpha), ids))
    await repo.store(alpha, batch)
    exported = (await export_customer(alpha, ids[0])).rows["outbox_mail"]
    assert [row["to_email"] for row in exported] == [batch[0].recipient.email]
    assert (await erase_customer(alpha, ids[0])).rows == 1
    assert (await erase_customer(alpha, ids[0])).rows == 0
    [erased], [other] = await repo.mails(alpha, batch[0].id), await repo.mails(alpha, batch[1].id)
    assert (erased.to_email, erased.subject, erased.html, erased.headers) == ("", "", "", {})
    assert other.html
    assert mime.build(erased)


async def test_no_such_message(alpha: TenantScope) -> None:
    assert await repo.mails(alpha, uuid4()) == []
