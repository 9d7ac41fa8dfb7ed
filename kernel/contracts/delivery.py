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


TrackingConsent = Literal["unknown", "granted", "denied"]
Mailbox = Literal["gmail", "yahoo", "microsoft", "apple", "other"]
"""Who keeps a recipient's mailbox, as far as its domain tells: each counts complaints by itself."""

MAILBOXES: dict[str, Mailbox] = {
    "gmail.com": "gmail", "googlemail.com": "gmail",
    "yahoo.com": "yahoo", "ymail.com": "yahoo", "rocketmail.com": "yahoo", "aol.com": "yahoo",
    "outlook.com": "microsoft", "hotmail.com": "microsoft", "live.com": "microsoft",
    "msn.com": "microsoft", "icloud.com": "apple", "me.com": "apple", "mac.com": "apple",
}  # fmt: skip
_NATIONAL: dict[str, Mailbox] = {
    "yahoo": "yahoo", "hotmail": "microsoft", "outlook": "microsoft", "live": "microsoft",
}  # fmt: skip


def mailbox_of(email: str | None) -> Mailbox:
    """Who keeps the mailbox of an address: that of `anna@yahoo.de` is `yahoo`."""
    domain = (email or "").rpartition("@")[2].strip().lower()
    return MAILBOXES.get(domain) or _NATIONAL.get(domain.partition(".")[0], "other")


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
    consent_wording: str = ""
    """Which version of the words the customer agreed to, where that is recorded."""
    tracking_consent: TrackingConsent = "unknown"
    """Whether opens may be tied to this person: asked apart from consent to the mails themselves."""


class Shared(Frozen):
    """What all mails of one variant have in common: the mail with a mark where each value stands.

    One object for all of them, so that channels may group messages by `key`.
    """

    key: str
    """Digest of all that follows."""
    subject: str
    html: str
    text: str
    marks: dict[str, tuple[str, bool]]
    """Mark -> (slot, whether its value stands escaped for HTML there)."""


class Rendered(Frozen):
    """One finished mail. Header values hold no line breaks; html and text are whole documents."""

    subject: str
    html: str
    text: str
    headers: dict[str, str]
    slots: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    """What filled the slots: what a rule may hold the words against."""
    shared: Shared | None = None
    """The same mail before its slots were filled; None where it cannot be shared. `substitutions`
    (kernel.sdk) gives what to put in place of its marks.
    """
    template: str = ""
    """Digest of the frozen template this was made from."""
    links: dict[str, str] = msgspec.field(default_factory=dict)
    """Slot of a link -> where it leads, as it was written, with `{{ slots }}` in it and before
    `mail_links` rewrote it. The same for all mails of a variant.
    """


class MailLinks(Frozen):
    """The addresses in one mail. Those that unsubscribe are not among them."""

    links: dict[str, str]
    """Slot -> the final address: `link` of the button, `home_link` of the name at the top, `link_1`,
    `link_2`, … of the others in the page, in their order; equal addresses have one slot.
    """
    pixel: str = ""
    """An image that tells of an open; only for those who agreed to be tracked."""
    honeypot: str = ""
    """A link no person sees: who follows it is a scanner."""


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
    variant: str = ""
    topic: str = "offers"
    """What the customer can leave alone and still get the rest (`CampaignType.topic`)."""
    transactional: bool = False
    """Sent because the customer asked for just this (such as to confirm a subscription): no promotion."""
    channel: str = ""
    """By which channel it goes; empty while that is not known."""


class Finding(Frozen):
    """One thing that is wrong with a finished mail, and what to do about it."""

    severity: Literal["block", "warn"]
    """`block` stops the approval, `warn` is told."""
    rule: str
    sentence: str
    advice: str


class Findings(Frozen):
    """All that is wrong with one mail."""

    found: tuple[Finding, ...] = ()


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
    retry_at: datetime | None = None
    """For `retry`: when to ask again, where the provider said so."""
    halt: str = ""
    """A sentence for the merchant when nothing can be sent at all (a key that is not accepted): all
    sending of the tenant stops until a person resumes it.
    """


class Difference(Frozen):
    """Something of which the ledger and the provider do not say the same."""

    kind: Literal["missing", "stranger", "twice", "state"]
    """missing: accepted, and the provider knows nothing of it. stranger: the provider has it and the
    ledger does not say so. twice: the provider has it more than once. state: it fared differently.
    """
    detail: str
    message_id: UUID | None = None


OutcomeKind = Literal[
    "delivered", "bounced", "clicked", "ordered", "replied", "unsubscribed", "complained"
]


class Outcome(Frozen):
    """What came of a message. One of each kind a message; the first one stays.

    A bounce says in `detail` whether it is for good, `{"hard": 1}`, and in the provider's words why,
    as `reason`.
    """

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

    async def reconcile(
        self, ctx: Context, since: datetime, until: datetime
    ) -> Sequence[Difference]:
        """Where the provider's book and the ledger differ, about messages attempted in this time.
        Called once a day, outside any transaction; empty where the provider keeps no book.
        """
        ...
