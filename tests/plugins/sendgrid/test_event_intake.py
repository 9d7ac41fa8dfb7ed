"""What SendGrid proves to have written is kept, once, and nothing else is."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.tenancy.core import Core
from plugins.sendgrid import events
from plugins.sendgrid.routes import LARGEST
from tests.plugins.sendgrid.posting import body_of, event, look, post, set_key, signed
from tests.plugins.visitor import visitor

KEPT = "SELECT event_id, kind, email, how, raw FROM sendgrid_event ORDER BY event_id"


async def test_events_are_kept_once_however_often_they_are_posted(core: Core) -> None:
    await set_key(core)
    posted = [event("processed", f"e{n}", email="Anna@Example.com") for n in range(3)]
    for answer in await asyncio.gather(*(post(core, posted[::step]) for step in (1, -1, 2, 1, -1))):
        assert (answer.status_code, answer.content) == (204, b"")
    kept = await look(core, KEPT)
    assert [(row["event_id"], row["email"]) for row in kept] == [
        ("e0", "anna@example.com"),
        ("e1", "anna@example.com"),
        ("e2", "anna@example.com"),
    ]
    assert msgspec.json.decode(bytes(kept[0]["raw"])) == posted[0]
    tasks = await look(core, "SELECT job, state FROM jobs_task WHERE job = 'sendgrid.fold'")
    assert tasks == [{"job": "sendgrid.fold", "state": "due"}], "one fold for all of them"


async def test_only_what_the_key_of_the_tenant_signed(core: Core) -> None:
    body = body_of([event("processed", "e1")])
    assert (await post(core, body)).status_code == 403, "no key is set"
    await set_key(core)
    async with visitor(core) as client:
        for headers in (
            {},
            signed(body + b" "),
            {**signed(body), "x-twilio-email-event-webhook-signature": "é"},
        ):
            encoded = {name: value.encode() for name, value in headers.items()}
            answer = await client.post("/t/alpha/sendgrid/events", content=body, headers=encoded)
            assert answer.status_code == 403
    await set_key(core, "not a key")
    assert (await post(core, body)).status_code == 403
    assert not await look(core, KEPT)
    assert (await post(core, body, "bravo")).status_code == 404, "where the plugin is off"


async def test_a_post_that_is_too_large_is_refused_before_it_is_read(core: Core) -> None:
    await set_key(core)
    answer = await post(core, b"[" + b" " * LARGEST + b"]")
    assert answer.status_code == 413
    assert not await look(core, KEPT)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b"\xff\xfe", b'[{"event": "open"}', b"[" * 5000]
)
async def test_what_cannot_be_read_is_kept_and_not_asked_for_again(core: Core, body: bytes) -> None:
    await set_key(core)
    assert (await post(core, body)).status_code == 204
    [kept] = await look(core, KEPT)
    assert (kept["kind"], bytes(kept["raw"])) == (events.MALFORMED, body)


async def test_one_bad_event_does_not_take_the_others_with_it(core: Core) -> None:
    await set_key(core)
    raw = b'[{"event":"processed","sg_event_id":"a"},7,{"sg_event_id":"x"},{"event":"bounce","reason":"\\ud800"}]'
    assert (await post(core, raw)).status_code == 204
    kinds = sorted(row["kind"] for row in await look(core, KEPT))
    assert kinds == ["bounce", "malformed", "malformed", "processed"]


async def test_events_without_an_id_are_known_by_what_they_say(core: Core) -> None:
    await set_key(core)
    first = {"event": "bounce", "email": "a@example.com", "timestamp": 5}
    await post(core, [first, {**first, "timestamp": 6}])
    await post(core, [dict(reversed(first.items()))])
    assert len(await look(core, KEPT)) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = ["email", "timestamp", "event", "type", "sg_event_id", "sg_message_id", "smtp-id", "reason",
         "ae_message", "ae_tenant", "sg_machine_open"]  # fmt: skip
ODD = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)


@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(posted=st.lists(ODD | JSON, min_size=1, max_size=6))
def test_whatever_is_signed_is_kept(odd_site: Any, posted: list[Any]) -> None:
    """Any JSON at all: answered with 204, every different element of it in the table."""
    runner, client, core = odd_site
    body = msgspec.json.encode(posted)

    async def one() -> None:
        answer = await client.post("/t/alpha/sendgrid/events", content=body, headers=signed(body))
        assert answer.status_code == 204, answer.text
        ids = [one.event_id for one in events.read(body, "alpha", core.clock.now())]
        sql = "SELECT count(*) AS n FROM sendgrid_event WHERE event_id = ANY($1::text[])"
        assert (await look(core, sql, ids))[0]["n"] == len(set(ids))

    runner.run(one())


@pytest.fixture
def odd_site(database_url: str, board: Any, clock: Any) -> Any:
    """The application in an event loop of its own, for properties."""
    from kernel.db.uow import Pool
    from kernel.tenancy.core import Core, Links
    from kernel.testing import database
    from kernel.testing.pytest_plugin import SECRET
    from kernel.testing.seed import add_tenant

    with asyncio.Runner() as runner:
        pool = runner.run(Pool(database_url, size=4).open())
        core = Core(
            pool=pool,
            board=board,
            links=Links(base_url="http://mail.test", secret=SECRET),
            clock=clock,
        )
        runner.run(add_tenant(core, "alpha", ["sendgrid"]))
        runner.run(set_key(core))
        client = visitor(core)
        yield runner, client, core
        runner.run(client.aclose())
        runner.run(database.empty(pool))
        runner.run(pool.close())
