"""Message Batches: many questions in one request, at half the price, answered within a day.

The batch is committed before it is sent, and sent once: the API knows no idempotency key. Who is killed
in between, or hears no answer, looks the batch up afterwards: a list of what the API has, told apart by
the questions' ids in the results. Only a batch that certainly never came to be is made again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anthropic

from kernel.sdk import enqueue
from plugins.claude import budget, circuit, client, repo, results, setups
from plugins.claude.manifest import MANIFEST, ClaudeSettings

if TYPE_CHECKING:
    from kernel.sdk import Context

MOST = 100_000
MOST_BYTES = 200_000_000
"""Of one batch; the API takes 256 MB."""
QUIET, POLL = 3.0, 30.0
"""Seconds without a new question before a batch goes out; seconds between looks at one."""
SEND_SECONDS = 120.0

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


async def run(ctx: Context, payload: dict[str, Any]) -> None:
    """Look at the batches under way, send those that are due, and come back while there is something."""
    settings = ctx.settings(ClaudeSettings)
    if not client.key(ctx.tenant.id):
        return
    async with ctx.transaction() as tx:
        open_ = await _open(tx)
    async with client.open_client(settings, ctx.tenant.id) as api:
        for row in open_:
            if row.state == "making":
                row = await results.look_up(ctx, api, row)
            if row.state == "sent":
                await results.fetch(ctx, settings, api, row)
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


async def _open(tx: Context) -> list[results.Row]:
    rows = await tx.db.fetch(
        """SELECT id, state, remote_id, size, created_at,
             extract(epoch FROM now() - created_at)::float8 AS age FROM claude_batch
           WHERE tenant_id = $1 AND state IN ('making', 'sent') ORDER BY created_at""",
        tx.tenant.id,
    )
    return [results.Row(**dict(row)) for row in rows]


async def _due(ctx: Context) -> bool:
    async with ctx.transaction() as tx:
        stands = await tx.db.fetchrow(_STANDS, tx.tenant.id)
    if not stands["waiting"]:
        return False
    full = stands["waiting"] >= MOST
    return bool(full or stands["quiet"] >= QUIET or stands["oldest"] >= POLL)


async def make(
    ctx: Context, settings: ClaudeSettings
) -> tuple[results.Row, list[dict[str, Any]]] | None:
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
    return results.Row(**dict(row)), requests


async def _send(
    ctx: Context,
    settings: ClaudeSettings,
    api: anthropic.AsyncAnthropic,
    row: results.Row,
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
                await results.never(tx, row, failed.reason, results.TRIES if failed.again else 1)
        return False
    async with ctx.transaction() as tx:
        await results.is_sent(tx, row, sent.id)
    return True
