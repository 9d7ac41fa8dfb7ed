"""What no decider and no guardrail may pass: possible actions, time, the hold-out group; nothing grows,
no offer without a grant, nothing urgent that does not end.

`guard` comes before the plugins' guardrails (`adjust_decisions`), `settle` after them. Both depend on
their arguments alone: a replay puts the stored changes of the plugins between them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, cast

import msgspec

from kernel.contracts.decisions import Action, Change, Decision, Grant, Guarded
from kernel.contracts.errors import InvalidInput
from kernel.contracts.offers import offer_of
from kernel.pipeline.batch import Batch
from kernel.pipeline.frames import URGENT

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.contracts.decisions import DecideContext
    from kernel.tenancy.scope import TenantScope

NOTHING = Action(send=False)
KERNEL = "kernel"
UNTOLD = "untold"
replace = msgspec.structs.replace


async def run(ctx: Context, batch: Batch) -> Batch:
    """The stage: fills `guarded`. Guardrails are asked with the tenant's settings of today."""
    board = cast("TenantScope", ctx).core.board
    made = [
        guard(batch.frame, person.candidate.customer_id, decided.decision)
        for person, decided in zip(batch.people, batch.decided, strict=True)
    ]
    plugins = {name for name, _ in board.plans("adjust_decisions", ctx.enabled).steps}
    after = made
    if plugins and any(one.action.send for one in made):
        after = await board.chain(  # type: ignore[assignment]
            "adjust_decisions",
            ctx.enabled,
            "decisions",
            made,
            ctx=ctx,
            given=batch.frame,
            candidates=[person.candidate for person in batch.people],
        )
    batch.guarded = [
        settle(batch.frame, one, other, plugins) for one, other in zip(made, after, strict=True)
    ]
    return batch


def held_out(tenant_id: str, customer_id: int, percent: float) -> bool:
    """Whether the customer belongs to the tenant's hold-out group.

    Stable for ever: a hash of tenant and customer, uniform in [0, 100). So the group is the same for
    every campaign, and what the engine earns can be measured against it.
    """
    raw = hashlib.blake2b(f"holdout/{tenant_id}/{customer_id}".encode(), digest_size=8).digest()
    return int.from_bytes(raw, "big") / 2**64 * 100 < percent


def guard(frame: DecideContext, customer_id: int, decision: Decision) -> Guarded:
    """The decision within the kernel's limits."""
    action = decision.chosen
    if not action.send:
        return Guarded(decision=decision, action=action)
    kept = _Kept(action)
    if replace(action, send_at=None) not in frame.actions:
        allowed = calm(frame, action)
        if replace(allowed, send_at=None) not in frame.actions:
            allowed = NOTHING
        reason = "The decider asked for something that was not among the possible actions."
        kept.change("possible_actions", allowed, reason, breach=True)
    _keep_time(frame, kept)
    percent = frame.tenant.holdout_percent
    out = kept.action.send and held_out(frame.tenant.id, customer_id, percent)
    if out:
        kept.change(
            "holdout",
            NOTHING,
            f"Belongs to the {percent:g} % never written to by choice, against whom results are "
            "measured.",
        )
    return Guarded(decision=decision, action=kept.action, changes=tuple(kept.changes), held_out=out)


