"""Events: in the outbox, handed on, tried again, dead, replayed."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from decimal import Decimal
from typing import ClassVar

import pytest

from kernel.contracts.base import canonical
from kernel.contracts.errors import InvalidInput, NotFound
from kernel.contracts.events import OrderPlaced
from kernel.events import deliver as delivering
from kernel.events import relay as relaying
from kernel.events.dead import dead_count, dead_page, replay, replay_all
from kernel.events.deliver import deliver
from kernel.events.relay import relay
from kernel.events.turn import ATTEMPTS, Turn, wait_after
from kernel.jobs.due import due_work, run_due_inline
from kernel.sdk import Event, emit
from kernel.tenancy.core import Core
from kernel.tenancy.health import Health
from kernel.testing.clock import START
from tests.kernel.jobs.fixtures import (
    ALSO,
    OBEY,
    change,
    effects,
    happen,
    make_due,
    rows,
    value,
)
from tests.kernel.jobs.probe import Happened

STATES = "SELECT event_id, state, attempts, error FROM events_delivery WHERE subscription = $1 ORDER BY 1"


async def test_an_event_is_stored_as_it_was_and_reaches_every_subscription_once(core: Core) -> None:
    order = OrderPlaced(
        occurred_at=START, order_id=7, customer_id=3, amount=Decimal("19.90"), currency="EUR"
    )
    async with core.tenant_scope("alpha") as ctx:
        await emit(ctx, order, Happened(occurred_at=START, what="a"))
        await emit(ctx)
    stored = await rows(core, "SELECT *, payload::text AS text FROM events_event ORDER BY id")
    assert [(r["type"], r["version"], r["customer_id"]) for r in stored] == [
        ("order.placed", 1, 3),
        ("probe.happened", 1, None),
    ]
    assert stored[0]["occurred_at"] == START and '"19.90"' in stored[0]["text"]
    await run_due_inline(core, "alpha")
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["a"]
    assert await effects(core, actor=ALSO) == ["a"]
    assert await due_work(core) == []


async def test_what_is_rolled_back_was_never_told(core: Core) -> None:
    with pytest.raises(RuntimeError):  # noqa: PT012
        async with core.tenant_scope("alpha") as ctx:
            await emit(ctx, Happened(occurred_at=START, what="a"))
            raise RuntimeError
    assert await value(core, "SELECT count(*) FROM events_event") == 0


async def test_an_event_nobody_declared_is_refused_at_once(core: Core) -> None:
    class Unknown(Event):
        type: ClassVar[str] = "probe.unknown"

    class Happened(Event):  # the name is known, the class is not
        type: ClassVar[str] = "probe.happened"

    async with core.tenant_scope("alpha") as ctx:
        with pytest.raises(InvalidInput, match="event_types"):
            await emit(ctx, Unknown(occurred_at=START))
        with pytest.raises(InvalidInput, match=r"probe\.happened"):
            await emit(ctx, Happened(occurred_at=START))
    assert await value(core, "SELECT count(*) FROM events_event") == 0


async def test_a_batch_is_one_call_and_one_bad_event_holds_up_no_other(core: Core) -> None:
    await happen(core, *(f"e{n}" for n in range(10)))
    await run_due_inline(core, "alpha")
    assert {r["batch"] for r in await rows(core, "SELECT batch FROM probe_effect")} == {10}

    await happen(core, "good", "fail", "better")
    reports = Health()
    core.board.report, before = reports.report, core.board.report
    try:
        await run_due_inline(core, "alpha")
    finally:
        core.board.report = before
    assert (await effects(core, actor=OBEY))[10:] == ["good", "better"]
    states = (await rows(core, STATES, "probe.obey"))[10:]
    assert [(s["state"], s["attempts"]) for s in states] == [
        ("done", 1),
        ("pending", 1),
        ("done", 1),
    ]
    assert states[1]["error"] == "ValueError: told to fail for …", "no address in what is kept"
    async with core.system_scope("test") as unit:
        waiting = await unit.fetchval(
            "SELECT due_at - now() FROM events_delivery WHERE state = 'pending'"
        )
    assert timedelta(seconds=0.5) < waiting < timedelta(seconds=1.3)
    assert await reports.flush(core) == 1
    health = await rows(core, "SELECT plugin, what, error FROM tenancy_health")
    assert health == [
        {"plugin": "probe", "what": "subscription obey", "error": "ValueError: told to fail for …"}
    ]


@pytest.mark.parametrize("what", ["fail", "sql", "cancel", "exit"])
async def test_whatever_a_handler_raises_is_its_own_failure(core: Core, what: str) -> None:
    await happen(core, what, "good")
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["good"]
    assert await effects(core, actor=ALSO) == [what, "good"]


async def test_a_handler_that_hangs_is_broken_off(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "SECONDS", 0.2)
    await happen(core, "good", "hang", "behind")
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["good"]
    states = await rows(core, STATES, "probe.obey")
    assert [s["state"] for s in states] == ["done", "pending", "pending"]
    assert states[1]["error"] == "NoAnswer: did not end within 0.2 s"
    for _ in range(ATTEMPTS + 1):
        await make_due(core)
        await run_due_inline(core, "alpha")
        if await value(core, "SELECT count(*) FROM events_delivery WHERE state = 'dead'"):
            break
    states = await rows(core, STATES, "probe.obey")
    assert [s["state"] for s in states] == ["done", "dead", "pending"], "not tried, so not dead"
    monkeypatch.setattr(delivering, "SECONDS", 30)
    await make_due(core)
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["good", "behind"]


async def test_after_the_last_attempt_it_is_dead_and_can_be_replayed(core: Core) -> None:
    await happen(core, "fail", "fail")
    for _ in range(ATTEMPTS + 2):
        await run_due_inline(core, "alpha")
        await make_due(core)
    states = await rows(core, STATES, "probe.obey")
    assert [(s["state"], s["attempts"]) for s in states] == [("dead", ATTEMPTS)] * 2
    async with core.tenant_scope("alpha") as ctx:
        first = await dead_page(ctx, limit=1)
        second = await dead_page(ctx, first[0].mark, limit=1)
        assert [letter.event_id for letter in first + second] == [1, 2]
        assert await dead_page(ctx, second[0].mark) == []
        assert first[0].type == "probe.happened" and "told to fail" in first[0].error
        with pytest.raises(InvalidInput):
            await dead_page(ctx, "nonsense")
        with pytest.raises(NotFound):
            await replay(ctx, 1, "probe.also")
        assert await dead_count(ctx) == 2
    async with core.tenant_scope("bravo") as ctx:
        assert await dead_page(ctx) == [] and await replay_all(ctx) == 0
    await change(core, """UPDATE events_event SET payload = payload || '{"what": "mended"}'""")
    async with core.tenant_scope("alpha") as ctx:
        await replay(ctx, 1, "probe.obey")
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["mended"]
    async with core.tenant_scope("alpha") as ctx:
        assert await replay_all(ctx, "probe.obey") == 1
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["mended", "mended"]


def test_waits_grow_and_end() -> None:
    waits = [wait_after(n) for n in range(1, ATTEMPTS + 1)]
    assert waits[-1] is None
    assert 0.8 <= (waits[0] or 0) <= 1.2
    assert all(a and b and b > a for a, b in itertools.pairwise(waits[:-1]))


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("UPDATE events_event SET version = 2", "reads version 1"),
        ("UPDATE events_event SET type = 'gone.event'", "No installed plugin declares the event"),
        ("""UPDATE events_event SET payload = '{"what": 5}'""", "not a valid probe.happened"),
        ("""UPDATE events_event SET payload = '[1]'""", "not a valid probe.happened"),
        ("DELETE FROM events_event", "event itself is gone"),
        (
            "UPDATE events_delivery SET subscription = 'old.handler' WHERE subscription LIKE '%obey'",
            "No installed plugin has the subscription old.handler",
        ),
    ],
)
async def test_what_this_code_cannot_read_is_dead_with_a_sentence(
    core: Core, sql: str, sentence: str
) -> None:
    await happen(core, "a")
    await relay(core, "alpha", Turn())
    await change(core, sql)
    await deliver(core, "alpha", Turn())
    async with core.tenant_scope("alpha") as ctx:
        letters = await dead_page(ctx)
    assert letters and sentence in letters[0].error
    assert await effects(core, actor=OBEY) == []
    assert await due_work(core) == []


async def test_a_plugin_switched_off_is_skipped_when_it_is_delivered(core: Core) -> None:
    await happen(core, "a")
    await relay(core, "alpha", Turn())
    await change(core, "UPDATE tenancy_plugin SET enabled = false WHERE plugin = 'probe'")
    await run_due_inline(core, "alpha")
    assert await effects(core) == []
    states = await rows(core, STATES, "probe.obey")
    assert [(s["state"], s["attempts"]) for s in states] == [("skipped", 0)]


async def test_events_committed_out_of_order_are_all_relayed(core: Core) -> None:
    async with core.tenant_scope("alpha") as early:
        await emit(early, Happened(occurred_at=START, what="early"))  # has the lower id
        await happen(core, "late")
        await run_due_inline(core, "alpha")
        assert await effects(core, actor=OBEY) == ["late"]
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=OBEY) == ["late", "early"]


async def test_many_relays_and_deliveries_at_once_count_once(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "BATCH", 7)
    monkeypatch.setattr(delivering, "BATCH", 5)
    await happen(core, *(f"e{n}" for n in range(100)))

    async def both() -> None:  # without the lanes' locks, which only spare wasted work
        while await due_work(core):
            await relay(core, "alpha", Turn(0.2))
            await deliver(core, "alpha", Turn(0.2))

    await asyncio.gather(both(), both(), both())
    assert sorted(await effects(core, actor=OBEY)) == sorted(f"e{n}" for n in range(100))
    assert sorted(await effects(core, actor=ALSO)) == sorted(f"e{n}" for n in range(100))


async def test_events_of_one_transaction_come_in_order(core: Core) -> None:
    await happen(core, *(f"e{n}" for n in range(1200)))
    await run_due_inline(core, "alpha")
    assert await effects(core, actor=ALSO) == [f"e{n}" for n in range(1200)]


async def test_the_payload_is_canonical(core: Core) -> None:
    event = Happened(occurred_at=START, what="é")
    async with core.tenant_scope("alpha") as ctx:
        await emit(ctx, event)
    same = await value(
        core, "SELECT payload = $1::jsonb FROM events_event", canonical(event).decode()
    )
    assert same
