"""The guardrails as pure functions: what was asked, what is known of the customer, what is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Action, Change, Frozen, InvalidInput, Offer, Scalar, offer_of
from plugins.discounts.budget import CENT
from plugins.discounts.manifest import MANIFEST, DiscountsSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugins.discounts.budget import Purse

ONE, HUNDRED = Decimal(1), Decimal(100)


class Known(Frozen):
    """What the guardrails look at of one customer."""

    features: dict[str, Scalar]
    open_until: datetime | None = None
    """The last second of a code of theirs that is still open, in the tenant's zone."""
    last_at: datetime | None = None
    """Their last offer."""
    offers: int = 0
    """How many in the days of the ceiling."""
    cost_share: float | None = None
    """Cost by price of the dearest to make among the things they bought; None: not known."""


@dataclass
class Ask:
    """An offer on its way through the guardrails; each that narrows it leaves a Change."""

    action: Action
    listed: Sequence[str]
    """What this campaign may offer."""
    currency: str
    changes: list[Change] = field(default_factory=list)

    @property
    def offer(self) -> Offer | None:
        """What is still asked."""
        return offer_of(self.action.offer)

    def lower(self, guardrail: str, most: Decimal, reason: str, breach: bool = False) -> None:
        """At most so much: the largest offer of the campaign at or under it, or none."""
        offer = self.offer
        assert offer is not None
        if most >= offer.value and self.action.offer in self.listed:
            return
        best = next((one for one in smaller(self.listed, offer) if one.value <= most), None)
        then = f" {words(best, self.currency)} is made." if best else " No offer is made."
        self.put(guardrail, best.name if best else "", reason + then, breach)

    def drop(self, guardrail: str, reason: str) -> None:
        """No offer."""
        self.put(guardrail, "", reason)

    def put(self, guardrail: str, offer: str, reason: str, breach: bool = False) -> None:
        """Narrow to `offer`, and say so."""
        allowed = msgspec.structs.replace(self.action, offer=offer)
        self.changes.append(
            Change(
                plugin=MANIFEST.name,
                guardrail=guardrail,
                asked=self.action,
                allowed=allowed,
                reason=reason,
                breach=breach,
            )
        )
        self.action = allowed

    def words(self) -> str:
        """The offer as a person says it."""
        offer = self.offer
        return words(offer, self.currency) if offer else "no offer"


def words(offer: Offer, currency: str) -> str:
    """`10 %` or `5.00 EUR`."""
    if offer.kind == "percent":
        return f"{offer.value.normalize():f} %"
    return f"{offer.value.quantize(CENT)} {currency}"


def smaller(listed: Iterable[str], offer: Offer) -> list[Offer]:
    """The offers of its kind that are not larger, the largest first."""
    offers = [one for name in listed if (one := offer_of(name)) and one.kind == offer.kind]
    fitting = [one for one in offers if one.value <= offer.value]
    return sorted(fitting, key=lambda one: one.value, reverse=True)


def size(ask: Ask, known: Known, s: DiscountsSettings) -> None:
    """The limits on how much: percent or amount, what the campaign lists, and the margin that must remain."""
    try:
        offer = ask.offer
    except InvalidInput:
        ask.put("no_offer", "", "What was asked is no offer.", breach=True)
        return
    if offer is None:
        return
    percent = offer.kind == "percent"
    most = Decimal(str(s.max_percent if percent else s.max_amount))
    if offer.value > most:
        limit = f"{most.normalize():f} %" if percent else f"{most.quantize(CENT)} {ask.currency}"
        said = f"{ask.words()} was asked; at most {limit} is allowed."
        ask.lower("max_percent" if percent else "max_amount", most, said, breach=True)
    elif ask.action.offer not in ask.listed:
        ask.lower("listed", offer.value, f"{ask.words()} is not an offer of this campaign.")
    offer = ask.offer
    if offer is None or not s.margin_floor:
        return
    share = known.cost_share
    if share is None and s.assumed_margin:
        share = 1 - s.assumed_margin / 100
    if share is None:
        return
    room = ONE - Decimal(str(share)) / (ONE - Decimal(str(s.margin_floor)) / HUNDRED)
    room = max(room, Decimal(0))
    most = room * HUNDRED if percent else room * expected_order(known, s)
    if offer.value > most:
        source = "assumed margin" if known.cost_share is None else "margin of what they bought"
        said = (
            f"{ask.words()} would leave less than {s.margin_floor:g} % of the price after cost; "
            f"by the {source} of {1 - share:.0%}, at most "
            f"{most.quantize(CENT, ROUND_DOWN)}{' %' if percent else ' ' + ask.currency} fits."
        )
        ask.lower("margin_floor", most, said)


