"""The rules themselves: one pure function from features and thresholds to decisions.

The table reads from top to bottom; the first rule that applies decides.

    do not write   rest · ignored · silent · returned
    tone           recently mailed -> short · loyal -> warm · new -> warm · else plain
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import Action, Decision, Option
from plugins.rules.manifest import RulesSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.sdk import Candidate, DecideContext, Scalar

POLICY = "rules/1"
"""Goes up when the same features and settings may lead to another decision."""

STAY = Action(send=False)


def decide_batch(ctx: DecideContext, candidates: Sequence[Candidate]) -> list[Decision]:
    """One decision per candidate, in their order; depends on nothing but the arguments."""
    rules = ctx.settings.get("rules") or RulesSettings()
    choose = Choices(ctx.actions)
    decisions = []
    for candidate in candidates:
        reasons: tuple[str, ...]
        why_not = reason_to_rest(rules, candidate.features)
        if why_not is None:
            tone, why = tone_for(rules, candidate.features)
            action, options, note = choose.tone(tone)
            reasons = (occasion(candidate.features), f"{why}: {note}.")
        else:
            action, options = choose.rest
            reasons = (why_not,)
        decisions.append(Decision(chosen=action, options=options, reasons=reasons, policy=POLICY))
    return decisions


class Choices:
    """The possible actions, with the options of each choice made once for the whole batch."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = tuple(actions)
        sends = [action for action in actions if action.send]
        # Rules give nothing away: an offer is chosen only where every action carries one.
        self._sends = [action for action in sends if not action.offer] or sends
        self._tones: dict[str, tuple[Action, tuple[Option, ...], str]] = {}
        stay = next((action for action in actions if not action.send), STAY)
        self.rest = (stay, self._options(stay))

    def tone(self, tone: str) -> tuple[Action, tuple[Option, ...], str]:
        """The action that writes in `tone`, or in the first one there is; its options; a note."""
        found = self._tones.get(tone)
        if found is None:
            found = self._tones[tone] = self._find(tone)
        return found

    def _find(self, tone: str) -> tuple[Action, tuple[Option, ...], str]:
        for action in self._sends:
            if action.tone == tone:
                return action, self._options(action), f"{tone} tone"
        if not self._sends:
            return (*self.rest, "nothing can be sent")
        action = self._sends[0]
        note = f"{action.tone or 'usual'} tone, as there is no {tone} one"
        return action, self._options(action), note

    def _options(self, chosen: Action) -> tuple[Option, ...]:
        known = self._actions if chosen in self._actions else (*self._actions, chosen)
        return tuple(
            Option(action=action, probability=1.0 if action == chosen else 0.0) for action in known
        )


def reason_to_rest(rules: RulesSettings, features: Mapping[str, Scalar]) -> str | None:
    """Why not to write to a customer with these features, as a sentence; None: no reason."""
    get = features.get
    last_mail = get("days_since_mail")
    if last_mail is not None and last_mail < rules.rest_days:  # type: ignore[operator]
        return f"Had a mail {ago(last_mail)}; the rule is at least {rules.rest_days:g} days."
    clicks = get("clicks_90d") or 0
    mails = get("mails_30d") or 0
    if 0 < rules.ignored_mails <= mails and not clicks:  # type: ignore[operator]
        return f"Had {mails} mails in 30 days and did not click in 90: give it a rest."
    count, returned = get("orders_count") or 0, get("returns_count") or 0
    known = get("days_since_created") or 0
    if not count and 0 < rules.silent_days < known and not clicks:  # type: ignore[operator]
        return f"Known for {known:.0f} days, no order and no click: too few signals."
    if count and returned >= 2 and returned >= rules.returned_share * count > 0:  # type: ignore[operator]
        return f"{orders(features)} and {returned} returns: give it a rest."
    return None


def tone_for(rules: RulesSettings, features: Mapping[str, Scalar]) -> tuple[str, str]:
    """The tone for a customer with these features, and why, as the start of a sentence."""
    get = features.get
    last_mail = get("days_since_mail")
    if last_mail is not None and last_mail < rules.short_days:  # type: ignore[operator]
        return rules.short_tone, f"Had a mail {ago(last_mail)}"
    count, spent = get("orders_count") or 0, get("total_spent") or 0
    if 0 < rules.loyal_orders <= count:  # type: ignore[operator]
        return rules.loyal_tone, f"Loyal with {count} orders"
    if 0 < rules.loyal_spent <= spent:  # type: ignore[operator]
        return rules.loyal_tone, f"Loyal with {spent:,.2f} spent"
    known = get("days_since_created")
    if known is not None and known <= rules.new_days:  # type: ignore[operator]
        return rules.new_tone, f"New {ago(known)}"
    return rules.usual_tone, "Neither new nor loyal nor recently mailed"


def occasion(features: Mapping[str, Scalar]) -> str:
    """The first reason: when the customer last ordered, against their own rhythm."""
    last, gap = features.get("days_since_order"), features.get("mean_gap_days")
    if last is None:
        known = features.get("days_since_created")
        return "No order yet." if known is None else f"Known since {known:.0f} days, no order yet."
    if gap is None:
        return f"{orders(features)}, {ago(last)}."
    return f"Last order {ago(last)}, usually every {count_days(gap)}."


def orders(features: Mapping[str, Scalar]) -> str:
    """`1 order` or `5 orders`."""
    count = features.get("orders_count") or 0
    return f"{count} order" if count == 1 else f"{count} orders"


def ago(days: Scalar) -> str:
    """`today`, `1 day ago` or `31 days ago`."""
    whole = int(days)  # type: ignore[arg-type]
    return "today" if whole < 1 else f"{count_days(whole)} ago"


def count_days(days: Scalar) -> str:
    """`1 day` or `31 days`, rounded."""
    return "1 day" if (whole := round(days)) == 1 else f"{whole} days"  # type: ignore[arg-type]
