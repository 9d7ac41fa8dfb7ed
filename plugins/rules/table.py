"""The table of rules as a merchant reads it: made of the settings, in the order in which they apply.

`CONFIDENCE` names every rule: how sure it is that the merchant would agree. A decision's policy is
`rules/2:<rule>`, so that decisions can be counted by rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import Frozen
from plugins.rules.choices import FORMER
from plugins.rules.words import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.rules.manifest import RulesSettings

POLICY = "rules/2"
"""Goes up when the same features and settings may lead to another decision."""

CONFIDENCE = {
    "ignored": 0.85,
    "silent": 0.8,
    "returned": 0.7,
    "planned": 0.95,
    "left": 0.8,
    "rest": 0.9,
    "wait": 0.75,
    "recent": 0.65,
    "best": 0.75,
    "promising": 0.75,
    "at_risk": 0.75,
    "lost": 0.65,
    "loyal": 0.7,
    "new": 0.8,
    "usual": 0.6,
}
"""Rule -> confidence of its decisions."""
WITH_OFFER = 0.85
OTHER_TONE = 0.9
"""What the confidence is multiplied by where an offer is made, or the campaign lacks the tone."""


class Row(Frozen):
    """One rule in words."""

    rule: str
    when: str
    then: str
    confidence: float
    active: bool = True
    """False: the settings switch it off."""

    @property
    def policy(self) -> str:
        """What the decisions of this rule name as their policy."""
        return f"{POLICY}:{self.rule}"


def table(settings: RulesSettings) -> list[Row]:
    """All rules with these thresholds, in the order in which they apply."""
    return [
        Row(rule=rule, when=when, then=then, confidence=CONFIDENCE[rule], active=active)
        for rule, when, then, active in _rows(settings)
    ]


def offers(settings: RulesSettings) -> list[tuple[str, str]]:
    """What the settings say of offers, once a tone is found: when, and then what."""
    reasons = _reasons(settings)
    if not settings.offer_types or not reasons:
        return [("Always", "No offer is made.")]
    rows = [
        (f"The campaign is not {listed(settings.offer_types)}", "No offer."),
        (f"The segment is {listed(settings.best_segments)}", "No offer: they buy anyway."),
        (f"{reasons[0][0].upper()}{reasons[0][1:]}" if len(reasons) == 1 else _either(reasons), "The smallest offer."),
    ]  # fmt: skip
    if len(reasons) == 2:
        rows.append((f"Both: {' and '.join(reasons)}", "The next larger offer, if there is one."))
    if settings.urgent_overdue:
        often = f"{settings.urgent_overdue:g} usual pauses or more"
        rows.append((f"An offer is made, and the last order is {often} ago", "Tone urgent."))
    return [*rows, ("Everyone else", "No offer.")]


def _either(reasons: list[str]) -> str:
    return f"Either {' or '.join(reasons)}"


def _reasons(s: RulesSettings) -> list[str]:
    found = []
    if s.offer_probability:
        found.append(f"the chance of no further order is {s.offer_probability:.0%} or more")
    if s.offer_overdue:
        found.append(f"the last order is {s.offer_overdue:g} usual pauses or more ago")
    return found


def _rows(s: RulesSettings) -> Iterator[tuple[str, str, str, bool]]:
    def tone(name: str) -> str:
        return f"Write in the tone {FORMER.get(name, name)}."

    order = ", ".join(s.preference) or "none is named"
    wait = bool(s.wait_days and s.rest_days)
    rest = f"Had a mail within {s.rest_days:g} days"
    yield (
        "ignored",
        f"{s.ignored_mails} mails or more in 30 days and no click in 90 (not asked for reengage)",
        "Do not write.",
        s.ignored_mails > 0,
    )
    yield (
        "silent",
        f"Never ordered, no click in 90 days, known for over {s.silent_days:g} days (not asked for reengage)",
        "Do not write.",
        s.silent_days > 0,
    )
    yield (
        "returned",
        f"Two returns or more, and at least {s.returned_share:g} of them for each order",
        "Do not write.",
        s.returned_share > 0,
    )
    yield ("planned", "Another campaign of today already writes to them", "Do not write.", True)
    yield (
        "left",
        f"Stands in another campaign of today that goes before this one: {order}",
        "Leave them to that campaign.",
        bool(s.preference),
    )
    yield (
        "wait",
        f"{rest}, and the rest ends within {s.wait_days:g} days of the proposal",
        "Write as below, once the rest is over.",
        wait,
    )
    yield ("rest", rest + (" and cannot wait" if wait else ""), "Do not write.", s.rest_days > 0)
    yield (
        "recent",
        f"Had a mail within {s.short_days:g} days",
        tone(s.short_tone),
        s.short_days > 0,
    )
    yield (
        "best",
        f"Segment {listed(s.best_segments)}",
        tone(s.loyal_tone),
        bool(s.best_segments),
    )
    yield ("promising", "Segment Promising", tone(s.promising_tone), True)
    yield ("at_risk", "Segment At Risk", tone(s.at_risk_tone), True)
    yield ("lost", "Segment Lost", tone(s.lost_tone), True)
    loyal = []
    if s.loyal_orders:
        loyal.append(f"{s.loyal_orders} orders or more")
    if s.loyal_spent:
        loyal.append(f"{s.loyal_spent:,.2f} or more spent")
    yield ("loyal", " or ".join(loyal) or "Loyal", tone(s.loyal_tone), bool(loyal))
    yield (
        "new",
        f"Known for no longer than {s.new_days:g} days",
        tone(s.new_tone),
        s.new_days > 0,
    )
    yield ("usual", "Everyone else", tone(s.usual_tone), True)