def who(ask: Ask, known: Known, s: DiscountsSettings) -> None:
    """The limits on who: segments, and how many orders they have."""
    segment = known.features.get("trait:rfm.segment")
    orders = int(known.features.get("orders_count") or 0)
    if isinstance(segment, str) and segment.casefold() in {n.casefold() for n in s.never_segments}:
        ask.drop("never_segments", f"Customers of the segment {segment} never get an offer.")
    elif orders < s.min_orders:
        ask.drop("min_orders", f"They have {orders} orders; offers are for {s.min_orders} or more.")
    elif s.max_orders and orders > s.max_orders:
        ask.drop("max_orders", f"They have {orders} orders; offers are for at most {s.max_orders}.")


def often(ask: Ask, known: Known, s: DiscountsSettings, now: datetime) -> None:
    """The limits on how often: one open code, the cool-down, the ceiling."""
    if known.open_until is not None:
        ask.drop("open_code", f"They have a code that is valid until {known.open_until:%Y-%m-%d}.")
    elif known.last_at is not None and now - known.last_at < timedelta(days=s.cooldown_days):
        days = (now - known.last_at) / timedelta(days=1)
        ask.drop(
            "cooldown",
            f"Their last offer was {days:.0f} days ago; {s.cooldown_days:g} days lie between two.",
        )
    elif known.offers >= s.ceiling_offers:
        ask.drop(
            "ceiling",
            f"They had {known.offers} offers in {s.ceiling_days:g} days; "
            f"{s.ceiling_offers} are allowed.",
        )


def afford(ask: Ask, known: Known, s: DiscountsSettings, purse: Purse) -> Decimal:
    """The cost that is set aside; the offer shrinks to what today's and this month's budget bear."""
    offer = ask.offer
    assert offer is not None
    needed = cost(offer, known, s)
    short = purse.short(needed)
    if short is None:
        purse.take(needed)
        return needed
    fitting = [
        one for one in smaller(ask.listed, offer) if purse.short(cost(one, known, s)) is None
    ]
    said = (
        f"{ask.words()} may cost {needed:.2f} {ask.currency}; of the budget of the {short.kind} "
        f"({short.limit:.2f}) {max(purse.free(short), Decimal(0)):.2f} are left."
    )
    ask.lower(f"budget_{short.kind}", fitting[0].value if fitting else Decimal(0), said)
    offer = ask.offer
    needed = cost(offer, known, s) if offer is not None else Decimal(0)
    purse.take(needed)
    return needed


def cost(offer: Offer, known: Known, s: DiscountsSettings) -> Decimal:
    """What is set aside for an offer, in whole cents, rounded up. See the README."""
    if offer.kind == "amount":
        return offer.value.quantize(CENT, ROUND_UP)
    most = Decimal(str(s.max_order_value))
    order = most if s.reserve == "most" else min(expected_order(known, s), most)
    return (order * offer.value / HUNDRED).quantize(CENT, ROUND_UP)


def expected_order(known: Known, s: DiscountsSettings) -> Decimal:
    """What the customer's next order is expected to be: their average order, or what is assumed."""
    average = known.features.get("average_order_value")
    if isinstance(average, bool) or not isinstance(average, int | float) or not 0 < average < 1e9:
        average = s.assumed_order_value
    return Decimal(str(average))
