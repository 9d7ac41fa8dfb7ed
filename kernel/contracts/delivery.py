"""From a decision to a mailbox: what is rendered, handed over, and answered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context

MessageState = Literal[
    "candidate",  # in the frozen audience, not yet decided
    "planned",  # decided to send; waits for approval, its time, or a worker
    "deferred",  # a rule said: not now; asked again at due_at
    "attempting",  # committed, under a lease, before the channel is called
    "accepted",
    "delivered",
    "bounced",
    "rejected",
    "unknown",  # the answer was ambiguous; settled by the channel, never sent again on a guess
    "skipped",  # decided not to send
    "held_out",
    "suppressed",
    "capped",
    "cancelled",  # by the merchant, or because the reason to write is gone
]


class Recipient(Frozen):
    """The customer as the rules and the channel see them at hand-over."""

    customer_id: int
    email: str | None
    first_name: str
    last_name: str
    country: str
    timezone: str
    locale: str
    email_consent: str
    consent_at: datetime | None
    consent_source: str
    orders_count: int
    last_order_at: datetime | None


class Rendered(Frozen):
    """One finished mail. Header values hold no line breaks; html and text are whole documents."""

    subject: str
    html: str
    text: str
    headers: dict[str, str]


class Outgoing(Frozen):
    """One message on its way: what rules judge and channels carry.

    `rendered` is None while planning and set at hand-over.
    """

    id: UUID
    campaign_id: UUID
    campaign_type: str
    customer_id: int
    step: int
    recipient: Recipient
    proposed_at: datetime
    rendered: Rendered | None = None


class MessageVars(Frozen):
    """What fills one mail's slots, and its extra headers. `template_vars` adds to it."""

    slots: dict[str, str | int | float | bool]
    headers: dict[str, str] = msgspec.field(default_factory=dict)


ReceiptState = Literal["accepted", "rejected", "retry", "unknown"]


class Receipt(Frozen):
    """A channel's answer for one message.

    accepted: the provider has it. rejected: it never will. retry: certainly not taken, try again
    later. unknown: it may or may not have been taken; it is never sent again on a guess.
    """

    message_id: UUID
    state: ReceiptState
    provider_id: str = ""
    reason: str = ""


OutcomeKind = Literal[
    "delivered", "bounced", "clicked", "ordered", "replied", "unsubscribed", "complained"
]


class Outcome(Frozen):
    """What came of a message. One of each kind a message; the first one stays."""

    message_id: UUID
    customer_id: int
    kind: OutcomeKind
    at: datetime
    detail: dict[str, str | int | float] = msgspec.field(default_factory=dict)


class Channel(Protocol):
    """A way out. Batch in, one receipt per message out; a missing receipt counts as unknown."""

    name: str

    async def send(self, ctx: Context, batch: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Hand over; runs outside any transaction of the kernel's (`ctx.transaction()` opens one).

        An exception makes every message of the batch unknown.
        """
        ...

    async def settle(self, ctx: Context, message_ids: Sequence[UUID]) -> Sequence[Receipt]:
        """What became of these unknown messages. Answer only what is certain: `accepted`, or
        `retry` where the provider certainly has nothing. Leave out the rest.
        """
        ...
