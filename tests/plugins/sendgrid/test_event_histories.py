"""Any history, shuffled, repeated and folded in any pieces, ends where the pure fold says it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.db.uow import Pool
from kernel.plugboard.board import Plugboard
from kernel.sdk import suppressed
from kernel.tenancy.core import Core, Links
from kernel.testing import database
from kernel.testing.clock import START, TurnedClock
from kernel.testing.pytest_plugin import SECRET
from kernel.testing.seed import add_tenant
from plugins.sendgrid import events, repo
from plugins.sendgrid.fold import fold
from plugins.sendgrid.states import Seen, fate, suppression
from tests.plugins.sendgrid.posting import event, look, sent

KINDS = [
    ("processed", ""), ("deferred", ""), ("delivered", ""), ("bounce", "bounce"),
    ("bounce", "blocked"), ("dropped", "Bounced Address"), ("dropped", "Invalid"), ("spamreport", ""),
    ("unsubscribe", ""), ("group_resubscribe", ""), ("open", ""), ("click", ""),
]  # fmt: skip
HOW = ["id", "request", "smtp"]
STATES = """
SELECT m.id, m.state, c.email, c.email_consent FROM pipeline_message m
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id ORDER BY m.customer_id
"""


@pytest.fixture
def site(database_url: str, board: Plugboard) -> Iterator[tuple[asyncio.Runner, Core, TurnedClock]]:
    """An event loop, a Core without tenants, and its clock."""
    clock = TurnedClock()
    with asyncio.Runner() as runner:
        pool = runner.run(Pool(database_url, size=4).open())
        links = Links(base_url="http://mail.test", secret=SECRET)
        yield runner, Core(pool=pool, board=board, links=links, clock=clock), clock
        runner.run(database.empty(pool))
        runner.run(pool.close())


Told = tuple[int, tuple[str, str], str, int]
"""Which of three messages, what, how it is known, and after how many minutes."""
TOLD = st.tuples(
    st.integers(0, 2), st.sampled_from(KINDS), st.sampled_from(HOW), st.integers(0, 600)
)


def made(n: int, told: Told, messages: list[Any]) -> dict[str, Any]:
    """The event as SendGrid writes it."""
    which, (kind, detail), how, minutes = told
    message = messages[which]
    known: dict[str, Any] = {
        "id": {"ae_message": str(message.id), "ae_tenant": "alpha"},
        "request": {"sg_message_id": "shared.filter1.2-0"},
        "smtp": {"smtp_id": f"<m{which}@ismtpd1.sendgrid.net>"},
    }[how]
    said = {"type": detail} if kind == "bounce" else {"reason": detail} if detail else {}
    at = START + timedelta(minutes=minutes)
    return event(kind, f"e{n}", at=at, email=message.recipient.email, **known, **said)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(TOLD, max_size=12), data=st.data())
def test_the_ledger_ends_where_the_history_says(
    site: tuple[asyncio.Runner, Core, TurnedClock], history: list[Told], data: st.DataObject
) -> None:
    runner, core, clock = site
    again = history + (data.draw(st.lists(st.sampled_from(history), max_size=5)) if history else [])
    order = data.draw(st.permutations([(history.index(one), one) for one in again]))
    pieces = data.draw(st.lists(st.integers(1, 4), min_size=len(order), max_size=len(order)))
    found = runner.run(_folded(core, clock, order, pieces))
    assert found == [_wanted(which, order) for which in range(3)]


async def _folded(
    core: Core, clock: TurnedClock, order: list[tuple[int, Told]], pieces: list[int]
) -> list[dict[str, Any]]:
    """How each of three messages ended, after all was posted and folded in these pieces."""
    clock.at = START
    await database.empty(core.pool)
    await add_tenant(core, "alpha", ["sendgrid"])
    messages = await sent(core, 3, state="unknown", provider_id="shared")
    # The Message-IDs are learned whenever these come: somewhere among the rest, as all others.
    learned = [
        event("processed", f"p{which}", email=one.recipient.email, ae_message=str(one.id),
              smtp_id=f"<m{which}@ismtpd1.sendgrid.net>")
        for which, one in enumerate(messages)
    ]  # fmt: skip
    posts = [made(n, told, messages) for n, told in order]
    cut = len(posts) // 2
    posts = [*posts[:cut], *learned, *posts[cut:]]
    while posts:
        size = pieces.pop() if pieces else 3
        async with core.tenant_scope("alpha") as ctx:
            body = msgspec.json.encode(posts[:size])
            await repo.store(ctx, events.read(body, "alpha", ctx.now))
        posts = posts[size:]
        async with core.tenant_scope("alpha") as ctx:
            await fold(ctx, limit=size)
        clock.turn(minutes=size)
    for _ in range(8):
        clock.turn(minutes=20)
        async with core.tenant_scope("alpha") as ctx:
            while await fold(ctx):
                pass
    rows = await look(core, STATES)
    async with core.tenant_scope("alpha") as ctx:
        entries = await suppressed(ctx, [row["email"] for row in rows])
    [left_over] = await look(
        core, "SELECT count(*) AS n FROM sendgrid_event WHERE due_at IS NOT NULL"
    )
    ended = []
    for row in rows:
        kept = await look(
            core, "SELECT kind, detail FROM pipeline_outcome WHERE message_id = $1", row["id"]
        )
        hard = [
            msgspec.json.decode(one["detail"])["hard"] for one in kept if one["kind"] == "bounced"
        ]
        ended.append(
            {
                "state": row["state"],
                "outcomes": {one["kind"] for one in kept},
                "hard": hard,
                "suppressed": row["email"] in entries,
                "consent": row["email_consent"],
                "waiting": left_over["n"],
            }
        )
    return ended


def _wanted(which: int, order: list[tuple[int, Told]]) -> dict[str, Any]:
    """How a message must end, by its history alone."""
    mine = [(n, told) for n, told in order if told[0] == which]
    history = [Seen(event_id="p", kind="processed", at=START)]
    history += [
        Seen(
            event_id=f"e{n}",
            kind="blocked" if detail == "blocked" else kind,
            at=START + timedelta(minutes=minutes),
        )
        for n, (_, (kind, detail), _, minutes) in mine
    ]
    end = fate(history)
    times = {
        "delivered": end.delivered_at, "bounced": end.bounced_at,
        "complained": end.complained_at, "unsubscribed": end.unsubscribed_at,
    }  # fmt: skip
    reasons = {
        suppression("blocked" if detail == "blocked" else kind, detail)
        for _, (_, (kind, detail), _, _) in mine
    } - {None}
    return {
        "state": end.state,
        "outcomes": {kind for kind, at in times.items() if at},
        "hard": [int(end.hard)] if end.bounced_at else [],
        "suppressed": bool(reasons),
        "consent": "unsubscribed" if reasons - {"bounced"} else "subscribed",
        "waiting": 0,
    }
