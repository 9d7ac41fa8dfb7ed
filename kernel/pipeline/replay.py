"""A decision computed again, to the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.decisions import Candidate, DecideContext, DecisionRecord, Guarded
from kernel.contracts.errors import Conflict, NotFound
from kernel.pipeline import consult, decide, frames, guard, records
from kernel.pipeline.features import FEATURES_VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.pipeline.batch import Decided
    from kernel.tenancy.scope import TenantScope


class Replay(Frozen):
    """A decision computed again: the stored bytes and the new ones."""

    stored: bytes
    computed: bytes

    @property
    def same(self) -> bool:
        """Whether they are equal, byte for byte."""
        return self.stored == self.computed


async def replay(ctx: Context, decision_id: UUID) -> Replay:
    """Compute the decision again from its features, advice, settings and time as they are stored; what
    the guardrails of plugins changed and granted then is put where they did it.

    Raises:
        NotFound: there is no such decision.
        Conflict: a plugin that made it is gone, or the meaning of features has changed since.
    """
    stored: bytes | None = await ctx.db.fetchval(
        "SELECT record FROM pipeline_decision WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        decision_id,
    )
    if stored is None:
        raise NotFound("There is no such decision.", "`mailwright why CUSTOMER` lists them.")
    old = msgspec.json.decode(stored, type=DecisionRecord)
    comparable(old)
    if old.version != records.VERSION:
        raise Conflict(
            f"The decision was recorded in version {old.version} of the record; this code writes "
            f"version {records.VERSION}.",
            "Replay it with the version of Mailwright that made it.",
        )
    board = cast("TenantScope", ctx).core.board
    frame = await frames.load(ctx, old.context)
    given = frames.context(board, frame, old.decided_at)
    [candidate] = await candidates_of(ctx, [old])
    [made] = await decide.decisions(board, frozenset(frame.plugins), given, [candidate])
    version = board.plugins[made.plugin].manifest.version if made.plugin in board.plugins else ""
    new = records.record(
        record_id=old.id,
        tenant_id=old.tenant_id,
        campaign_type=old.campaign_type,
        candidate=candidate,
        guarded=_guarded(given, old, made),
        plugin=made.plugin,
        plugin_version=version,
        frame_digest=old.context,
        at=old.decided_at,
    )
    return Replay(stored=bytes(stored), computed=canonical(new))


async def candidates_of(ctx: Context, olds: Sequence[DecisionRecord]) -> list[Candidate]:
    """The candidates of stored decisions, with their advice."""
    ids = {key for old in olds for key in old.advice}
    found = await consult.stored(ctx, sorted(ids)) if ids else {}
    return [
        Candidate(
            message_id=old.message_id,
            customer_id=old.customer_id,
            step=int(old.occasion.rpartition("/")[2]),
            occasion=old.occasion,
            features=old.features,
            advice=tuple(found[key] for key in old.advice if key in found),
        )
        for old in olds
    ]


def _guarded(given: DecideContext, old: DecisionRecord, made: Decided) -> Guarded:
    """The decision within its limits, with what plugins changed of it then, if it is the same one."""
    fresh = guard.guard(given, old.customer_id, made.decision)
    count = len(fresh.changes)
    if made.decision != old.decision or old.changes[:count] != fresh.changes:
        return guard.settle(given, fresh, fresh, ())
    rest = old.changes[count:]
    own = next((n for n, one in enumerate(rest) if one.plugin == guard.KERNEL), len(rest))
    action = old.action
    if own < len(rest):  # the kernel undid something: what it was shown
        action = rest[own].allowed if rest[own].guardrail == guard.UNTOLD else rest[own].asked
    after = Guarded(
        decision=made.decision,
        action=action,
        changes=(*fresh.changes, *rest[:own]),
        grant=old.grant,
    )
    plugins = {one.plugin for one in rest[:own]} | ({old.grant.plugin} if old.grant else set())
    return guard.settle(given, fresh, after, plugins)


def comparable(old: DecisionRecord) -> None:
    """Raises Conflict where the stored features do not mean what they mean today."""
    if old.features_version != FEATURES_VERSION:
        raise Conflict(
            f"The decision was made with version {old.features_version} of the features; this code "
            f"has version {FEATURES_VERSION}.",
            "Replay it with the version of Mailwright that made it.",
        )
