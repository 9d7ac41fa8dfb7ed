"""The past decided again with changed settings, to see what would differ."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.decisions import DecideContext, DecisionRecord
from kernel.contracts.errors import Conflict, InvalidInput
from kernel.pipeline import decide, frames, guard, words
from kernel.pipeline.replay import candidates_of, comparable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from kernel.pipeline.batch import Decided
    from kernel.tenancy.scope import TenantScope

PAGE = 1000
EXAMPLES = 5
Settings = dict[str, dict[str, Any]]

PAST = """
SELECT id, decided_at, record FROM pipeline_decision
WHERE tenant_id = $1 AND (decided_at, id) > ($2, $3) ORDER BY decided_at, id LIMIT $4
"""


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
        InvalidInput: a plugin is not installed, or decides nothing.
        InvalidConfig: it has no such setting, or the value is not valid.
    """
    board = scope.core.board
    for name in settings:
        if name not in board.plugins:
            raise InvalidInput(f"There is no plugin `{name}`.", "See `mailwright plugins list`.")
        if not board.plans("decide", frozenset({name})).steps:
            raise InvalidInput(
                f"The plugin `{name}` decides nothing, so nothing would differ here.",
                "Try settings of a decider, such as rules. What guardrails allow rests on budgets and "
                "orders that have moved since.",
            )
    after, last = since, UUID(int=0)
    done, same = 0, 0
    shifts, cannot = Counter[tuple[str, str]](), Counter[str]()
    examples: dict[tuple[str, str], list[Example]] = {}
    known: dict[str, tuple[frames.Frame, frames.Frame]] = {}
    while True:
        async with scope.transaction() as ctx:
            rows = await ctx.db.fetch(PAST, ctx.tenant.id, after, last, PAGE)
            page = [msgspec.json.decode(row["record"], type=DecisionRecord) for row in rows]
            candidates = await candidates_of(ctx, page)
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
                    comparable(one)
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
