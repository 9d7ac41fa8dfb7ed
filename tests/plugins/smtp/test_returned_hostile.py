"""Mails that come back from strangers: nobody is taken out but who the message went to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.profiles.suppression import suppressed
from plugins.smtp import marks, reports
from plugins.smtp.marks import envelope
from plugins.smtp.returned import take
from tests.plugins.smtp import samples
from tests.plugins.smtp.mails import attempting
from tests.plugins.smtp.test_returned import BOUNCES, HARD, NOTHING, SOFT, Case, consent

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


@pytest.fixture
async def two(core: Core) -> tuple[Case, Case]:
    """Ada's message, and Eve's."""
    ada, eve = await attempting(core, 2)
    return await Case(core, ada).set(), await Case(core, eve).set()


async def untouched(*cases: Case) -> bool:
    return [await one.known() for one in cases] == [NOTHING] * len(cases)


async def test_a_mark_that_was_changed_is_none(two: tuple[Case, Case]) -> None:
    ada, eve = two
    local, _, domain = eve.marked.partition("@")
    for at in range(len("bounce+"), len(local)):
        other = "a" if local[at] != "a" else "b"
        marked = f"{local[:at]}{other}{local[at + 1 :]}@{domain}"
        raw = samples.postfix(marked, eve.email, "Subject: none").encode()
        assert (await eve.take(raw)).what == "nothing", at
    assert await untouched(ada, eve)


async def test_eve_bounces_only_herself(two: tuple[Case, Case]) -> None:
    """With her own mark, in the name of Ada."""
    ada, eve = two
    raw = samples.postfix(eve.marked, ada.email, samples.ours(ada.email, str(ada.message.id)))
    await eve.take(raw.encode())
    assert await ada.known() == NOTHING
    assert await eve.known() == SOFT  # of somebody else: nobody is suppressed
    raw = samples.arf(eve.marked, ada.email, samples.ours(ada.email, str(ada.message.id)))
    await eve.take(raw.encode())
    assert await ada.known() == NOTHING and await consent(ada) == "subscribed"


async def test_an_id_alone_proves_nothing(two: tuple[Case, Case]) -> None:
    ada, eve = two
    for to in (eve.email, "x@elsewhere.test", ""):
        for sample in (samples.postfix, samples.exim, samples.qmail):
            raw = sample("hello@alder.example.com", to, samples.ours(to, str(ada.message.id)))
            assert (await ada.take(raw.encode())).what == "nothing"
    assert await untouched(ada, eve)


@pytest.mark.parametrize("marked", [True, False])
async def test_who_names_two_messages_speaks_of_none(two: tuple[Case, Case], marked: bool) -> None:
    ada, eve = two
    both = "".join(
        samples.ours(one.email, str(one.message.id), one.marked if marked else "") for one in two
    )
    raw = samples.postfix("hello@alder.example.com", ada.email, both)
    assert (await ada.take(raw.encode())).what == "nothing"
    assert await untouched(ada, eve)


async def test_the_address_that_it_came_to_counts_first(two: tuple[Case, Case]) -> None:
    """Whatever is enclosed; and the mail server's word before a header's."""
    ada, eve = two
    enclosed = samples.ours(ada.email, str(ada.message.id), ada.marked)
    await eve.take(samples.postfix(eve.marked, eve.email, enclosed).encode())
    assert (await ada.known(), await eve.known()) == (NOTHING, HARD)
    await ada.take(samples.postfix(eve.marked, ada.email, enclosed).encode(), recipient=ada.marked)
    assert await ada.known() == HARD


async def test_marks_of_one_shop_are_none_of_another(core: Core, two: tuple[Case, Case]) -> None:
    ada, _ = two
    async with core.tenant_scope("bravo") as bravo:
        assert (await take(bravo, ada.mail(samples.postfix))).what == "nothing"
        assert (await take(bravo, ada.mail(samples.postfix, marked=False))).what == "nothing"
        forged = envelope(bravo, BOUNCES, ada.message.id, ada.email)
    await ada.take(samples.postfix(forged, ada.email, "").encode())
    assert await untouched(ada)


async def test_a_message_that_never_was(core: Core, two: tuple[Case, Case]) -> None:
    ada, _ = two
    async with core.tenant_scope("alpha") as ctx:
        marked = envelope(ctx, BOUNCES, uuid4(), ada.email)
        assert marks.read(ctx, marked.partition("+")[2].partition("@")[0]) is not None
        raw = samples.postfix(marked, ada.email, "").encode()
        assert (await take(ctx, raw)).what == "nothing"
        # Nor one that was never handed over: nobody can have it.
        await ctx.db.execute(
            "UPDATE pipeline_message SET state = 'planned', attempts = 0 "
            "WHERE tenant_id = 'alpha' AND id = $1",
            ada.message.id,
        )
    assert (await ada.take(ada.mail(samples.postfix))).what == "nothing"
    assert (await ada.known())[1:] == ({}, [])


async def test_a_new_address_is_spared(core: Core, two: tuple[Case, Case]) -> None:
    ada, _ = two
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE profiles_customer SET email = 'new@example.test' "
            "WHERE tenant_id = 'alpha' AND id = $1",
            ada.message.customer_id,
        )
    # Without a mark, nothing tells that the old address was hers.
    assert (await ada.take(ada.mail(samples.postfix, marked=False))).what == "nothing"
    await ada.take(ada.mail(samples.postfix))
    assert await ada.known() == HARD
    async with core.tenant_scope("alpha") as ctx:
        assert await suppressed(ctx, ["new@example.test"]) == {}


async def test_who_was_erased_stays_so(core: Core, two: tuple[Case, Case]) -> None:
    ada, _ = two
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            "UPDATE profiles_customer SET email = NULL WHERE tenant_id = 'alpha' AND id = $1",
            ada.message.customer_id,
        )
    for sample in (samples.postfix, samples.arf):
        await ada.take(ada.mail(sample))
    state, outcomes, listed = await ada.known()
    assert (state, outcomes, listed) == ("bounced", {"bounced": "1", "complained": None}, [])


async def test_forwarded_to_a_mailbox_that_is_gone(two: tuple[Case, Case]) -> None:
    ada, _ = two
    raw = ada.mail(samples.postfix, final="ada.old@elsewhere.test")
    original = f"Original-Recipient: rfc822;{ada.email}\n".encode()
    assert original in raw
    assert (await ada.take(raw.replace(original, b""))).what == "soft"
    assert await ada.known() == SOFT
    # Where the report tells that it was hers at first, it is hers.
    assert (await ada.take(raw)).what == "hard"
    assert await ada.known() == HARD


async def test_of_several_recipients_hers_counts(two: tuple[Case, Case]) -> None:
    ada, _ = two
    raw = ada.mail(samples.postfix, action="delayed", status="4.4.1").decode()
    other = "Final-Recipient: rfc822; x@elsewhere.test\nAction: failed\nStatus: 5.1.1\n\n"
    for place in (
        "Final-Recipient: rfc822;",
        "--3B1D41F92.1781517660/mail.alder.example.com\nContent-Description: Und",
    ):
        both = raw.replace(place, other + place, 1)
        assert both != raw
        assert (await ada.take(both.encode())).what == "delayed"
    assert await untouched(ada)


async def test_other_letters_are_the_same_address(two: tuple[Case, Case]) -> None:
    ada, _ = two
    raw = samples.postfix(ada.marked.upper(), ada.email.upper(), "").encode()
    assert (await ada.take(raw)).what == "hard"
    assert await ada.known() == HARD


async def test_an_enclosed_report_is_not_the_mails_own(two: tuple[Case, Case]) -> None:
    """Ada forwards to the shop a bounce that she had."""
    ada, _ = two
    inner = ada.mail(samples.postfix).decode()
    raw = (
        f"From: {ada.email}\nTo: {ada.marked}\nSubject: what is this?\nMIME-Version: 1.0\n"
        f'Content-Type: multipart/mixed; boundary="q"\n\n--q\nContent-Type: text/plain\n\nHm?\n--q\n'
        f"Content-Type: message/rfc822\n\n{inner}\n--q--\n"
    )
    assert (await ada.take(raw.encode())).what == "nothing"
    assert await untouched(ada)


async def test_reasons_hold_no_address(core: Core, two: tuple[Case, Case]) -> None:
    ada, _ = two
    await ada.take(
        ada.mail(samples.postfix, said="550 5.1.1 <{to}> (aka x@y.test)\x00" + "!" * 5000)
    )
    async with core.tenant_scope("alpha") as ctx:
        reason = await ctx.db.fetchval(
            "SELECT detail ->> 'reason' FROM pipeline_outcome WHERE tenant_id = 'alpha'"
        )
    assert reason.startswith("5.1.1 550 5.1.1 <…> (aka …)") and "@" not in reason
    assert len(reason) <= 200


def nested(depth: int) -> bytes:
    return b"From: MAILER-DAEMON@x.test\n" + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(depth)
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0" * 1000,
        b"\xff\xfe" * 1000,
        b"\n" * 300_000,
        b"a" * 300_000,
        b"a@" * 150_000,
        b"From: MAILER-DAEMON@x.test\n\n" + b" \n" * 130_000,
        b"From: MAILER-DAEMON@x.test\n\n" + b"-" * 250_000,
        b"From: MAILER-DAEMON@x.test\n\n" + b"message " * 30_000,
        b"Content-Type: multipart/report; " + b"a=b;" * 60_000 + b"\n\nx",
        b"Content-Type: multipart/report;" + b"\n a=b;" * 40_000 + b"\n\nx",
        nested(600),
        nested(10_000),
        b"Content-Type: message/rfc822\n\n" * 8_000,
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 35_000,
        b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient: rfc822;a@b.test\n\n" * 7_000,
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n!!!!",
        b"Content-Type: message/feedback-report\n\n",
        b"Content-Type: text/plain; charset=\"=?\"\nFrom: =?x?q?=00?= <MAILER-DAEMON@x.test>\n\n\xff",
        b"<00000000-0000-4000-8000-000000000000@x> " * 6_000,
        b"+" + b"a" * 48 + b"@" * 200_000,
    ],
)  # fmt: skip
def test_nothing_takes_long_or_raises(raw: bytes) -> None:
    begun = time.process_time()
    reports.read(raw)
    assert time.process_time() - begun < 5


async def test_what_is_cut_off_is_enough(two: tuple[Case, Case]) -> None:
    ada, _ = two
    raw = ada.mail(samples.postfix).rpartition(b"--3B1D")[0] + b"x" * 10**7
    assert (await ada.take(raw)).what == "hard"


ODD = st.sampled_from(
    [b"\n", b"\r\n", b"\n\n", b"--inner", b"--outer\n", b"\0", b"\xff", b": ", b";", b"=?utf-8?q?=0A?=",
     b"Content-Type: message/rfc822\n", b"Content-Transfer-Encoding: base64\n", b"Status: 5.1.1\n"]
)  # fmt: skip
RAW = samples.exchange(
    "x@y.test", "ada@example.test", samples.ours("ada@example.test", "x")
).encode()


@given(st.lists(st.tuples(st.integers(0, len(RAW)), ODD, st.integers(0, 30)), max_size=8))
def test_a_garbled_report_names_nobody_else(edits: list[tuple[int, bytes, int]]) -> None:
    raw = RAW
    for at, odd, cut in edits:
        raw = raw[:at] + odd + raw[at + cut :]
    report = reports.read(raw)
    assert bool(report.nothing) != bool(report.said)
    known: set[Any] = {"complaint", "hard", "soft", "delayed", "delivered", "relayed"}
    assert {one.kind for one in report.said} <= known
