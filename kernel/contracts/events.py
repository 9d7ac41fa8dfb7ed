"""Events: what happened. Immutable, tagged, versioned; one row in the durable lane."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from kernel.contracts.base import Frozen
from kernel.contracts.tenancy import Autonomy


class Event(Frozen):
    """Base of every event. A subclass names its `type` and `version`, and is declared with
    the hook `event_types` so that it can be decoded again.
    """

    type: ClassVar[str]
    version: ClassVar[int] = 1

    occurred_at: datetime


class CustomerCreated(Event):
    """A customer became known by itself (not through the import of a history)."""

    type: ClassVar[str] = "customer.created"
    customer_id: int


class OrderPlaced(Event):
    """A customer placed an order now (not through the import of a history)."""

    type: ClassVar[str] = "order.placed"
    order_id: int
    customer_id: int | None
    amount: Decimal
    currency: str
    discount_codes: tuple[str, ...] = ()


class ConsentChanged(Event):
    """A customer's e-mail consent is now `state`."""

    type: ClassVar[str] = "consent.changed"
    customer_id: int
    state: str
    source: str


class ImportFinished(Event):
    """A file of history was read in: totals and traits may have changed for many customers."""

    type: ClassVar[str] = "import.finished"
    kind: str
    written: int


class ClockSet(Event):
    """The tenant's time was set by hand: what was computed for another time must be so again."""

    type: ClassVar[str] = "clock.set"


class CampaignProposed(Event):
    """A campaign waits for the merchant."""

    type: ClassVar[str] = "campaign.proposed"
    campaign_id: UUID
    campaign_type: str
    audience: int


class CampaignFinished(Event):
    """Nobody in the campaign waits, is deferred or unknown any more."""

    type: ClassVar[str] = "campaign.finished"
    campaign_id: UUID
    campaign_type: str


class MessagesAccepted(Event):
    """A channel took these messages: one event a hand-over, never one a message."""

    type: ClassVar[str] = "messages.accepted"
    campaign_id: UUID
    campaign_type: str
    message_ids: tuple[UUID, ...]
    customer_ids: tuple[int, ...]


class LinkFollowed(Event):
    """A person followed a link of a mail elsewhere than at our own addresses: as a provider that counts
    by itself tells, or a pretend shop.
    """

    type: ClassVar[str] = "link.followed"
    message_id: UUID
    customer_id: int
    url: str
    """Where it led, before anything was added to it."""


class AutonomyChanged(Event):
    """The engine is now trusted more or less, with a campaign type or (empty) with all of them."""

    type: ClassVar[str] = "autonomy.changed"
    campaign_type: str
    before: Autonomy
    after: Autonomy
    actor: str
    """Who changed it; `autonomy` when it was earned or lost by figures."""
    reason: str


class AutonomyDigest(Event):
    """What waits for the merchant this morning, and what was done without asking since yesterday."""

    type: ClassVar[str] = "autonomy.digest"
    ready: int
    """Campaigns that one click approves."""
    review: int
    """Campaigns that must be looked at."""
    approved: int
    """Campaigns that `autonomy` approved in the last 24 hours."""


KERNEL_EVENTS: tuple[type[Event], ...] = (
    CustomerCreated,
    OrderPlaced,
    ConsentChanged,
    ImportFinished,
    ClockSet,
    CampaignProposed,
    CampaignFinished,
    MessagesAccepted,
    LinkFollowed,
    AutonomyChanged,
    AutonomyDigest,
)
