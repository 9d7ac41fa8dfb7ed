"""Message Batches: many questions in one request, at half the price, answered within a day.

The batch is committed before it is sent, and sent once: the API knows no idempotency key. Who is killed
in between, or hears no answer, looks the batch up afterwards: a list of what the API has, told apart by
the questions' ids in the results. Only a batch that certainly never came to be is made again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import anthropic
from anthropic.types.messages import MessageBatchIndividualResponse

from kernel.sdk import Frozen, enqueue
from plugins.claude import asking, budget, circuit, client, repo, setups
from plugins.claude.client import Failed
from plugins.claude.manifest import MANIFEST, ClaudeSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kernel.sdk import Context

MOST = 100_000
MOST_BYTES = 200_000_000
"""Of one batch; the API takes 256 MB."""
QUIET, POLL = 3.0, 30.0
"""Seconds without a new question before a batch goes out; seconds between looks at one."""
GRACE = 120.0
"""Seconds after which a batch that the API does not list never came to be."""
TRIES = 3
CHUNK = 500
SEND_SECONDS = 120.0
SLACK = timedelta(minutes=10)
"""How far the API's clock may be from ours."""

_STANDS = """
SELECT count(*) AS waiting, extract(epoch FROM now() - max(created_at))::float8 AS quiet,
  extract(epoch FROM now() - min(created_at))::float8 AS oldest
FROM claude_question WHERE tenant_id = $1 AND way = 'batch' AND state = 'waiting'
"""
_GATHER = f"""
SELECT {repo.FIELDS} FROM claude_question
WHERE tenant_id = $1 AND way = 'batch' AND state = 'waiting'
ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_TOO_DEAR = """
UPDATE claude_question SET state = 'failed', fallback = $3, updated_at = now()
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND state = 'waiting'
"""
_BACK = """
UPDATE claude_question SET reserved_micros = 0, batch_id = NULL, updated_at = now(),
  state = CASE WHEN asks >= $4 THEN 'failed' ELSE 'waiting' END,
  fallback = CASE WHEN asks >= $4 THEN $3 ELSE '' END
WHERE tenant_id = $1 AND batch_id = $2 AND state = 'asked'
RETURNING reserved_on, (SELECT o.reserved_micros FROM claude_question o
  WHERE o.tenant_id = claude_question.tenant_id AND o.id = claude_question.id) AS reserved_micros
