"""The fake SendGrid's webhook: what it tells, how it signs, and how badly it behaves."""

from __future__ import annotations

import base64
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from kernel.testing.fake_http import Answer, Server
from kernel.testing.sendgrid_webhook import SIGNATURE, TIMESTAMP
from tests.kernel.testing.sending import mail, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.testing.fake_http import Request
    from kernel.testing.sendgrid import FakeSendGrid


class Listener:
    """A webhook that verifies and remembers."""

    def __init__(self) -> None:
        self.posts: list[Request] = []
        self.refusals = 0
        self.server = Server(self.take)

    def take(self, request: Request) -> Answer:
        if self.refusals:
            self.refusals -= 1
            return Answer(503)
        self.posts.append(request)
        return Answer(204)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/events"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for post in self.posts for event in msgspec.json.decode(post.body)]


@pytest_asyncio.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    await listener.server.start()
    yield listener
    await listener.server.stop()


async def send(http: httpx.AsyncClient, *people: dict[str, Any], **fields: Any) -> None:
    assert (await http.post("/v3/mail/send", json=mail(*people, **fields))).status_code == 202


def verify(public_key: str, post: Request, body: bytes) -> None:
    pem = f"-----BEGIN PUBLIC KEY-----\n{public_key}\n-----END PUBLIC KEY-----"
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    signature = base64.b64decode(post.headers[SIGNATURE.lower()], validate=True)
    key.verify(
        signature, post.headers[TIMESTAMP.lower()].encode() + body, ec.ECDSA(hashes.SHA256())
    )


async def test_posts_are_signed(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    await send(http, person(1))
    fake_sendgrid.events(listener.url, hold=True)
    assert await fake_sendgrid.deliver() == 2
    [post] = listener.posts
    key = (await http.get("/_fake/public_key")).json()["public_key"]
    verify(key, post, post.body)
    with pytest.raises(InvalidSignature):
        verify(key, post, post.body + b" ")


async def test_what_becomes_of_whom(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    domains = {
        "example.com": "processed delivered",
        "bounce.test": "processed bounce",
        "blocked.test": "processed bounce",
        "dropped.test": "dropped",
        "deferred.test": "processed deferred delivered",
        "machine.test": "processed delivered open",
        "click.test": "processed delivered open click",
        "spam.test": "processed delivered spamreport",
        "unsubscribe.test": "processed delivered unsubscribe",
        "group.test": "processed delivered group_unsubscribe",
        "silent.test": "",
        "async-bounce.test": "processed delivered bounce",
    }
    await send(http, *(person(n, domain) for n, domain in enumerate(domains)), categories=["w1"])
    fake_sendgrid.events(listener.url)
    await fake_sendgrid.deliver()
    seen: dict[str, list[dict[str, Any]]] = {domain: [] for domain in domains}
    for event in listener.events:
        seen[event["email"].partition("@")[2]].append(event)
    assert {d: " ".join(e["event"] for e in events) for d, events in seen.items()} == domains
    assert seen["example.com"][0]["ae_message"] == "m0"
    assert seen["example.com"][0]["category"] == ["w1"]
    assert seen["bounce.test"][1]["type"] == "bounce"
    assert seen["blocked.test"][1]["type"] == "blocked"
    assert seen["machine.test"][2]["sg_machine_open"] is True
    bare = seen["async-bounce.test"][2]
    assert not {"ae_message", "ae_tenant"} & bare.keys() and "." not in bare["sg_message_id"]
    assert len({event["sg_event_id"] for event in listener.events}) == len(listener.events)


async def test_the_suppressed_are_dropped_later(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    fake_sendgrid.events(listener.url, hold=True)
    await send(http, person(1, "bounce.test"))
    await send(http, person(1, "bounce.test"))
    await fake_sendgrid.deliver()
    last = listener.events[-1]
    assert (last["event"], last["reason"]) == ("dropped", "Bounced Address")


async def test_twice_shuffled_late_and_with_fields_missing(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    await send(http, *(person(n, "click.test") for n in range(200)))
    fake_sendgrid.events(
        listener.url,
        hold=True,
        twice=0.3,
        late=0.3,
        shuffle=True,
        without={"smtp-id": 0.5},
        batch=50,
        seed=3,
    )
    assert await fake_sendgrid.deliver() == len(listener.events)
    counts = Counter(event["sg_event_id"] for event in listener.events)
    assert len(counts) == 800 and {*counts.values()} == {1, 2}
    assert len({"smtp-id" in event for event in listener.events}) == 2
    assert max(len(msgspec.json.decode(post.body)) for post in listener.posts) == 50
    firsts = [event["event"] for event in listener.events if event["ae_message"] == "m7"]
    assert {*firsts} == {"processed", "delivered", "open", "click"}


async def test_rates_and_complaints_without_our_ids(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    await send(http, *(person(n) for n in range(400)))
    rates = {"bounce": 0.2, "spamreport": 0.3}
    fake_sendgrid.events(listener.url, hold=True, bare=1.0, behaviour={"rates": rates})
    await fake_sendgrid.deliver()
    kinds = Counter(event["event"] for event in listener.events)
    assert kinds["processed"] == 400 == kinds["delivered"] + kinds["bounce"]
    assert 40 < kinds["bounce"] < 130 and 50 < kinds["spamreport"] < 180
    odd = [e for e in listener.events if e["event"] in ("bounce", "spamreport")]
    assert not any("ae_message" in event for event in odd)


async def test_what_is_refused_is_posted_again(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    await send(http, person(1))
    listener.refusals = 2
    fake_sendgrid.events(listener.url, hold=True, retry_seconds=0.001)
    assert await fake_sendgrid.deliver() == 2
    assert fake_sendgrid.totals()["posted"] == {"503": 2, "204": 1}


async def test_what_was_accepted_without_an_answer_has_events(
    http: httpx.AsyncClient, fake_sendgrid: FakeSendGrid, listener: Listener
) -> None:
    fake_sendgrid.fail("drop_after")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await http.post("/v3/mail/send", json=mail())
    settings = {"url": listener.url, "hold": True}
    assert (await http.post("/_fake/events", json=settings)).status_code == 200
    assert (await http.post("/_fake/deliver")).json() == {"taken": 2}
    assert {event["ae_message"] for event in listener.events} == {"m1"}
    emitted = {"message": "m1", "kind": "spamreport", "fields": {"ae_tenant": None}}
    await http.post("/_fake/emit", json=emitted)
    await http.post("/_fake/deliver")
    assert listener.events[-1]["event"] == "spamreport"
    assert "ae_tenant" not in listener.events[-1]


async def test_an_event_that_is_none_is_told(http: httpx.AsyncClient) -> None:
    odd = await http.post("/_fake/events", json={"behaviour": {"rates": {"fire": 1}}})
    assert odd.status_code == 400 and "no event" in odd.json()["errors"][0]["message"]
