"""The fake SendGrid's mail/send over real HTTP: what it takes, what it refuses, and what it remembers."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.kernel.testing.sending import mail, person

if TYPE_CHECKING:
    from kernel.testing.sendgrid import FakeSendGrid

SEND = "/v3/mail/send"


async def test_it_accepts_and_remembers(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    answer = await http.post(SEND, json=mail(person(1), person(2)))
    assert (answer.status_code, answer.content) == (202, b"")
    rows = fake_sendgrid.accepted()
    assert [(row.message, row.recipient) for row in rows] == [
        ("m1", "a1@example.com"),
        ("m2", "a2@example.com"),
    ]
    assert {row.sg_id.split(".")[0] for row in rows} == {answer.headers["X-Message-Id"]}
    [got] = fake_sendgrid.received("m2")
    assert (got.subject, got.text) == ("For Anna 2", "Dear Anna 2")
    assert "<p>Dear Anna 2</p>" in got.html


async def test_it_knows_what_it_accepted_twice(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    for _ in range(2):
        await http.post(SEND, json=mail())
    await http.post(SEND, json=mail(person(2)))
    assert fake_sendgrid.oracle.twice() == [("m1", 2)]
    assert fake_sendgrid.totals()["accepted"] == 3
    told = (await http.get("/_fake/accepted", params={"by": "message", "limit": 1})).json()
    assert told == {"messages": [["m1", 2]]}
    told = (await http.get("/_fake/accepted", params={"by": "message", "after": "m1"})).json()
    assert told == {"messages": [["m2", 1]]}
    await http.post("/_fake/reset")
    assert fake_sendgrid.totals()["accepted"] == 0


async def test_a_sandbox_sends_nothing(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    sandbox = {"sandbox_mode": {"enable": True}}
    assert (await http.post(SEND, json=mail(mail_settings=sandbox))).status_code == 200
    assert fake_sendgrid.totals()["accepted"] == 0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (mail(personalizations=[]), "personalizations"),
        (mail(person(1, to=[])), "personalizations.0.to"),
        (mail(person(1, to=[{"email": "nobody"}])), "personalizations.0.to.0.email"),
        (
            mail(person(1, to=[{"email": "a@b.test", "name": "A, B"}])),
            "personalizations.0.to.0.name",
        ),
        (mail(person(1, to=[{"email": "a@b.test"}, {"email": "A@b.test"}])), "personalizations.0"),
        (mail(person(1, headers={"Reply-To": "x@y.test"})), "personalizations.0.headers.Reply-To"),
        (mail(headers={"DKIM-Signature": "v=1"}), "headers.DKIM-Signature"),
        (mail(person(1, custom_args={"x": "y" * 10_000})), "personalizations.0.custom_args"),
        (mail(person(1, substitutions={"x": "ä" * 5_000})), "personalizations.0.substitutions"),
        (mail(person(1, custom_args={"x": 1})), "personalizations.0.custom_args"),
        (mail(*(person(n) for n in range(1001))), "personalizations"),
        (mail(person(1, cc=[{"email": f"c{n}@b.test"} for n in range(1000)])), "personalizations"),
        (mail(subject=""), "subject"),
        (mail(content=[]), "content"),
        (mail(content=[{"type": "text/html", "value": ""}]), "content.0.value"),
        (mail(content=mail()["content"][::-1]), "content"),
        (mail(categories=["a"] * 11), "categories"),
        (mail(categories=["ä"]), "categories"),
        (mail(send_at=4_000_000_000), "send_at"),
        (mail(surprise=1), None),
    ],
)
async def test_it_refuses_what_sendgrid_refuses(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, wrong: dict[str, Any], field: str | None
) -> None:
    answer = await http.post(SEND, json=wrong)
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert field in [error["field"] for error in errors]
    assert all(error.keys() == {"message", "field", "help"} for error in errors)
    assert fake_sendgrid.totals()["accepted"] == 0


async def test_list_unsubscribe_may_be_set(http: httpx.AsyncClient) -> None:
    headers = {"List-Unsubscribe": "<https://x.test/u>", "List-Unsubscribe-Post": "One-Click"}
    assert (await http.post(SEND, json=mail(person(1, headers=headers)))).status_code == 202


async def test_keys_subusers_and_senders(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    fake_sendgrid.key("SG.reads", "messages.read")
    fake_sendgrid.only(subusers={"alpha"}, senders={"shop.example"})
    tried = [
        ({"authorization": ""}, {}, 401),
        ({"authorization": "Bearer SG.wrong"}, {}, 401),
        ({"authorization": "Bearer SG.reads"}, {}, 403),
        ({"on-behalf-of": "bravo"}, {}, 403),
        ({"on-behalf-of": "alpha"}, {}, 202),
        ({}, {"from": {"email": "x@else.example"}}, 403),
    ]
    for headers, fields, status in tried:
        answer = await http.post(SEND, json=mail(**fields), headers=headers)
        assert answer.status_code == status, (headers, fields)
    assert [row.subuser for row in fake_sendgrid.accepted()] == ["alpha"]
    assert (await http.get(SEND)).status_code == 405
    assert (await http.get("/v3/nothing")).status_code == 404


@pytest.mark.parametrize("kind", ["400", "401", "403", "413", "429", "500", "503"])
async def test_a_status_before_accepting(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, kind: str
) -> None:
    fake_sendgrid.fail(kind)
    answer = await http.post(SEND, json=mail())
    assert answer.status_code == int(kind)
    assert fake_sendgrid.totals()["accepted"] == 0
    assert ("X-RateLimit-Reset" in answer.headers) == (kind == "429")
    assert (await http.post(SEND, json=mail())).status_code == 202


@pytest.mark.parametrize(
    ("kind", "accepted"),
    [("drop", 0), ("drop_after", 1), ("drop_midway", 1), ("stall", 0), ("stall_after", 1)],
)
async def test_answers_that_do_not_come(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, kind: str, accepted: int
) -> None:
    fake_sendgrid.fail(kind)
    with pytest.raises((httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.ReadError)):
        await http.post(SEND, json=mail(), timeout=0.3)
    assert fake_sendgrid.totals()["accepted"] == accepted
    assert (await http.post(SEND, json=mail(person(2)))).status_code == 202


async def test_5xx_after_accepting_and_a_slow_answer(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    fake_sendgrid.fail("503_after")
    fake_sendgrid.fail("slow", seconds=0.05)
    assert (await http.post(SEND, json=mail(person(1)))).status_code == 503
    assert (await http.post(SEND, json=mail(person(2)))).status_code == 202
    assert [row.message for row in fake_sendgrid.accepted()] == ["m1", "m2"]


async def test_no_connection_until_it_recovers(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    await fake_sendgrid.refuse()
    with pytest.raises(httpx.ConnectError):
        await http.post(SEND, json=mail())
    await fake_sendgrid.recover()
    assert (await http.post(SEND, json=mail())).status_code == 202


async def test_rules_over_http(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    rules = [
        {"kind": "503", "nth": [2]},
        {"kind": "400", "to": "*@bad.test"},
        {"kind": "500_after", "every": 5},
    ]
    assert (await http.post("/_fake/faults", json={"rules": rules, "seed": 7})).status_code == 200
    seen = [
        (
            await http.post(SEND, json=mail(person(n, "bad.test" if n == 3 else "b.test")))
        ).status_code
        for n in range(1, 7)
    ]
    assert seen == [202, 503, 400, 202, 500, 202]
    assert fake_sendgrid.totals()["struck"] == {"503": 1, "400": 1, "500_after": 1}
    odd = await http.post("/_fake/faults", json={"rules": [{"kind": "fire"}]})
    assert odd.status_code == 400 and "no fault" in odd.json()["errors"][0]["message"]


async def test_the_same_seed_draws_the_same(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    drawn = []
    for _ in range(2):
        fake_sendgrid.faults.clear()
        fake_sendgrid.faults.seed = 11
        fake_sendgrid.fail(500, share=0.5)
        drawn.append([(await http.post(SEND, json=mail(person(n)))).status_code for n in range(20)])
    assert drawn[0] == drawn[1] and len(set(drawn[0])) == 2


async def test_a_rate_limit(http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid) -> None:
    fake_sendgrid.limit(2, seconds=3600)
    answers = [await http.post(SEND, json=mail(person(n))) for n in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["errors"][0]["message"] == "too many requests"
    assert fake_sendgrid.totals()["accepted"] == 2


async def test_a_body_that_is_too_large_is_refused_unread(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    reader, writer = await asyncio.open_connection(fake_sendgrid.host, fake_sendgrid.port)
    writer.write(b"POST /v3/mail/send HTTP/1.1\r\nContent-Length: 60000001\r\n")
    writer.write(f"Authorization: Bearer {fake_sendgrid.api_key}\r\n\r\n".encode())
    assert b" 413 " in await reader.readline()
    assert b"Payload Too Large" in await reader.read()  # to the end: nothing can follow
    writer.close()
    assert not fake_sendgrid.accepted()


async def test_no_connection_for_a_while(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid
) -> None:
    rules = [{"kind": "refused", "seconds": 0.2}]
    with contextlib.suppress(httpx.TransportError):  # its own connection is cut too
        await http.post("/_fake/faults", json={"rules": rules})
    while True:
        with contextlib.suppress(httpx.TransportError):
            assert (await http.post(SEND, json=mail())).status_code == 202
            break
    assert fake_sendgrid.totals()["accepted"] == 1
