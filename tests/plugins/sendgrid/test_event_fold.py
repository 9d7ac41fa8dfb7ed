"""Events find their message, move the ledger, and take out who must not be written to again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from kernel.contracts.delivery import Outgoing
from kernel.sdk import set_consents, suppressed
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.sendgrid.jobs import tidy
from plugins.sendgrid.plugin import erase_customer, export_customer
from tests.plugins.sendgrid.posting import event, folded, look, post, sent, set_key, states

PLACED = "SELECT event_id, how, message_id FROM sendgrid_event ORDER BY event_id"


def of(message: Outgoing, kind: str, event_id: str, **fields: Any) -> dict[str, Any]:
    """An event with everything that SendGrid sends of a mail of ours."""
    given = {"email": message.recipient.email, "ae_message": str(message.id), "ae_tenant": "alpha"}
    return event(kind, event_id, **{**given, **fields})


async def tell(core: Core, *events: dict[str, Any]) -> None:
    """Posted, and folded."""
    assert (await post(core, list(events))).status_code == 204
    await folded(core)


async def listed(core: Core, *emails: str | None) -> list[str]:
    async with core.tenant_scope("alpha") as ctx:
        found = await suppressed(ctx, emails)
        return [found[email][0].reason if email in found else "" for email in emails if email]


async def consents(core: Core) -> list[str]:
    sql = "SELECT email_consent AS said FROM profiles_customer ORDER BY id"
    return [row["said"] for row in await look(core, sql)]


@pytest.fixture(autouse=True)
async def key(core: Core) -> None:
    await set_key(core)


async def test_the_ledger_follows(core: Core) -> None:
    one, two, three, four = await sent(core, 4)
    await tell(
        core,
        of(one, "processed", "a1"),
        of(one, "delivered", "a2"),
        of(two, "bounce", "b1", type="bounce", reason="550 5.1.1 <x@example.com> unknown"),
        of(two, "delivered", "b2"),
        of(three, "deferred", "c1"),
        of(four, "dropped", "d1", reason="Invalid"),
    )
    assert await states(core) == ["delivered", "bounced", "accepted", "rejected"]
    [why] = await look(core, "SELECT reason FROM pipeline_message WHERE state = 'rejected'")
    assert why["reason"] == "SendGrid did not send it: Invalid."
    [bounce] = await look(core, "SELECT detail FROM pipeline_outcome WHERE kind = 'bounced'")
    assert '"hard": 1' in bounce["detail"] and "550 5.1.1 <(address)> unknown" in bounce["detail"]
    assert await listed(core, *(m.recipient.email for m in (one, two, three, four))) == [
        "", "bounced", "", "",
    ]  # fmt: skip
    assert await consents(core) == ["subscribed"] * 4, "a bounce says nothing of consent"


@pytest.mark.parametrize("state", ["unknown", "attempting", "rejected", "planned"])
@pytest.mark.parametrize("kind", ["processed", "deferred", "delivered", "open"])
async def test_any_event_of_ours_proves_that_sendgrid_has_it(
    core: Core, state: str, kind: str
) -> None:
    [message] = await sent(core, 1, state=state)
    await tell(core, of(message, kind, "a", sg_message_id="req7.filter1.2.3-0"))
    assert await states(core) == ["delivered" if kind == "delivered" else "accepted"]
    [row] = await look(core, "SELECT provider_id, accepted_at, due_at FROM pipeline_message")
    assert row["provider_id"] == "req7" and row["accepted_at"] and row["due_at"] is None
    told = await look(core, "SELECT type FROM events_event WHERE type = 'messages.accepted'")
    assert len(told) == 1
    await tell(core, of(message, "click", "b"))
    assert len(await look(core, "SELECT FROM events_event WHERE type = 'messages.accepted'")) == 1


async def test_what_was_never_handed_over_is_not_sent_by_an_event(core: Core) -> None:
    [message] = await sent(core, 1, state="planned", attempts=0)
    await tell(core, of(message, "delivered", "a"))
    assert await states(core) == ["planned"]


async def test_each_ending_is_heard_at_once(core: Core) -> None:
    people = await sent(core, 8)
    kinds: list[dict[str, Any]] = [
        of(people[0], "spamreport", "a"),
        of(people[1], "unsubscribe", "b"),
        of(people[2], "group_unsubscribe", "c", asm_group_id=3),
        of(people[3], "dropped", "d", reason="Unsubscribed Address"),
        of(people[4], "dropped", "e", reason="Spam Reporting Address"),
        of(people[5], "dropped", "f", reason="Bounced Address"),
        of(people[6], "bounce", "g", type="blocked", reason="550 5.7.515"),
        of(people[7], "group_resubscribe", "h", asm_group_id=3),
    ]
    await tell(core, *kinds)
    assert await listed(core, *(one.recipient.email for one in people)) == [
        "complained", "unsubscribed", "unsubscribed", "unsubscribed", "complained", "bounced", "", "",
    ]  # fmt: skip
    assert await consents(core) == ["unsubscribed"] * 5 + ["subscribed"] * 3
    soft = "SELECT kind, detail FROM pipeline_outcome WHERE kind = 'bounced'"
    [blocked] = await look(core, soft)
    assert '"hard": 0' in blocked["detail"]
    await tell(core, of(people[6], "bounce", "i", type="bounce", reason="550 gone"))
    [hard] = await look(core, soft)
    assert '"hard": 1' in hard["detail"], "for good counts, whichever came first"
    assert (await listed(core, people[6].recipient.email)) == ["bounced"]


async def test_group_resubscribe_lifts_nothing(core: Core) -> None:
    [one] = await sent(core)
    await tell(core, of(one, "group_unsubscribe", "a"))
    await tell(core, of(one, "group_resubscribe", "b"))
    assert await listed(core, one.recipient.email) == ["unsubscribed"]
    assert await consents(core) == ["unsubscribed"]


async def test_recipients_of_one_request_are_told_apart_by_their_address(core: Core) -> None:
    one, two, three = await sent(core, 3, provider_id="req1")
    bounce = event(
        "bounce", "a", type="bounce", email=two.recipient.email, sg_message_id="req1.recvd-9"
    )
    await tell(core, bounce)
    assert await states(core) == ["accepted", "bounced", "accepted"]
    [placed] = await look(core, PLACED)
    assert (placed["how"], placed["message_id"]) == ("request", two.id)
    assert await listed(core, one.recipient.email, two.recipient.email, three.recipient.email) == [
        "", "bounced", "",
    ]  # fmt: skip


@pytest.mark.parametrize("first", ["processed", "bounce"])
async def test_the_message_id_is_learned_from_processed_whichever_comes_first(
    core: Core, clock: TurnedClock, first: str
) -> None:
    one, two = await sent(core, 2, provider_id="")
    # The customer has another address by now, so that nothing but the Message-ID is left.
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE profiles_customer SET email = 'new@example.com' WHERE id = $1", two.customer_id
        )
    both = {
        "processed": of(two, "processed", "p", smtp_id="<q@ismtpd1.sendgrid.net>"),
        "bounce": event(
            "bounce",
            "b",
            type="bounce",
            email=two.recipient.email,
            smtp_id="<q@ismtpd1.sendgrid.net>",
        ),
    }
    await tell(core, both.pop(first))
    await tell(core, *both.values())
    clock.turn(minutes=2)
    await folded(core)
    assert await states(core) == ["accepted", "bounced"]
    assert {row["how"] for row in await look(core, PLACED)} == {"message", "smtp"}
    assert await listed(core, two.recipient.email, "new@example.com", one.recipient.email) == [
        "bounced", "", "",
    ]  # fmt: skip


async def test_an_event_with_an_address_alone_is_of_the_last_mail_before_it(
    core: Core, clock: TurnedClock
) -> None:
    [old] = await sent(core)
    clock.turn(days=2)
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx)
        await ctx.db.execute("UPDATE pipeline_campaign SET channel = 'sendgrid'")
        given = {"state": "accepted", "attempts": 1}
        [new] = await add_messages(ctx, campaign, [old.customer_id], **given)
        other = await add_campaign(ctx)
        await add_messages(ctx, other, [old.customer_id], **given)  # by the outbox, a moment later
    at = clock.now() + timedelta(hours=1)
    clock.turn(hours=2)
    await tell(core, event("spamreport", "a", at=at, email=old.recipient.email))
    assert await listed(core, old.recipient.email) == ["complained"], "that does not wait"
    assert (await look(core, PLACED))[0]["how"] == ""
    for _ in range(5):
        clock.turn(minutes=20)
        await folded(core)
    [placed] = await look(core, PLACED)
    assert (placed["how"], placed["message_id"]) == ("address", new.id)


async def test_what_is_of_nobody_is_kept_and_counted(core: Core, clock: TurnedClock) -> None:
    [known] = await sent(core)
    await tell(
        core, event("bounce", "a", type="bounce", email="nobody@example.net"), event("open", "b")
    )
    for _ in range(5):
        clock.turn(minutes=20)
        await folded(core)
    assert [row["how"] for row in await look(core, PLACED)] == ["nobody", "nobody"]
    assert await listed(core, "nobody@example.net", known.recipient.email) == ["", ""]
    counts = await look(core, "SELECT kind, how, events FROM sendgrid_count ORDER BY kind")
    assert counts == [
        {"kind": "bounce", "how": "nobody", "events": 1},
        {"kind": "open", "how": "nobody", "events": 1},
    ]


async def test_an_event_that_names_what_is_not_ours_changes_nothing(
    core: Core, clock: TurnedClock
) -> None:
    """However well the rest fits."""
    [mine] = await sent(core, 1, provider_id="req1")
    fits = {"email": mine.recipient.email, "sg_message_id": "req1.x", "type": "bounce"}
    await tell(
        core,
        event("bounce", "a", ae_message=str(uuid4()), **fits),
        event("bounce", "b", ae_message=str(mine.id), ae_tenant="bravo", **fits),
        event("spamreport", "c", ae_tenant="bravo", **fits),
        event("unsubscribe", "d", ae_message="1 OR 1=1", **fits),
    )
    for _ in range(5):
        clock.turn(minutes=20)
        await folded(core)
    assert [row["how"] for row in await look(core, PLACED)] == ["stranger"] * 4
    assert await states(core) == ["accepted"]
    assert await listed(core, mine.recipient.email) == [""]
    assert await consents(core) == ["subscribed"]


async def test_a_message_of_another_tenant_is_out_of_reach(core: Core) -> None:
    """Alpha's key signs an event that names a message of charlie, a shop like alpha."""
    from kernel.testing.seed import add_tenant

    await add_tenant(core, "charlie", sorted(core.board.plugins))
    [theirs] = await sent(core, 1, "charlie", provider_id="req1")
    stolen = {"email": theirs.recipient.email, "ae_message": str(theirs.id), "type": "bounce"}
    await tell(
        core,
        event("bounce", "a", **stolen),
        event("bounce", "b", email=theirs.recipient.email, sg_message_id="req1.x", type="bounce"),
    )
    assert await states(core, "charlie") == ["accepted"]
    assert not await look(core, "SELECT FROM profiles_suppression", tenant="charlie")
    assert not await look(core, "SELECT FROM profiles_suppression")


