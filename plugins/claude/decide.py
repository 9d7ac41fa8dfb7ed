"""`decide`: from advice to a decision. Pure: a replay gives the same bytes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Action, Decision, Option, explore
from plugins.claude import buckets
from plugins.claude.answers import NONE, Policy
from plugins.claude.consulting import Envelope
from plugins.claude.facts import plain
from plugins.claude.manifest import MANIFEST, ClaudeSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Advice, Candidate, DecideContext

REASON = 600
"""Characters of a reason; the schema has the same limit."""


def decide_batch(ctx: DecideContext, candidates: Sequence[Candidate]) -> list[Decision | None]:
    """A decision where Claude advised, else None: then the rules decide, and the kernel writes down the
    reason that the advice gives.
    """
    settings = ctx.settings.get(MANIFEST.name) or ClaudeSettings()
    if settings.mode == "rules":
        return [None] * len(candidates)
    made: dict[tuple[str, int, int], Decision | None] = {}
    decisions: list[Decision | None] = []
    for candidate in candidates:
        advice = next((one for one in candidate.advice if one.plugin == MANIFEST.name), None)
        if advice is None or not advice.answer:
            decisions.append(None)
            continue
        # All customers of a bucket share one answer; exploring is what differs.
        same = (advice.answer, advice.cost_micros, advice.shared)
        if same not in made:
            made[same] = decision_of(ctx, advice)
        decision = made[same]
        if decision is not None:
            decision = explored(ctx, settings, candidate, decision)
        decisions.append(decision)
    return decisions


def decision_of(ctx: DecideContext, advice: Advice) -> Decision | None:
    """The decision that an answer means; None where it means nothing that is possible here."""
    try:
        envelope = msgspec.json.decode(advice.answer, type=Envelope)
        policy = msgspec.json.decode(envelope.said, type=Policy)
    except (msgspec.DecodeError, UnicodeError):
        return None
    chosen = action_of(ctx, policy)
    if chosen is None:
        return None
    reasons = [plain(policy.reason, REASON)]
    if chosen.send_at is not None:
        days = (chosen.send_at - ctx.now).days
        reasons.append(f"Not before {days} {'day' if days == 1 else 'days'} from now.")
    if envelope.bucket:
        kind = buckets.words(buckets.facts_of(envelope.bucket))
        reasons.append(f"Decided for all customers of a kind: {kind}.")
    return Decision(
        chosen=chosen,
        options=options(ctx.actions, chosen),
        reasons=tuple(reasons),
        policy=envelope.policy,
        model=advice.model,
        prompt_hash=advice.prompt_hash,
        confidence=policy.confidence / 100,
        fallback=envelope.degraded,
        tokens=advice.tokens // advice.shared,
        cost_micros=advice.cost_micros / advice.shared,
    )


def action_of(ctx: DecideContext, policy: Policy) -> Action | None:
    """The action that a policy means, if it is one of the possible ones."""
    stay = next((action for action in ctx.actions if not action.send), Action(send=False))
    if policy.action == "skip":
        return stay
    if policy.action == "leave":
        return Action(send=False, campaign_type=policy.leave_to)
    offer = "" if policy.offer == NONE else policy.offer
    for action in ctx.actions:
        if action.send and (action.tone, action.offer) == (policy.tone, offer):
            if policy.action == "send":
                return action
            return msgspec.structs.replace(action, send_at=_later(ctx, max(1, policy.wait_days)))
    return None


def _later(ctx: DecideContext, days: int) -> datetime | None:
    """So many days from now, or fewer where the campaign would be over; None: now or never."""
    while days and ctx.expires_at is not None and ctx.now + timedelta(days=days) >= ctx.expires_at:
        days -= 1
    return ctx.now + timedelta(days=days) if days else None


def options(actions: Sequence[Action], chosen: Action) -> tuple[Option, ...]:
    """Every possible action, the chosen one for certain."""
    known = actions if chosen in actions else (*actions, chosen)
    return tuple(
        Option(action=action, probability=1.0 if action == chosen else 0.0) for action in known
    )


def explored(
    ctx: DecideContext, settings: ClaudeSettings, candidate: Candidate, decision: Decision
) -> Decision:
    """The decision, or a neighbour of it that is as well allowed, chosen by the message's id."""
    share = settings.explore_percent / 100
    return explore(decision, str(candidate.message_id), share, ctx.actions)
