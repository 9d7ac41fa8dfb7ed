"""Hands events to their handlers, in batches: at least once, with the effect once.

The state of a delivery changes in the same transaction as the handler's own rows. So a crash leaves
both or neither, and what a handler did in the database counts once for each event and subscription.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import structlog

from kernel.events.turn import ATTEMPTS, NoAnswer, attempt, sentence, wait_after
from kernel.plugboard.parts import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.events import Event
    from kernel.contracts.plugins import Subscription
    from kernel.events.turn import Turn
    from kernel.plugboard.board import Plugboard
    from kernel.plugboard.parts import Owned
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

BATCH = 500
SECONDS = 30.0
"""How long a handler may take for one batch."""

# A loose index scan: one step a subscription, however many deliveries wait.
_SUBSCRIPTIONS_DUE = """
WITH RECURSIVE waiting (name) AS (
  SELECT min(subscription) FROM events_delivery WHERE tenant_id = $1 AND state = 'pending'
  UNION ALL
  SELECT (SELECT min(d.subscription) FROM events_delivery d
          WHERE d.tenant_id = $1 AND d.state = 'pending' AND d.subscription > w.name)
  FROM waiting w WHERE w.name IS NOT NULL
)
SELECT w.name FROM waiting w WHERE w.name IS NOT NULL AND EXISTS (
  SELECT FROM events_delivery d WHERE d.tenant_id = $1 AND d.subscription = w.name
    AND d.state = 'pending' AND d.due_at <= now())
ORDER BY 1
"""

# In two steps, for the reason given in relay.py.
_CLAIM = """
WITH due AS (
  SELECT event_id, attempts, due_at FROM events_delivery
  WHERE tenant_id = $1 AND subscription = $2 AND state = 'pending' AND due_at <= now()
  ORDER BY due_at, event_id LIMIT $3 FOR UPDATE SKIP LOCKED
), told AS (
  SELECT id, type, version, payload::text AS payload FROM events_event
  WHERE tenant_id = $1 AND id = ANY(ARRAY(SELECT event_id FROM due))
)
SELECT due.event_id, due.attempts, told.type, told.version, told.payload
FROM due LEFT JOIN told ON told.id = due.event_id ORDER BY due.due_at, due.event_id
"""

_SETTLE = """
UPDATE events_delivery SET state = $4, attempts = attempts + $5, error = '', updated_at = now()
WHERE tenant_id = $1 AND subscription = $2 AND event_id = ANY($3::bigint[])
"""

_FAILED = """
UPDATE events_delivery d SET attempts = f.attempts, error = f.error, updated_at = now(),
  state = CASE WHEN f.wait IS NULL THEN 'dead' ELSE 'pending' END,
  due_at = now() + coalesce(f.wait, 0) * interval '1 second'
FROM unnest($3::bigint[], $4::int[], $5::double precision[], $6::text[])
  AS f (event_id, attempts, wait, error)
WHERE d.tenant_id = $1 AND d.subscription = $2 AND d.event_id = ANY($3::bigint[])
  AND d.event_id = f.event_id