async def test_a_later_yes_is_not_undone_by_an_older_event(core: Core) -> None:
    [one] = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        at = ctx.now + timedelta(hours=1)
        await set_consents(ctx, [(one.customer_id, "subscribed", "form", at)])
    await tell(core, of(one, "unsubscribe", "a"))
    assert await consents(core) == ["subscribed"]
    assert await listed(core, one.recipient.email) == ["unsubscribed"], "but the address stays out"


async def test_old_events_are_removed_and_waiting_ones_are_not(
    core: Core, clock: TurnedClock
) -> None:
    [one] = await sent(core)
    await tell(core, of(one, "delivered", "a"))
    clock.turn(days=91)
    await post(core, [of(one, "open", "b")])
    await tidy(await core.detached("alpha"), {})
    assert [row["event_id"] for row in await look(core, PLACED)] == ["b"]
    assert await states(core) == ["delivered"]


async def test_export_and_erase(core: Core) -> None:
    one, two = await sent(core, 2)
    await tell(
        core,
        of(one, "delivered", "a", ip="192.0.2.7"),
        event("open", "b", email=one.recipient.email),
        of(two, "delivered", "c"),
    )
    async with core.tenant_scope("alpha") as ctx:
        kept = (await export_customer(ctx, one.customer_id)).rows["sendgrid_event"]
        assert [row["kind"] for row in kept] == ["delivered", "open"]
        assert "192.0.2.7" in kept[0]["raw"]
        # Two events, and the erasure at SendGrid, which may be asked for again.
        assert (await erase_customer(ctx, one.customer_id)).rows == 3
        assert (await erase_customer(ctx, one.customer_id)).rows == 1
    rows = await look(core, "SELECT event_id, email, raw FROM sendgrid_event ORDER BY event_id")
    assert [(row["email"], row["raw"]) for row in rows[:2]] == [("", b""), ("", b"")]
    assert rows[2]["email"] == two.recipient.email


async def test_customers_of_other_shops_are_not_exported(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [quiet] = await add_customers(ctx)
        assert (await export_customer(ctx, quiet)).rows == {"sendgrid_event": []}
