"""The rules themselves: one pure function from features and thresholds to decisions.

The table reads from top to bottom; the first rule that applies decides. `table.py` tells it in words.

    do not write   ignored · silent · returned · planned · left · rest
    wait           mailed recently, and the rest is over in time
    tone           recent · best · promising · at risk · lost · loyal · new · usual
    offer          only with a reason; urgent only with an offer
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Decision, explore, explores
from plugins.rules.choices import STAY, URGENT, Choices
from plugins.rules.manifest import RulesSettings
from plugins.rules.table import CONFIDENCE, OTHER_TONE, POLICY, WITH_OFFER
from plugins.rules.words import ago, occasion, orders

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.sdk import Action, Candidate, DecideContext, Option, Scalar

replace = msgspec.structs.replace

__all__ = ["POLICY", "STAY", "decide_batch"]

AN_HOUR = timedelta(hours=1)
"""How long before its campaign ends a message that waits goes out at the latest."""
REENGAGE = "reengage"
"""The type that asks whether somebody still wants mail: silence is its reason, not an objection."""
POLICIES = {rule: f"{POLICY}:{rule}" for rule in CONFIDENCE}
_SEGMENTS = {"Promising": "promising", "At Risk": "at_risk", "Lost": "lost"}


def decide_batch(ctx: DecideContext, candidates: Sequence[Candidate]) -> list[Decision]:
    """One decision per candidate, in their order; depends on nothing but the arguments."""
    rules = ctx.settings.get("rules") or RulesSettings()
    table = Table(ctx, rules)
    return [table.decide(candidate) for candidate in candidates]


class Table:
    """The rules for one campaign, ready for many customers."""

    def __init__(self, ctx: DecideContext, rules: RulesSettings) -> None:
        self.rules = rules
        self.now = ctx.now
        self.kind = ctx.campaign.campaign_type
        self.choices = Choices(ctx.actions)
        self.rank = {name: place for place, name in enumerate(rules.preference)}
        self.own_rank = self.rank.get(self.kind, len(self.rank))
        self.wait_until = ctx.campaign.proposed_at + timedelta(days=rules.wait_days)
        if ctx.expires_at is not None:
            self.wait_until = min(self.wait_until, ctx.expires_at - AN_HOUR)
        self.offers = self.choices.offers if self.kind in rules.offer_types else []
        self.best = frozenset(rules.best_segments)
        self.explored: dict[Action, tuple[Option, ...]] = {}

    def decide(self, candidate: Candidate) -> Decision:
        """The decision for one candidate."""
        features = candidate.features
        rest = reason_to_rest(self.rules, features, self.kind) or self._others(features)
        if rest is not None:
            rule, why_not, other = rest
            action, options = self.choices.left_to(other) if other else self.choices.rest
            return _decision(rule, action, options, (why_not,))
        last_mail = features.get("days_since_mail")
        wait = 0.0
        if last_mail is not None and last_mail < self.rules.rest_days:  # type: ignore[operator]
            wait = self.rules.rest_days - last_mail  # type: ignore[operator]
            if self.now + timedelta(days=wait) > self.wait_until:
                action, options = self.choices.rest
                said = f"at least {self.rules.rest_days:g} days"
                why_not = f"Had a mail {ago(last_mail)}; the rule is {said}."
                return _decision("rest", action, options, (why_not,))
        decision = self._send(features, wait)
        chosen, share = decision.chosen, self.rules.explore_share
        if not chosen.send or not share:
            return decision
        # Options are made once for each action, not for each customer: they are most of the work.
        key, kept = str(candidate.message_id), self.explored.get(chosen)
        if kept is None or explores(key, share):
            decision = explore(decision, key, share, self.choices.alike(chosen))
            if chosen.send_at is None:
                self.explored[chosen] = decision.options
            return decision
        return replace(decision, options=kept)

    def _send(self, features: Mapping[str, Scalar], wait: float) -> Decision:
        rule, tone, why = tone_for(self.rules, features, self.best)
        offer, because = self._offer(features)
        reasons = [occasion(features)]
        if offer:
            pauses = overdue(features)
            limit = self.rules.urgent_overdue
            if 0 < limit <= pauses and self.choices.has(URGENT, offer):
                tone, why = URGENT, f"Last order {pauses:.1f} usual pauses ago"
        action, options, note, fits = self.choices.send(tone, offer)
        reasons.append(f"{why}: {note}.")
        confidence = CONFIDENCE[rule]
        if action.offer and action.offer == offer:
            reasons.append(because)
            confidence *= WITH_OFFER
        if not fits:
            confidence *= OTHER_TONE
        if wait and action.send:
            at = self.now + timedelta(days=wait)
            said = ago(features["days_since_mail"])
            reasons.insert(0, f"Had a mail {said}: waits until {at:%Y-%m-%d %H:%M} UTC.")
            action, options = self.choices.later(action, at)
            rule, confidence = "wait", min(confidence, CONFIDENCE["wait"])
        return _decision(rule, action, options, tuple(reasons), round(confidence, 4))

    def _others(self, features: Mapping[str, Scalar]) -> tuple[str, str, str] | None:
        """Whether another campaign of the day writes, or should."""
        planned = features.get("planned_type")
        if planned and planned != self.kind:
            return "planned", f"The campaign {planned} already writes to them today.", ""
        others = features.get("other_types")
        if not others:
            return None
        rank = self.rank
        first = min(
            (one.strip() for one in str(others).split(",")),
            key=lambda one: rank.get(one, len(rank)),
        )
        if first == self.kind or rank.get(first, len(rank)) >= self.own_rank:
            return None
        return "left", f"Stands in {first} today too, which goes before {self.kind}.", first

    def _offer(self, features: Mapping[str, Scalar]) -> tuple[str, str]:
        """The smallest offer that fits, and why; both empty for none."""
        if not self.offers or features.get("trait:rfm.segment") in self.best:
            return "", ""
        rules, reasons = self.rules, []
        gone = features.get("trait:churn.probability")
        if gone is not None and 0 < rules.offer_probability <= gone:  # type: ignore[operator]
            reasons.append(f"the chance of no further order is {gone:.0%}")
        pauses = overdue(features)
        if 0 < rules.offer_overdue <= pauses:
            reasons.append(f"the last order is {pauses:.1f} usual pauses ago")
        if not reasons:
            return "", ""
        offer = self.offers[min(len(reasons), len(self.offers)) - 1]
        return offer, f"Offer {offer}, as {' and '.join(reasons)}."


def _decision(
    rule: str,
    action: Action,
    options: tuple[Option, ...],
    reasons: tuple[str, ...],
    confidence: float | None = None,
) -> Decision:
    return Decision(
        chosen=action,
        options=options,
        reasons=reasons,
        policy=POLICIES[rule],
        confidence=CONFIDENCE[rule] if confidence is None else confidence,
    )


def reason_to_rest(
    rules: RulesSettings, features: Mapping[str, Scalar], kind: str = ""
) -> tuple[str, str, str] | None:
    """Why never to write to a customer with these features: the rule, a sentence, and nobody else who
    should; None: no reason.
    """
    get = features.get
    count, returned = get("orders_count") or 0, get("returns_count") or 0
    if kind != REENGAGE:
        clicks, mails = get("clicks_90d") or 0, get("mails_30d") or 0
        if 0 < rules.ignored_mails <= mails and not clicks:  # type: ignore[operator]
            said = f"Had {mails} mails in 30 days and did not click in 90: give it a rest."
            return "ignored", said, ""
        known = get("days_since_created") or 0
        if not count and 0 < rules.silent_days < known and not clicks:  # type: ignore[operator]
            said = f"Known for {known:.0f} days, no order and no click: too few signals."
            return "silent", said, ""
    if count and returned >= 2 and returned >= rules.returned_share * count > 0:  # type: ignore[operator]
        return "returned", f"{orders(features)} and {returned} returns: give it a rest.", ""
    return None


def tone_for(
    rules: RulesSettings, features: Mapping[str, Scalar], best: frozenset[str]
) -> tuple[str, str, str]:
    """The rule and the tone for a customer with these features, and why, as the start of a sentence."""
    get = features.get
    last_mail = get("days_since_mail")
    if last_mail is not None and last_mail < rules.short_days:  # type: ignore[operator]
        return "recent", rules.short_tone, f"Had a mail {ago(last_mail)}"
    segment = get("trait:rfm.segment")
    if segment is not None:
        if segment in best:
            return "best", rules.loyal_tone, f"Segment {segment}"
        rule = _SEGMENTS.get(segment)  # type: ignore[arg-type]
        if rule is not None:
            return rule, getattr(rules, f"{rule}_tone"), f"Segment {segment}"
    count, spent = get("orders_count") or 0, get("total_spent") or 0
    if 0 < rules.loyal_orders <= count:  # type: ignore[operator]
        return "loyal", rules.loyal_tone, f"Loyal with {count} orders"
    if 0 < rules.loyal_spent <= spent:  # type: ignore[operator]
        return "loyal", rules.loyal_tone, f"Loyal with {spent:,.2f} spent"
    known = get("days_since_created")
    if known is not None and known <= rules.new_days:  # type: ignore[operator]
        return "new", rules.new_tone, f"New {ago(known)}"
    return "usual", rules.usual_tone, "Neither new nor loyal nor recently mailed"


def overdue(features: Mapping[str, Scalar]) -> float:
    """How many usual pauses ago the last order was; 0 where that is not known."""
    last = features.get("days_since_order")
    usual = features.get("trait:winback.usual_gap_days") or features.get("mean_gap_days")
    if not last or not usual:
        return 0.0
    return last / usual  # type: ignore[operator]
