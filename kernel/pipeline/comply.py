"""Every rule of every plugin, all of them, fail closed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast
from uuid import UUID

from kernel.contracts.decisions import Verdict
from kernel.pipeline.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.scope import TenantScope

ALLOWED = Verdict(outcome="allowed")
STRICTNESS = {"allowed": 0, "deferred": 1, "capped": 2, "suppressed": 3}
RETRY = timedelta(minutes=15)
"""When a rule that broke is asked again. Nothing is sent meanwhile, and nothing is given up."""


async def judge(ctx: Context, stage: str, batch: Sequence[Outgoing]) -> dict[UUID, Verdict]:
    """The strictest verdict for each message.

    A plugin that failed denies the whole batch for now: its messages are deferred, so that an error
    of ours neither sends nor suppresses anybody.
    """
    if not batch:
        return {}
    scope = cast("TenantScope", ctx)
    answers = await scope.core.board.veto(
        "compliance_rules", ctx.enabled, ctx=ctx, stage=stage, batch=batch
    )
    verdicts = {message.id: ALLOWED for message in batch}
    for answer in answers:
        if answer.error is not None:
            broken = Verdict(
                outcome="deferred",
                rule=f"{answer.plugin}.unavailable",
                reason=f"The rules of {answer.plugin} could not be checked, so nothing is sent yet.",
                until=ctx.now + RETRY,
            )
            given: Sequence[Verdict] = [broken] * len(batch)
        else:
            given = answer.value
        for message, verdict in zip(batch, given, strict=True):
            verdicts[message.id] = stricter(verdicts[message.id], verdict)
    return verdicts


def stricter(one: Verdict, other: Verdict) -> Verdict:
    """The verdict that counts; of two deferrals, the later."""
    if one.outcome == other.outcome == "deferred":
        if one.until and other.until:
            return one if one.until >= other.until else other
        return one if one.until else other
    return max(one, other, key=lambda verdict: STRICTNESS[verdict.outcome])


async def run(ctx: Context, batch: Batch) -> Batch:
    """The stage: fills `verdicts` for those who would be written to."""
    asked = [
        person.outgoing
        for person, guarded in zip(batch.people, batch.guarded, strict=True)
        if guarded.action.send
    ]
    batch.verdicts = await judge(ctx, "plan", asked)
    return batch
