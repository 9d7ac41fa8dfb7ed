"""What became of a batch: found again where its sending was not answered, and its results stored."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anthropic
from anthropic.types.messages import MessageBatchIndividualResponse

from kernel.sdk import Frozen
from plugins.claude import asking, budget, circuit, client, repo, setups
from plugins.claude.client import Failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kernel.sdk import Context
    from plugins.claude.manifest import ClaudeSettings

GRACE = 120.0
"""Seconds after which a batch that the API does not list never came to be."""
TRIES = 3
CHUNK = 500
SLACK = timedelta(minutes=10)
"""How far the API's clock may be from ours."""

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


async def is_sent(tx: Context, row: Row, remote_id: str) -> None:
    await tx.db.execute(
        "UPDATE claude_batch SET state = 'sent', remote_id = $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant.id,
        row.id,
        remote_id,
    )


async def never(tx: Context, row: Row, reason: str, tries: int = TRIES) -> None:
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


async def look_up(ctx: Context, api: anthropic.AsyncAnthropic, row: Row) -> Row:
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
                    await is_sent(tx, row, found.id)
                return Row(**{**_plain(row), "state": "sent", "remote_id": found.id})
            break
    if not unclear and row.age > GRACE:
        async with ctx.transaction() as tx:
            await never(tx, row, "the batch was lost on its way")
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


async def fetch(
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
