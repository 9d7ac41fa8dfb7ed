"""What claims are held against besides the slots of their mail: made once for a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from kernel.sdk import Context


class Product(NamedTuple):
    """What the catalogue says of a title."""

    title: str
    prices: frozenset[Decimal]
    """Of all its SKUs that are on sale."""
    currency: str
    state: Literal["on sale", "sold out", "withdrawn"]
    """Withdrawn: every SKU is archived or a draft."""


class Closing(NamedTuple):
    """A mail that says its offer is about to end."""

    said: str
    offer: str
    code: str
    ends: str
    """As the slot says."""


@dataclass(slots=True)
class Facts:
    """The time, the catalogue as far as it was asked for, and what the mails of this batch announce."""

    now: datetime
    """The hour, in the tenant's zone."""
    currency: str = ""
    products: Mapping[str, Product] = field(default_factory=dict)
    """Title, as words in lower case with single spaces -> product."""
    asked: set[str] = field(default_factory=set)
    """Words with a price that no slot holds: whether they name a product must be looked up."""
    closing: dict[UUID, Closing] = field(default_factory=dict)


def facts_of(ctx: Context) -> Facts:
    """The facts before anything was looked up."""
    hour = ctx.now.astimezone(ZoneInfo(ctx.tenant.timezone))
    return Facts(hour.replace(minute=0, second=0, microsecond=0), ctx.tenant.currency)