"""


class Failed(NamedTuple):
    """A delivery that was not made: how often it was tried by now, and the seconds until the next time
    (None: never).
    """

    row: Any
    attempts: int
    wait: float | None
    said: str


async def deliver(core: Core, tenant_id: str, turn: Turn) -> bool:
    """True when the turn ended before everything due was delivered: one batch a subscription, in
    turns, so that a slow handler does not hold up the others for long.
    """
    while not turn.over():
        async with core.pool.unit_of_work(tenant=tenant_id) as unit:
            due = [row["name"] for row in await unit.fetch(_SUBSCRIPTIONS_DUE, tenant_id)]
        if not due:
            return False
        claimed = 0
        for name in due:
            if turn.over():
                return True
            async with core.tenant_scope(tenant_id, actor=f"subscription {name}") as ctx:
                claimed += await _deliver_batch(ctx, name)
        if not claimed:  # somebody else holds them
            return True
    return True


async def _deliver_batch(ctx: TenantScope, name: str) -> int:
    """How many deliveries were claimed, and settled one way or another."""
    rows = await ctx.db.fetch(_CLAIM, ctx.tenant.id, name, BATCH)
    owned = ctx.core.board.subscriptions.get(name)
    if owned is None:
        gone = f"No installed plugin has the subscription {name}: install it again and replay."
        await _fail(ctx, name, [_unreadable(row, gone) for row in rows])
        return len(rows)
    if owned.plugin not in ctx.enabled:
        await _settle(ctx, name, [row["event_id"] for row in rows], "skipped", 0)
        return len(rows)
    readable: list[tuple[Any, Event]] = []
    unreadable: list[Failed] = []
    for row in rows:
        event = _decode(ctx.core.board, owned.value, row)
        if isinstance(event, str):
            unreadable.append(_unreadable(row, event))
        else:
            readable.append((row, event))
    done, failed = await _handle(ctx, owned, readable)
    await _settle(ctx, name, [row["event_id"] for row in done], "done", 1)
    await _fail(ctx, name, unreadable + failed)
    return len(rows)


async def _handle(
    ctx: TenantScope, owned: Owned[Subscription], given: Sequence[tuple[Any, Event]]
) -> tuple[list[Any], list[Failed]]:
    """The rows done, and those failed. After the failure of a batch, each event is tried alone, so
    that one bad event holds up no other. Behind one at which the handler hangs nothing more is
    tried now. That is put off for longer each time, and never dies of it.
    """
    if not given:
        return [], []
    error = await _call(ctx, owned, given)
    if error is None:
        return [row for row, _ in given], []
    done: list[Any] = []
    failed: list[Failed] = []
    last: BaseException | None = None
    for row, event in given:
        if isinstance(last, NoAnswer):
            put_off = min(row["attempts"] + 1, ATTEMPTS - 1)
            failed.append(Failed(row, put_off, wait_after(put_off), sentence(last)))
            continue
        if len(given) > 1:
            error = await _call(ctx, owned, [(row, event)])
        if error is None:
            done.append(row)
        else:
            attempts = row["attempts"] + 1
            failed.append(Failed(row, attempts, wait_after(attempts), sentence(error)))
            last = error
    if last is not None:
        what = f"subscription {owned.value.name}"
        ctx.core.board.report(Failure(ctx.tenant.id, owned.plugin, what, last))
    return done, failed


async def _call(
    ctx: TenantScope, owned: Owned[Subscription], given: Sequence[tuple[Any, Event]]
) -> BaseException | None:
    events = [event for _, event in given]
    with structlog.contextvars.bound_contextvars(
        plugin=owned.plugin, subscription=owned.value.name
    ):
        return await attempt(ctx, lambda: owned.value.handle(ctx, events), SECONDS)


def _decode(board: Plugboard, subscription: Subscription, row: Any) -> Event | str:
    """The event of a row, or the sentence that says why this code cannot read it."""
    if row["type"] is None:
        return "The event itself is gone."
    kind = board.event_types.get(row["type"])
    if kind is None:
        return f"No installed plugin declares the event {row['type']}: install it again and replay."
    if kind.value.version != row["version"] or kind.value is not subscription.event:
        return (
            f"This code reads version {kind.value.version} of {row['type']}, and the event is of "
            f"version {row['version']}: replay it with code that reads it."
        )
    try:
        event: Event = msgspec.json.decode(row["payload"], type=kind.value)
    except msgspec.MsgspecError as error:
        return f"The payload is not a valid {row['type']}: {error}"
    return event


async def _settle(
    ctx: TenantScope, name: str, ids: Sequence[int], state: str, attempts: int
) -> None:
    if ids:
        await ctx.db.execute(_SETTLE, ctx.tenant.id, name, ids, state, attempts)


def _unreadable(row: Any, said: str) -> Failed:
    return Failed(row, row["attempts"] + 1, None, said)


async def _fail(ctx: TenantScope, name: str, failed: Sequence[Failed]) -> None:
    """Write down what failed; without a wait it is dead."""
    if failed:
        await ctx.db.execute(
            _FAILED,
            ctx.tenant.id,
            name,
            [one.row["event_id"] for one in failed],
            [one.attempts for one in failed],
            [one.wait for one in failed],
            [one.said for one in failed],
        )
