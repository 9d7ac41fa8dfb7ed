"""The queries on `claude_question`: put, claim, settle. No question is put twice, whoever asks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Erased, Export, Frozen
from plugins.claude import budget
from plugins.claude.client import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context

LEASE = 60.0
"""Seconds after which a direct question whose asker says nothing counts as lost."""
LOST = "the answer was lost twice"

FIELDS = """id, kind, way, campaign_id, customer_id, bucket, members, setup, facts, state, asks, wrong,
  answer, fallback, model, tokens, cost_micros, reserved_micros, reserved_on"""

_PUT = """
INSERT INTO claude_question (tenant_id, id, kind, way, campaign_id, customer_id, bucket, members, setup,
                             facts)
SELECT $1, q.id, q.kind, q.way, q.campaign_id, q.customer_id, q.bucket, q.members::uuid[], q.setup,
       q.facts
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::text[])
  q (id, kind, way, campaign_id, customer_id, bucket, members, setup, facts)
ON CONFLICT (tenant_id, id) DO NOTHING
"""
_LOST = """
UPDATE claude_question SET lost = lost + 1, reserved_micros = 0, updated_at = now(), lease_until = NULL,
  cost_micros = cost_micros + reserved_micros,
  state = CASE WHEN lost > 0 THEN 'failed' ELSE 'waiting' END,
  fallback = CASE WHEN lost > 0 THEN $3 ELSE '' END
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND state = 'asked' AND way = 'direct'
  AND lease_until <= now()
RETURNING reserved_on, (SELECT o.reserved_micros FROM claude_question o
  WHERE o.tenant_id = claude_question.tenant_id AND o.id = claude_question.id) AS reserved_micros
"""
_WAITING = f"""
SELECT {FIELDS} FROM claude_question
WHERE tenant_id = $1 AND id = ANY($2::uuid[]) AND state = 'waiting' AND way = 'direct'
ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
"""
_ASKED = f"""
UPDATE claude_question q SET state = 'asked', asks = q.asks + 1, reserved_micros = r.micros,
  reserved_on = $4, batch_id = $5, updated_at = now(),
  lease_until = CASE WHEN $5::uuid IS NULL THEN now() + $6 * interval '1 second' END
FROM unnest($2::uuid[], $3::bigint[]) r (id, micros)
WHERE q.tenant_id = $1 AND q.id = r.id AND q.state = 'waiting'
RETURNING {", ".join("q." + field.strip() for field in FIELDS.split(","))}
"""
# `asks` is the mark of who asked: one who was presumed dead settles nothing.
_SETTLED = """
UPDATE claude_question SET state = $4, way = 'direct', wrong = $5, fallback = $7, model = $8,
  answer = CASE WHEN kind = 'customer' AND customer_id IS NULL THEN '' ELSE $6 END,
  tokens = tokens + $9, cost_micros = cost_micros + $10, reserved_micros = 0, lease_until = NULL,
  updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND asks = $3 AND state = 'asked'
