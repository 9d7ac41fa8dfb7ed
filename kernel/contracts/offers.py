"""Offers: a discount by percent or by amount. An action names one, such as `percent/10`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, Protocol, get_args
from uuid import UUID

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context

OfferKind = Literal["percent", "amount"]


class Offer(Frozen):
    """A discount on one order."""

    kind: OfferKind
    value: Decimal
    """Percent, over 0 and at most 100; or an amount in the tenant's currency."""

    @property
    def name(self) -> str:
        """`percent/10`, `amount/7.5`: the one spelling of this offer."""
        return f"{self.kind}/{self.value.normalize():f}"


def offer_of(name: str) -> Offer | None:
    """The offer of this name; None for the empty name.

    Raises:
        InvalidInput: it is no offer.
    """
    if not name:
        return None
    kind, _, number = name.partition("/")
    try:
        value = Decimal(number)
    except InvalidOperation:
        value = Decimal(0)
    if kind not in get_args(OfferKind) or not value.is_finite() or value <= 0 or len(name) > 24:
        raise InvalidInput(f"{name!r} is no offer.", "Write percent/10 or amount/5.")
    if kind == "percent" and value > 100:
        raise InvalidInput(f"{name!r} is more than everything.", "At most percent/100.")
    return Offer(kind=kind, value=value)  # type: ignore[arg-type]


class Code(Frozen):
    """A discount code for one customer, made for one message."""

    code: str
    offer: str
    message_id: UUID
    customer_id: int
    campaign_id: UUID
    campaign_type: str
    reserved: Decimal
    """What is set aside for it, in the tenant's currency."""
    expires_at: datetime
    combines: bool = False
    """Whether it may be combined with other discounts of the shop."""


class CodeBook(Protocol):
    """Where codes are kept so that a shop honours them. Called in the transaction that decides."""

    name: str

    async def issue(self, ctx: Context, codes: Sequence[Code]) -> set[UUID]:
        """Keep the codes; returns the messages whose code stands. The others get no offer."""
        ...

    async def withdraw(self, ctx: Context, codes: Sequence[str], state: str, reason: str) -> None:
        """From now on these are not honoured: `expired` or `withdrawn`."""
        ...
