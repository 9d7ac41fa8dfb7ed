"""Decisions computed again: to the same bytes, or with changed settings to see what would differ."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.decisions import Candidate, DecideContext, DecisionRecord, Guarded
from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.pipeline import consult, decide, frames, guard, records, words
from kernel.pipeline.features import FEATURES_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.pipeline.batch import Decided
    from kernel.tenancy.scope import TenantScope

PAGE = 1000
EXAMPLES = 5
Settings = dict[str, dict[str, Any]]

PAST = """
SELECT id, decided_at, record FROM pipeline_decision
WHERE tenant_id = $1 AND (decided_at, id) > ($2, $3) ORDER BY decided_at, id LIMIT $4
"""


class Replay(Frozen):
    """A decision computed again: the stored bytes and the new ones."""

    stored: bytes
    computed: bytes

    @property
    def same(self) -> bool:
        """Whether they are equal, byte for byte."""
        return self.stored == self.computed


class Shift(Frozen):
    """How many decisions would go from one action to another."""

    before: str
    after: str
    decisions: int


class Example(Frozen):
    """One decision that would differ, with the reason for the action then and now."""

    decision_id: UUID
    customer_id: int
    occasion: str
    before: str
    after: str
    why_before: str
    why_after: str


class Diff(Frozen):
    """Stored decisions beside what changed settings would have decided, before the plugins' guardrails:
    those depend on what was granted to others.
    """

    decisions: int
    same: int
    shifts: tuple[Shift, ...]
    """The most frequent first."""
    examples: tuple[Example, ...]
    cannot: dict[str, int]
    """Why some cannot be computed again, and how many."""


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
    _comparable(old)
    if old.version != records.VERSION:
        raise Conflict(
            f"The decision was recorded in version {old.version} of the record; this code writes "
            f"version {records.VERSION}.",
            "Replay it with the version of Mailwright that made it.",
        )
    board = cast("TenantScope", ctx).core.board
    frame = await frames.load(ctx, old.context)
    given = frames.context(board, frame, old.decided_at)
    [candidate] = await _candidates(ctx, [old])
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


async def diff(
    scope: TenantScope,
    since: datetime,
    settings: Settings,
    progress: Callable[[int], None] = lambda done: None,
) -> Diff:
    """Decide again what was decided since then, with these settings instead of those of their time.

    Args:
        scope: the tenant, detached: pages of 1,000 are read in transactions of their own.
        since: from when on.
        settings: plugin -> the settings that differ.
        progress: is told how many are done.

    Raises:
        InvalidInput: a plugin is not installed.
        InvalidConfig: it has no such setting, or the value is not valid.
    """
    board = scope.core.board
    for name in settings:
        if name not in board.plugins:
            raise InvalidInput(f"There is no plugin `{name}`.", "See `mailwright plugins list`.")
    after, last = since, UUID(int=0)
    done, same = 0, 0
    shifts, cannot = Counter[tuple[str, str]](), Counter[str]()
    examples: dict[tuple[str, str], list[Example]] = {}
    known: dict[str, tuple[frames.Frame, frames.Frame]] = {}
    while True:
        async with scope.transaction() as ctx:
            rows = await ctx.db.fetch(PAST, ctx.tenant.id, after, last, PAGE)
            page = [msgspec.json.decode(row["record"], type=DecisionRecord) for row in rows]
            candidates = await _candidates(ctx, page)
            for name in {one.context for one in page} - known.keys():
                frame = await frames.load(ctx, name)
                known[name] = (frame, _with(frame, settings))
        if not rows:
            break
        after, last = rows[-1]["decided_at"], rows[-1]["id"]
        pairs = zip(page, candidates, strict=True)
        for (name, at), group in groupby(
            pairs, key=lambda pair: (pair[0].context, pair[0].decided_at)
        ):
            olds, who = zip(*group, strict=True)
            try:
                for one in olds:
                    _comparable(one)
                then, now = (frames.context(board, frame, at) for frame in known[name])
            except Conflict as error:
                cannot[str(error)] += len(olds)
                continue
            made = await decide.decisions(board, frozenset(known[name][0].plugins), now, who)
            for old, new in zip(olds, made, strict=True):
                shift = _shift(then, now, old, new)
                if shift[0] == shift[1]:
                    same += 1
                    continue
                shifts[shift] += 1
                if len(some := examples.setdefault(shift, [])) < EXAMPLES:
                    some.append(_example(old, new, *shift))
        done += len(rows)
        progress(done)
    frequent = shifts.most_common()
    return Diff(
        decisions=done,
        same=same,
        shifts=tuple(Shift(before=a, after=b, decisions=n) for (a, b), n in frequent),
        examples=tuple(one for pair, _ in frequent for one in examples[pair]),
        cannot=dict(cannot),
    )


async def _candidates(ctx: Context, olds: Sequence[DecisionRecord]) -> list[Candidate]:
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


def _comparable(old: DecisionRecord) -> None:
    if old.features_version != FEATURES_VERSION:
        raise Conflict(
            f"The decision was made with version {old.features_version} of the features; this code "
            f"has version {FEATURES_VERSION}.",
            "Replay it with the version of Mailwright that made it.",
        )


def _with(frame: frames.Frame, settings: Settings) -> frames.Frame:
    """The frame with other settings of the plugins that could speak then."""
    changed = {
        name: {**frame.settings.get(name, {}), **values}
        for name, values in settings.items()
        if name in frame.plugins
    }
    return msgspec.structs.replace(frame, settings={**frame.settings, **changed})


def _shift(
    then: DecideContext, now: DecideContext, old: DecisionRecord, new: Decided
) -> tuple[str, str]:
    before = guard.guard(then, old.customer_id, old.decision)
    after = guard.guard(now, old.customer_id, new.decision)
    return words.label(before.action), words.label(after.action)


def _example(old: DecisionRecord, new: Decided, before: str, after: str) -> Example:
    def last(reasons: Sequence[str]) -> str:
        return reasons[-1] if reasons else ""

    return Example(
        decision_id=old.id,
        customer_id=old.customer_id,
        occasion=old.occasion,
        before=before,
        after=after,
        why_before=last(old.decision.reasons),
        why_after=last(new.decision.reasons),
    )


def parse_settings(given: Sequence[str]) -> Settings:
    """`rules.rest_days=7` and the like as settings by plugin.

    Raises:
        InvalidInput: one is not written so.
    """
    settings: Settings = {}
    for text in given:
        name, equals, value = text.partition("=")
        plugin, dot, field = name.strip().partition(".")
        if not (equals and dot and plugin and field):
            raise InvalidInput(f"{text!r} is no setting.", "Write rules.rest_days=7.")
        settings.setdefault(plugin, {})[field] = _value(value)
    return settings


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