def settle(
    frame: DecideContext, before: Guarded, after: Guarded, plugins: Collection[str]
) -> Guarded:
    """What the guardrails of plugins made of `before`, with all undone that no guardrail may do.

    Args:
        frame: what was possible.
        before: after the kernel's `guard`.
        after: after the plugins.
        plugins: who was asked; changes and grants in anybody else's name do not count.
    """
    plain = not before.action.offer and before.action.tone != URGENT
    if not before.action.send or (after is before and plain):
        return before
    told = [
        replace(change, reason=change.reason.replace("\0", " "))
        for change in after.changes[len(before.changes) :]
        if change.plugin in plugins
    ]
    # Who is not written to is granted nothing.
    grant = after.grant if after.action.send else None
    if grant is not None and grant.plugin not in plugins:
        grant = None
    kept = _Kept(after.action, [*before.changes, *told])
    if (allowed := narrowed(frame, before.action, after.action)) != after.action:
        kept.change(
            "narrowing", allowed, "A guardrail may narrow what was decided; this would widen it."
        )
    elif after.action != (last := told[-1].allowed if told else before.action):
        kept.action = last
        kept.change(UNTOLD, after.action, "A guardrail changed this and did not say why.")
    _keep_time(frame, kept)
    if kept.action.offer and (grant is None or grant.offer != kept.action.offer):
        kept.change(
            "no_grant", replace(kept.action, offer=""), "No guardrail granted exactly this offer."
        )
    if not kept.action.offer:
        grant = None
    if kept.action.send and kept.action.tone == URGENT and not _ends(grant, frame.now):
        tone = next((one.tone for one in frame.actions if one.send and one.tone != URGENT), None)
        allowed = NOTHING if tone is None else replace(kept.action, tone=tone)
        kept.change("urgency", allowed, "Nothing may be called urgent that does not end.")
        grant = grant if allowed.offer else None
    return Guarded(
        decision=before.decision, action=kept.action, changes=tuple(kept.changes), grant=grant
    )


def narrowed(frame: DecideContext, asked: Action, after: Action) -> Action:
    """`after`, with whatever is more than `asked` put back to it."""
    if not after.send:
        return after
    tones = {action.tone for action in frame.actions if action.send and action.tone != URGENT}
    return replace(
        after,
        campaign_type=asked.campaign_type,
        tone=after.tone if after.tone in tones else asked.tone,
        offer=after.offer if no_more(after.offer, asked.offer) else asked.offer,
        send_at=after.send_at if _no_earlier(after.send_at, asked.send_at) else asked.send_at,
    )


def no_more(offer: str, than: str) -> bool:
    """Whether an offer gives away no more than another, of the same kind."""
    if not offer or offer == than:
        return True
    try:
        one, other = offer_of(offer), offer_of(than)
    except InvalidInput:
        return False
    return bool(one and other and one.kind == other.kind and one.value <= other.value)


def calm(frame: DecideContext, action: Action) -> Action:
    """The action without an offer, and so without urgency."""
    tones = [one.tone for one in frame.actions if one.send and one.tone != URGENT]
    tone = tones[0] if action.tone == URGENT and tones else action.tone
    return replace(action, offer="", tone=tone)


class _Kept:
    """An action on its way through the limits."""

    def __init__(self, action: Action, changes: list[Change] | None = None) -> None:
        self.action = action
        self.changes = changes or []

    def change(self, guardrail: str, allowed: Action, reason: str, breach: bool = False) -> None:
        self.changes.append(
            Change(
                plugin=KERNEL,
                guardrail=guardrail,
                asked=self.action,
                allowed=allowed,
                reason=reason,
                breach=breach,
            )
        )
        self.action = allowed


def _keep_time(frame: DecideContext, kept: _Kept) -> None:
    at = kept.action.send_at
    if not kept.action.send or at is None:
        return
    if at < frame.now:
        reason = "The time to send has passed: as soon as it is approved."
        kept.change("send_time", replace(kept.action, send_at=None), reason)
    elif frame.expires_at is not None and at >= frame.expires_at:
        reason = (
            f"It would be sent after {frame.expires_at:%Y-%m-%d %H:%M} UTC, when it is too late."
        )
        kept.change("send_time", NOTHING, reason)


def _no_earlier(at: datetime | None, than: datetime | None) -> bool:
    if at is None or at.tzinfo is None:
        return at is None and than is None
    return than is None or at >= than


def _ends(grant: Grant | None, now: datetime) -> bool:
    end = grant.expires_at if grant else None
    return end is not None and end.tzinfo is not None and end > now