RETURNING true
"""


class Question(Frozen):
    """A row. `facts` is the message, marks included; `members` of a bucket are the messages that pay."""

    id: UUID
    kind: str
    way: str
    campaign_id: UUID
    customer_id: int | None
    bucket: str
    members: tuple[UUID, ...]
    setup: str
    facts: str
    state: str = "waiting"
    asks: int = 0
    wrong: str = ""
    answer: str = ""
    fallback: str = ""
    model: str = ""
    tokens: int = 0
    cost_micros: int = 0
    reserved_micros: int = 0
    reserved_on: date | None = None


def question(row: object) -> Question:
    """The question in a row of `FIELDS`."""
    values = dict(row)  # type: ignore[call-overload]
    return Question(**{**values, "members": tuple(values["members"])})


async def put(tx: Context, questions: Sequence[Question]) -> None:
    """Write the questions down, save those that stand there already."""
    if not questions:
        return
    await tx.db.execute(
        _PUT,
        tx.tenant.id,
        [q.id for q in questions],
        [q.kind for q in questions],
        [q.way for q in questions],
        [q.campaign_id for q in questions],
        [q.customer_id for q in questions],
        [q.bucket for q in questions],
        ["{" + ",".join(map(str, q.members)) + "}" for q in questions],
        [q.setup for q in questions],
        [q.facts for q in questions],
    )


async def load(tx: Context, ids: Sequence[UUID]) -> dict[UUID, Question]:
    """Those of the questions that were put."""
    rows = await tx.db.fetch(
        f"SELECT {FIELDS} FROM claude_question WHERE tenant_id = $1 AND id = ANY($2::uuid[])",
        tx.tenant.id,
        list(ids),
    )
    return {row["id"]: question(row) for row in rows}


async def give_up_lost(tx: Context, ids: Sequence[UUID]) -> None:
    """Direct questions whose lease ran out wait again, once; what was set aside counts as spent."""
    for row in await tx.db.fetch(_LOST, tx.tenant.id, list(ids), LOST):
        micros = row["reserved_micros"]
        await budget.settle(tx, row["reserved_on"], micros, micros, 1, Usage())


async def waiting(tx: Context, ids: Sequence[UUID], limit: int) -> list[Question]:
    """Direct questions to ask now, locked."""
    rows = await tx.db.fetch(_WAITING, tx.tenant.id, list(ids), limit)
    return [question(row) for row in rows]


async def asked(
    tx: Context, micros: dict[UUID, int], day: date, batch_id: UUID | None = None
) -> list[Question]:
    """The waiting questions as they stand once they are asked, with what is set aside for each."""
    rows = await tx.db.fetch(
        _ASKED,
        tx.tenant.id,
        list(micros),
        list(micros.values()),
        day,
        batch_id,
        LEASE,
    )
    return [question(row) for row in rows]


async def settled(
    tx: Context,
    question: Question,
    state: str,
    *,
    wrong: str = "",
    answer: str = "",
    fallback: str = "",
    model: str = "",
    tokens: int = 0,
    cost_micros: int = 0,
) -> bool:
    """Note how asking ended; False where the question is not ours any more."""
    done = await tx.db.fetchval(
        _SETTLED,
        tx.tenant.id,
        question.id,
        question.asks,
        state,
        wrong,
        answer,
        fallback,
        model,
        tokens,
        cost_micros,
    )
    return bool(done)


async def export(tx: Context, customer_id: int) -> Export:
    """What Claude was asked about a customer, and what it said."""
    rows = await tx.db.fetch(
        """SELECT id, facts, answer, fallback, created_at FROM claude_question
           WHERE tenant_id = $1 AND customer_id = $2 ORDER BY id""",
        tx.tenant.id,
        customer_id,
    )
    return Export(rows={"claude_question": [dict(row) for row in rows]})


async def erase(tx: Context, customer_id: int) -> Erased:
    """Empty the questions about a customer; what they cost stays counted. One that is under way goes on,
    and its answer is not kept.
    """
    tag = await tx.db.execute(
        """UPDATE claude_question SET customer_id = NULL, facts = '', answer = '', wrong = '',
             state = CASE state WHEN 'asked' THEN 'asked' ELSE 'failed' END,
             fallback = 'the customer was erased', updated_at = now()
           WHERE tenant_id = $1 AND customer_id = $2""",
        tx.tenant.id,
        customer_id,
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))


async def tidy(tx: Context, days: int) -> None:
    """Forget what nobody will ask for again."""
    for sql in (
        "DELETE FROM claude_question WHERE tenant_id = $1 AND created_at < now() - $2 * interval '1 day'",
        "DELETE FROM claude_setup WHERE tenant_id = $1 AND used_at < now() - $2 * interval '1 day'",
        "DELETE FROM claude_batch WHERE tenant_id = $1 AND created_at < now() - $2 * interval '1 day'",
    ):
        await tx.db.execute(sql, tx.tenant.id, days)
