"""What no decider may pass: actions that were not possible, and the hold-out group."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from kernel.contracts.decisions import Action, Change, Decision, Guarded
from kernel.pipeline.batch import Batch

if TYPE_CHECKING:
    from kernel.contracts.decisions import DecideContext

NOTHING = Action(send=False)


def held_out(tenant_id: str, customer_id: int, percent: float) -> bool:
    """Whether the customer belongs to the tenant's hold-out group.

    Stable for ever: a hash of tenant and customer, uniform in [0, 100). So the group is the same for
    every campaign, and what the engine earns can be measured against it.
    """
    raw = hashlib.blake2b(f"holdout/{tenant_id}/{customer_id}".encode(), digest_size=8).digest()
    return int.from_bytes(raw, "big") / 2**64 * 100 < percent


def guard(frame: DecideContext, customer_id: int, decision: Decision) -> Guarded:
    """The decision within its limits. Depends on its arguments alone."""
    action = decision.chosen
    if not action.send:
        return Guarded(decision=decision, action=action)
    bare = Action(send=True, campaign_type=action.campaign_type, tone=action.tone)
    if bare not in frame.actions or action.offer:
        change = Change(
            plugin="kernel",
            guardrail="possible_actions",
            asked=action,
            allowed=NOTHING,
            reason="The decider asked for something that was not among the possible actions.",
        )
        return Guarded(decision=decision, action=NOTHING, changes=(change,))
    if held_out(frame.tenant.id, customer_id, frame.tenant.holdout_percent):
        change = Change(
            plugin="kernel",
            guardrail="holdout",
            asked=action,
            allowed=NOTHING,
            reason=f"Belongs to the {frame.tenant.holdout_percent:g} % never written to by choice, "
            "against whom results are measured.",
        )
        return Guarded(decision=decision, action=NOTHING, changes=(change,), held_out=True)
    return Guarded(decision=decision, action=action)


async def run(batch: Batch) -> Batch:
    """The stage: fills `guarded`."""
    batch.guarded = [
        guard(batch.frame, person.candidate.customer_id, decided.decision)
        for person, decided in zip(batch.people, batch.decided, strict=True)
    ]
    return batch
