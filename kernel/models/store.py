"""Trained models of a tenant, numbered from 1 for each model, with how they did and what became of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.errors import NotFound
from kernel.contracts.models import Evaluation, Trained

if TYPE_CHECKING:
    from kernel.contracts.context import Context

State = Literal["in_use", "retired", "refused", "abstained"]
KEPT = 5
"""Artefacts kept for going back; of older ones the figures stay."""

_COLUMNS = """model, number, plugin, state, reason, code_version, feature_hash, made_at, seconds, size,
  artefact IS NOT NULL AS kept, trained::text AS trained, evaluation::text AS evaluation"""
_RETIRE = """
UPDATE models_artefact SET state = 'retired'
WHERE tenant_id = $1 AND model = $2 AND state = 'in_use'
"""
_INSERT = f"""
INSERT INTO models_artefact (tenant_id, model, number, plugin, state, reason, code_version,
  feature_hash, made_at, seconds, trained, evaluation, artefact, size)
SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
  coalesce(length($12::bytea), 0)
FROM models_artefact WHERE tenant_id = $1 AND model = $2
RETURNING {_COLUMNS}
"""
_FORGET = """
UPDATE models_artefact SET artefact = NULL
WHERE tenant_id = $1 AND model = $2 AND artefact IS NOT NULL AND number NOT IN (
  SELECT number FROM models_artefact WHERE tenant_id = $1 AND model = $2 AND artefact IS NOT NULL
  ORDER BY state = 'in_use' DESC, number DESC LIMIT $3)
"""
_SCORED = """
INSERT INTO models_scoring (tenant_id, model, number, scored_at, customers, written, seconds,
  seen_at, seen_below)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, model) DO UPDATE SET number = excluded.number,
  scored_at = excluded.scored_at, customers = excluded.customers, written = excluded.written,
  seconds = excluded.seconds, seen_at = excluded.seen_at, seen_below = excluded.seen_below
"""
_LOOKED = """
INSERT INTO models_scoring (tenant_id, model, number, scored_at, customers, written, seconds,
  seen_at, seen_below)
VALUES ($1, $2, 0, $3, 0, 0, 0, $4, $5)
ON CONFLICT (tenant_id, model) DO UPDATE SET seen_at = excluded.seen_at, seen_below = excluded.seen_below
"""


class Version(Frozen):
    """One attempt to train a model: `trained` and `evaluation` hold all there is to say about it."""

    model: str
    number: int
    plugin: str
    state: State
    reason: str
    code_version: str
    feature_hash: str
    made_at: datetime
    seconds: float
    size: int
    kept: bool
    """Whether it can be put back into use."""
    trained: Trained | None
    """Without the artefact."""
    evaluation: Evaluation | None


class Seen(Frozen):
    """Up to where stored orders were seen."""

    at: datetime
    """By the machine's clock."""
    below: int
    """Every transaction with a smaller number was over, so all it stored was seen; 0: not known."""


class Scoring(Frozen):
    """The last time a model scored everyone, or looked and had nothing to say (`number` 0)."""

    model: str
    number: int
    scored_at: datetime
    customers: int
    written: int
    seconds: float
    seen_at: datetime
    seen_below: int = 0
    """As in Seen."""


def plain_json(value: Any) -> bytes:
    """`value` as JSON; numbers of numpy, which models calculate with, are numbers."""
    return msgspec.json.encode(value, enc_hook=lambda number: number.item())


def _version(row: Any) -> Version:
    trained, evaluation = row["trained"], row["evaluation"]
    return Version(
        **{
            **row,
            "trained": trained and msgspec.json.decode(trained, type=Trained),
            "evaluation": evaluation and msgspec.json.decode(evaluation, type=Evaluation),
        }
    )