"""


class Row(Frozen):
    """A batch of ours, as it stands."""

    id: UUID
    state: str
    remote_id: str
    size: int
    age: float
    """Seconds since it was made."""
    created_at: datetime


async def run(ctx: Context, payload: dict[str, Any]) -> None:
    """Look at the batches under way, send those that are due, and come back while there is something."""
    settings = ctx.settings(ClaudeSettings)
    if not client.key(settings):
        return
    async with ctx.transaction() as tx:
        open_ = await _open(tx)
    async with client.open_client(settings) as api:
        for row in open_:
            if row.state == "making":
                row = await _look_up(ctx, api, row)
            if row.state == "sent":
                await _fetch(ctx, settings, api, row)
        while await _due(ctx):
            made = await make(ctx, settings)
            if made is None or not await _send(ctx, settings, api, *made):
                break
    async with ctx.transaction() as tx:
        stands = await tx.db.fetchrow(_STANDS, tx.tenant.id)
        if stands["waiting"] or await _open(tx):
            young = stands["waiting"] and stands["quiet"] < QUIET
            await enqueue(
                tx, f"{MANIFEST.name}.batches", key="batches", delay=QUIET if young else POLL
            )


async def _open(tx: Context) -> list[Row]:
    rows = await tx.db.fetch(
        """SELECT id, state, remote_id, size, created_at,
             extract(epoch FROM now() - created_at)::float8 AS age FROM claude_batch
           WHERE tenant_id = $1 AND state IN ('making', 'sent') ORDER BY created_at""",
        tx.tenant.id,
    )
    return [Row(**dict(row)) for row in rows]


async def _due(ctx: Context) -> bool:
    async with ctx.transaction() as tx:
        stands = await tx.db.fetchrow(_STANDS, tx.tenant.id)
    if not stands["waiting"]:
        return False
    full = stands["waiting"] >= MOST
    return bool(full or stands["quiet"] >= QUIET or stands["oldest"] >= POLL)


async def make(ctx: Context, settings: ClaudeSettings) -> tuple[Row, list[dict[str, Any]]] | None:
    """Commit a batch of questions that wait, with the money for it; None where nothing may be asked."""
    async with ctx.transaction() as tx:
        blocked, _ = await circuit.why_closed_off(tx)
        if blocked:
            return None
        found = [repo.question(row) for row in await tx.db.fetch(_GATHER, tx.tenant.id, MOST)]
        if not found:
            return None
        known = await setups.load(tx, [question.setup for question in found])
        size, each = 0, {}
        for question in found:
            setup = known[question.setup]
            size += len(str(setup.params)) + len(question.facts)
            if size > MOST_BYTES:
                break
            each[question.id] = setups.most_micros(
                setup, question.facts, settings.price_decide, settings.batch_share
            )
        count, day = await budget.reserve(tx, settings.daily_budget, list(each.values()))
        ids = list(each)
        if count < len(ids):
            await tx.db.execute(_TOO_DEAR, tx.tenant.id, ids[count:], budget.USED_UP)
        if count == 0:
            return None
        batch_id = uuid4()
        asked = await repo.asked(tx, {one: each[one] for one in ids[:count]}, day, batch_id)
        row = await tx.db.fetchrow(
            """INSERT INTO claude_batch (tenant_id, id, state, size) VALUES ($1, $2, 'making', $3)
               RETURNING id, state, remote_id, size, created_at, 0.0::float8 AS age""",
            tx.tenant.id,
            batch_id,
            len(asked),
        )
    requests = [
        {
            "custom_id": question.id.hex,
            "params": {
                **known[question.setup].params,
                "messages": setups.messages(question.facts, question.answer, question.wrong),
            },
        }
        for question in asked
    ]
    return Row(**dict(row)), requests


async def _send(
    ctx: Context,
    settings: ClaudeSettings,
    api: anthropic.AsyncAnthropic,
    row: Row,
    requests: list[dict[str, Any]],
) -> bool:
    """Send a batch, once. False where it is not certain that it is under way."""
    once = api.with_options(max_retries=0, timeout=SEND_SECONDS)
    try:
        sent = await once.messages.batches.create(requests=requests)  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - whatever went wrong on the way
        failed = client.failure(error, SEND_SECONDS)
        async with ctx.transaction() as tx:
            await circuit.failed(tx, settings, failed.reason)
            if not failed.taken:
                await _never(tx, row, failed.reason, TRIES if failed.again else 1)
        return False
    async with ctx.transaction() as tx:
        await _is(tx, row, sent.id)
    return True


async def _is(tx: Context, row: Row, remote_id: str) -> None:
    await tx.db.execute(
        "UPDATE claude_batch SET state = 'sent', remote_id = $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant.id,
        row.id,
        remote_id,
    )


async def _never(tx: Context, row: Row, reason: str, tries: int = TRIES) -> None:
    """The batch certainly does not exist: its questions wait again, or fail where they did too often."""
    for back in await tx.db.fetch(_BACK, tx.tenant.id, row.id, reason, tries):
        await budget.settle(tx, back["reserved_on"], back["reserved_micros"], 0, 0, client.Usage())
    await tx.db.execute(
        """UPDATE claude_batch SET state = 'never', error = $3, ended_at = now()
           WHERE tenant_id = $1 AND id = $2""",
        tx.tenant.id,
        row.id,
        reason,
    )


async def _look_up(ctx: Context, api: anthropic.AsyncAnthropic, row: Row) -> Row:
    """Find out what became of a batch of which we do not know whether it was sent."""
    async with ctx.transaction() as tx:
        ours = await _ids(tx, row)
        rows = await tx.db.fetch(
            "SELECT remote_id FROM claude_batch WHERE tenant_id = $1 AND remote_id <> ''",
            tx.tenant.id,
        )
    known, unclear = {one["remote_id"] for one in rows}, False
    async for found in api.messages.batches.list(limit=100):
        if found.created_at < row.created_at - SLACK:
            break
        counts = found.request_counts
        size = sum(counts.model_dump().values())
        if found.id in known or size != row.size:
            continue
        if found.processing_status != "ended":
            unclear = True  # whose it is stands in its results only
            continue
        async for entry in await api.messages.batches.results(found.id):
            if entry.custom_id in ours:
                async with ctx.transaction() as tx:
                    await _is(tx, row, found.id)
                return Row(**{**_plain(row), "state": "sent", "remote_id": found.id})
            break
    if not unclear and row.age > GRACE:
        async with ctx.transaction() as tx:
            await _never(tx, row, "the batch was lost on its way")
    return row


def _plain(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


async def _ids(tx: Context, row: Row) -> set[str]:
    rows = await tx.db.fetch(
        """SELECT id FROM claude_question WHERE tenant_id = $1 AND batch_id = $2
           AND state = 'asked'""",
        tx.tenant.id,
        row.id,
    )
    return {one["id"].hex for one in rows}


async def _fetch(
    ctx: Context, settings: ClaudeSettings, api: anthropic.AsyncAnthropic, row: Row
) -> None:
    """Store the results of a batch that has ended; what has no result is answered with why."""
    try:
        remote = await api.messages.batches.retrieve(row.remote_id)
        if remote.processing_status != "ended":
            return
        results = await api.messages.batches.results(row.remote_id)
        async for entries in _chunks(results):
            await _store(ctx, settings, entries)
    except anthropic.NotFoundError:
        missing = "the batch is no longer known"
    except anthropic.AnthropicError as error:
        # Asked again at the next look: what was stored stays, the rest is stored then.
        async with ctx.transaction() as tx:
            await circuit.failed(tx, settings, client.failure(error).reason)
        return
    else:
        missing = "the batch held no answer"
    async with ctx.transaction() as tx:
        left = await _ids(tx, row)
    failed = Failed(missing, service=False, billed=False)
    nothing: list[Result] = [(one, failed) for one in sorted(left)]
    for at in range(0, len(nothing), CHUNK):
        await _store(ctx, settings, nothing[at : at + CHUNK])
    async with ctx.transaction() as tx:
        await tx.db.execute(
            """UPDATE claude_batch SET state = 'ended', ended_at = now()
               WHERE tenant_id = $1 AND id = $2""",
            tx.tenant.id,
            row.id,
        )


Result = tuple[str, asking.Outcome]


async def _chunks(results: Any) -> AsyncIterator[list[Result]]:
    chunk: list[Result] = []
    async for entry in results:
        chunk.append((entry.custom_id, outcome_of(entry)))
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def outcome_of(entry: MessageBatchIndividualResponse) -> asking.Outcome:
    """What one line of the results says."""
    result = entry.result
    if result.type == "succeeded":
        return client.said(result.message)
    if result.type == "errored":
        kind = result.error.error.type
        return Failed(f"the batch answered an error ({kind})", service=False, billed=False)
    said = {
        "expired": "the batch expired before Claude answered",
        "canceled": "the batch was stopped",
    }
    return Failed(said[result.type], service=False, billed=False)


async def _store(ctx: Context, settings: ClaudeSettings, results: Sequence[Result]) -> None:
    async with ctx.transaction() as tx:
        found = await repo.load(tx, [UUID(hex=one) for one, _ in results if len(one) == 32])
        known = await setups.load(tx, [question.setup for question in found.values()])
        ended: list[asking.Ended] = []
        for one, outcome in results:
            question = found.get(UUID(hex=one)) if len(one) == 32 else None
            if question is not None and question.state == "asked":
                ended.append(((question, known[question.setup]), outcome))
        await asking.store(tx, settings, ended, settings.batch_share)
