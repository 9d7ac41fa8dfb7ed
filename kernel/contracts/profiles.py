"""Customers as plugins see them, and the small language that says who an audience is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen

ConsentState = Literal["subscribed", "unsubscribed", "pending", "never", "unknown"]
SuppressionReason = Literal["unsubscribed", "complained", "bounced", "erased", "manual"]

TrackingState = Literal["granted", "denied"]
ConsentBasis = Literal["express", "double_opt_in", "soft_opt_in", "imported"]
"""On what a yes rests: said here and now, confirmed by a link, given with a purchase, or told by the
shop's history.
"""
ConsentKind = Literal[
    "granted",
    "withdrawn",
    "pending",
    "never",
    "tracking_granted",
    "tracking_denied",
    "topic_off",
    "topic_on",
    "suppressed",
    "unsuppressed",
    "erased",
]


class Suppressed(Frozen):
    """Why and since when an address is on the suppression list."""

    reason: SuppressionReason
    at: datetime
    topic: str = ""
    """Of which mails; empty: of all."""
    message_id: UUID | None = None
    """Of ours, through which it came about."""
    was: str | None = None
    """The consent on record before; None where there was none, or nobody may know any more."""


class Customer(Frozen):
    """A profile: identity, consent, order totals. Money is in the tenant's currency."""

    id: int
    external_id: str
    email: str | None
    first_name: str
    last_name: str
    country: str
    timezone: str
    locale: str
    tags: tuple[str, ...]
    email_consent: ConsentState
    consent_at: datetime | None
    consent_source: str
    orders_count: int
    total_spent: Decimal
    first_order_at: datetime | None
    last_order_at: datetime | None
    created_at: datetime


class Trait(Frozen):
    """One named, dated, versioned fact about a customer, written by a plugin."""

    customer_id: int
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]+\.[a-z0-9_]+$")]
    value: Any
    """JSON: a number, a string, a boolean, or an ISO date-time string."""


Field = Literal[
    "orders_count",
    "total_spent",
    "days_since_order",
    "days_since_first_order",
    "days_since_created",
    "days_since_mail",
]


class Where(Frozen):
    """One condition on a customer: a field, or a trait of a numeric or date-time value.

    Days are whole and fractional days before the tenant's now. A customer for whom the value does
    not exist (no order yet, no such trait) does not meet the condition, unless `or_missing`.
    """

    field: Field | None = None
    trait: str | None = None
    op: Literal["<", "<=", "=", ">=", ">"] = ">="
    value: float | str | Literal["now"] = 0
    """A number; a string to compare a trait with; or "now" for a trait that holds a date-time."""
    or_missing: bool = False


class MailLimit(Frozen):
    """At most so many mails of one campaign type to one customer in so many days."""

    mails: Annotated[int, msgspec.Meta(ge=1)]
    days: Annotated[float, msgspec.Meta(gt=0)]


class Audience(Frozen):
    """Who could be written to: customers that meet every condition.

    Consent is not a condition: who may not be written to is counted as suppressed, in the open.
    """

    where: tuple[Where, ...] = ()
    consent: ConsentState | None = None
    """Only those in this state of consent; for types that ask for one."""
    consent_within_days: float = 0.0
    """And only where it was said so recently; 0: whenever. What is dated in the future has not been said yet."""
    once_a_consent: bool = False
    """Leaves out customers who stood in the ledger for this campaign type since they said so."""
    exclude_recent_days: float = 30.0
    """Leaves out customers who stood in the ledger for this campaign type so recently."""
    limits: tuple[MailLimit, ...] = ()
    """Leaves out customers who had as many mails of this campaign type, each limit by itself. A mail that
    still waits counts as had.
    """