async def versions(
    ctx: Context, model: str, limit: int = 20, below: int = 2**31 - 1
) -> list[Version]:
    """The attempts to train a model, newest first, numbers under `below`."""
    rows = await ctx.db.fetch(
        f"SELECT {_COLUMNS} FROM models_artefact WHERE tenant_id = $1 AND model = $2 AND number < $3 "
        "ORDER BY number DESC LIMIT $4",
        ctx.tenant.id,
        model,
        below,
        limit,
    )
    return [_version(row) for row in rows]


async def in_use(ctx: Context, model: str) -> Version | None:
    """The version whose scores are the tenant's traits, or None."""
    row = await ctx.db.fetchrow(
        f"SELECT {_COLUMNS} FROM models_artefact "
        "WHERE tenant_id = $1 AND model = $2 AND state = 'in_use'",
        ctx.tenant.id,
        model,
    )
    return None if row is None else _version(row)


async def artefact(ctx: Context, model: str, number: int) -> bytes:
    """What `keep` was given; still in its envelope."""
    found: bytes | None = await ctx.db.fetchval(
        "SELECT artefact FROM models_artefact WHERE tenant_id = $1 AND model = $2 AND number = $3",
        ctx.tenant.id,
        model,
        number,
    )
    if found is None:
        raise NotFound(
            f"Version {number} of the model `{model}` is not kept.",
            f"See `mailwright models show {model}`; the last {KEPT} are.",
        )
    return found


async def keep(
    ctx: Context,
    *,
    model: str,
    plugin: str,
    state: State,
    reason: str,
    code_version: str,
    feature_hash: str,
    seconds: float,
    trained: Trained | None,
    evaluation: Evaluation | None,
    packed: bytes | None,
) -> Version:
    """Store an attempt under the next number. One that is `in_use` takes the place of the last."""
    await ctx.db.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('models:' || $1 || $2, 0))",
        ctx.tenant.id,
        model,
    )
    if state == "in_use":
        await ctx.db.execute(_RETIRE, ctx.tenant.id, model)
    row = await ctx.db.fetchrow(
        _INSERT,
        ctx.tenant.id,
        model,
        plugin,
        state,
        reason,
        code_version,
        feature_hash,
        ctx.now,
        seconds,
        trained and plain_json(msgspec.structs.replace(trained, artefact=b"")).decode(),
        evaluation and plain_json(evaluation).decode(),
        packed,
    )
    await ctx.db.execute(_FORGET, ctx.tenant.id, model, KEPT)
    return _version(row)


async def use(ctx: Context, model: str, number: int, reason: str) -> None:
    """Put a kept version into use again, in the place of the present one."""
    await artefact(ctx, model, number)
    await ctx.db.execute(_RETIRE, ctx.tenant.id, model)
    await ctx.db.execute(
        "UPDATE models_artefact SET state = 'in_use', reason = $4 "
        "WHERE tenant_id = $1 AND model = $2 AND number = $3",
        ctx.tenant.id,
        model,
        number,
        reason,
    )


async def scored(ctx: Context, scoring: Scoring) -> None:
    """Note a scoring of everyone."""
    await ctx.db.execute(_SCORED, ctx.tenant.id, *msgspec.structs.astuple(scoring))


async def seen_now(ctx: Context) -> Seen:
    """What this transaction sees."""
    row = await ctx.db.fetchrow(
        "SELECT now() AS at, pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS below"
    )
    return Seen(**row)


async def looked(ctx: Context, model: str, seen: Seen) -> None:
    """Note up to where orders were seen: by a scoring of some, or by a model that has nothing to say and
    is not to be asked at once again.
    """
    await ctx.db.execute(_LOOKED, ctx.tenant.id, model, ctx.now, seen.at, seen.below)


async def scorings(ctx: Context) -> dict[str, Scoring]:
    """The last scoring of each model."""
    rows = await ctx.db.fetch(
        "SELECT model, number, scored_at, customers, written, seconds, seen_at, seen_below "
        "FROM models_scoring WHERE tenant_id = $1",
        ctx.tenant.id,
    )
    return {row["model"]: Scoring(**row) for row in rows}
