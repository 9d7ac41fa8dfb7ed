"""Mails that come back: whose they are, what follows, and what must not, whoever writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kernel.profiles.suppression import suppressed
from plugins.smtp.marks import MARK, envelope, read
from plugins.smtp.returned import take
from tests.plugins.smtp import samples
from tests.plugins.smtp.mails import attempting

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from plugins.smtp.returned import Taken

BOUNCES = "bounce@alder.example.com"


class Case:
    """One message that the mail server took, and what is on record of it."""

    def __init__(self, core: Core, message: Outgoing) -> None:
        self.core = core
        self.message = message
        self.email = str(message.recipient.email)
        self.came_to = "hello@alder.example.com"
        """Without a mark."""
        self.marked = ""

    async def set(self, state: str = "accepted", **more: Any) -> Case:
        async with self.core.tenant_scope("alpha") as ctx:
            self.marked = envelope(ctx, BOUNCES, self.message.id, self.email)
            await ctx.db.execute(
                "UPDATE pipeline_message SET state = $1, attempts = 1 "
                "WHERE tenant_id = 'alpha' AND id = $2",
                state,
                self.message.id,
            )
        return self

    def mail(self, sample: Callable[..., str], marked: bool = True, **more: Any) -> bytes:
        """The sample, about this message."""
        original = samples.ours(self.email, str(self.message.id), self.marked if marked else "")
        to = self.marked if marked else self.came_to
        return sample(to, self.email, original, **more).encode()

    async def take(self, raw: bytes, recipient: str = "") -> Taken:
        async with self.core.tenant_scope("alpha") as ctx:
            return await take(ctx, raw, recipient)

    async def known(self) -> tuple[str, dict[str, Any], list[str]]:
        """State, outcomes (kind -> how hard, or nothing), and why the address is suppressed."""
        async with self.core.tenant_scope("alpha") as ctx:
            state = await ctx.db.fetchval(
                "SELECT state FROM pipeline_message WHERE tenant_id = 'alpha' AND id = $1",
                self.message.id,
            )
            rows = await ctx.db.fetch(
                "SELECT kind, detail ->> 'hard' AS hard FROM pipeline_outcome "
                "WHERE tenant_id = 'alpha' AND message_id = $1 ORDER BY kind",
                self.message.id,
            )
            listed = (await suppressed(ctx, [self.email])).get(self.email, [])
        return state, {r["kind"]: r["hard"] for r in rows}, [one.reason for one in listed]


@pytest.fixture
async def case(core: Core) -> Case:
    [message] = await attempting(core)
    return await Case(core, message).set()


HARD = ("bounced", {"bounced": "1"}, ["bounced"])
SOFT = ("bounced", {"bounced": "0"}, [])
NOTHING: tuple[str, dict[str, Any], list[str]] = ("accepted", {}, [])
FULL = "552 5.2.2 <{to}>: user is over quota"
POLICY = "554 5.7.1 Message rejected due to content restrictions"
EXPIRED = "connect to mx.example.net[192.0.2.9]:25: Connection timed out"


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("sample", "more", "what", "after"),
    [
        (samples.postfix, {}, "hard", HARD),
        (samples.postfix, {"status": "5.2.1", "said": "550 5.2.1 disabled"}, "hard", HARD),
        (samples.postfix, {"status": "5.0.0", "said": "550 5.1.1 no"}, "hard", HARD),
        (samples.postfix, {"status": "5.0.0", "said": "550 User unknown"}, "hard", HARD),
        (samples.postfix, {"status": "5.4.4", "said": "Host or domain name not found"}, "hard", HARD),
        (samples.postfix, {"status": "5.4.4", "said": "no route to host"}, "soft", SOFT),
        (samples.postfix, {"status": "5.2.2", "said": FULL}, "soft", SOFT),
        (samples.postfix, {"status": "5.7.1", "said": POLICY}, "soft", SOFT),
        (samples.postfix, {"status": "4.4.1", "said": EXPIRED}, "soft", SOFT),
        (samples.postfix, {"status": "4.4.1", "action": "delayed", "said": EXPIRED}, "delayed", NOTHING),
        (samples.postfix, {"status": "2.0.0", "action": "relayed", "said": "250 ok"}, "relayed", NOTHING),
        (samples.postfix, {"status": "2.0.0", "action": "delivered", "said": "250 ok"}, "delivered",
         ("delivered", {"delivered": None}, [])),
        (samples.exim, {}, "hard", HARD),
        (samples.exim, {"said": "mailbox is full: retry timeout exceeded"}, "soft", SOFT),
        (samples.exim, {"said": "SMTP error: 550-5.7.26 unauthenticated mail"}, "soft", SOFT),
        (samples.exim_delay, {}, "delayed", NOTHING),
        (samples.exchange, {}, "hard", HARD),
        (samples.gmail, {}, "hard", HARD),
        (samples.gmail, {"status": "5.2.1", "said": "550-5.2.1 The user you are trying to contact is "
         "receiving mail at a rate that prevents additional messages"}, "soft", SOFT),
        (samples.qmail, {}, "hard", HARD),
        (samples.qmail, {"said": "192.0.2.5 does not like recipient.\nRemote host said: 552 5.2.2 full"},
         "soft", SOFT),
    ],
)  # fmt: skip
async def test_bounces(
    case: Case, marked: bool, sample: Any, more: dict[str, str], what: str, after: Any
) -> None:
    raw = case.mail(sample, marked, **more)
    taken = await case.take(raw)
    assert (taken.what, taken.message_id) == (what, case.message.id)
    assert await case.known() == after
    assert case.email not in taken.words
    again = await case.take(raw)
    assert again.what == ("again" if after[1] else what)
    assert await case.known() == after


async def test_a_mark_is_known_after_a_change_of_the_secret(case: Case) -> None:
    [mark] = MARK.findall(case.marked)
    before = case.core.links
    case.core.links = msgspec.structs.replace(before, secret="n" * 40)
    async with case.core.tenant_scope("alpha") as ctx:
        assert read(ctx, mark) is None
    case.core.links = msgspec.structs.replace(before, secret="n" * 40, old_secrets=(before.secret,))
    async with case.core.tenant_scope("alpha") as ctx:
        found = read(ctx, mark)
        assert found is not None and found.message_id == case.message.id
        assert found.fits(ctx, case.email) and not found.fits(ctx, "other@example.com")
    async with case.core.tenant_scope("bravo") as ctx:
        assert read(ctx, mark) is None


@pytest.mark.parametrize("sample", [samples.vacation, samples.receipt])
async def test_answers_of_programs_are_no_bounces(case: Case, sample: Any) -> None:
    taken = await case.take(case.mail(sample))
    assert taken.what == "nothing"
    assert await case.known() == NOTHING


async def consent(case: Case) -> str:
    async with case.core.tenant_scope("alpha") as ctx:
        return await ctx.db.fetchval(
            "SELECT email_consent FROM profiles_customer WHERE tenant_id = 'alpha' AND id = $1",
            case.message.customer_id,
        )


@pytest.mark.parametrize("kind", ["abuse", "fraud", "Other", "something-new"])
@pytest.mark.parametrize("told", [True, False])
async def test_a_complaint_by_its_mark(case: Case, kind: str, told: bool) -> None:
    raw = case.mail(samples.arf, kind=kind, told=told).replace(
        f"To: <{case.marked}>".encode(), b"To: <abuse@alder.example.com>"
    )
    assert await consent(case) == "subscribed"
    assert (await case.take(raw)).what == "complaint"
    expected = ("accepted", {"complained": None}, ["complained"])
    assert await case.known() == expected
    assert await consent(case) == "unsubscribed"
    assert (await case.take(raw)).what == "again"
    assert await case.known() == expected


@pytest.mark.parametrize("told", [True, False])
async def test_a_complaint_by_the_id_of_the_mail_that_it_encloses(case: Case, told: bool) -> None:
    assert (await case.take(case.mail(samples.arf, False, told=told))).what == "complaint"
    assert await case.known() == ("accepted", {"complained": None}, ["complained"])


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", ""])
async def test_feedback_that_is_no_complaint(case: Case, kind: str) -> None:
    assert (await case.take(case.mail(samples.arf, kind=kind))).what == "nothing"
    assert await case.known() == NOTHING
    assert await consent(case) == "subscribed"


@pytest.mark.parametrize("first", [samples.postfix, samples.arf])
async def test_a_complaint_and_a_bounce_in_any_order(case: Case, first: Any) -> None:
    both = [samples.postfix, samples.arf]
    for sample in sorted(both, key=lambda one: one is not first):
        assert (await case.take(case.mail(sample))).what in ("hard", "complaint")
    state, outcomes, why = await case.known()
    assert (state, outcomes) == ("bounced", {"bounced": "1", "complained": None})
    assert why == [("bounced" if first is samples.postfix else "complained")]


@pytest.mark.parametrize("order", [1, -1])
async def test_the_worst_of_two_bounces_counts(case: Case, order: int) -> None:
    soft = case.mail(samples.postfix, status="5.2.2", said=FULL)
    hard = case.mail(samples.postfix)
    for raw in (soft, hard)[::order]:
        await case.take(raw)
    assert await case.known() == HARD


@pytest.mark.parametrize("state", ["unknown", "attempting", "rejected", "planned", "cancelled"])
@pytest.mark.parametrize(
    ("more", "after"),
    [({"action": "delayed", "status": "4.4.1", "said": EXPIRED}, NOTHING), ({}, HARD)],
)
async def test_an_answer_that_was_lost_is_found(
    case: Case, state: str, more: dict[str, str], after: Any
) -> None:
    await case.set(state)
    await case.take(case.mail(samples.postfix, **more))
    assert await case.known() == after
    async with case.core.tenant_scope("alpha") as ctx:
        accepted = "SELECT accepted_at FROM pipeline_message WHERE tenant_id = 'alpha' AND id = $1"
        assert await ctx.db.fetchval(accepted, case.message.id) is not None


async def test_what_was_taken_off_the_list_stays_off_when_an_old_mail_is_read_again(
    case: Case,
) -> None:
    from kernel.profiles.suppression import unsuppress

    raw = case.mail(samples.postfix)
    await case.take(raw)
    async with case.core.tenant_scope("alpha") as ctx:
        assert await unsuppress(ctx, case.email)
    assert (await case.take(raw)).what == "again"
    assert (await case.known())[2] == []
