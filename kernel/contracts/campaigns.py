"""What a plugin can propose: a campaign type, whom it is for, and what it says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.profiles import Audience

CampaignStatus = Literal[
    "deciding",  # the audience is frozen; decisions are being made
    "waiting",  # decided; waits for the merchant
    "sending",  # approved: messages go out as they fall due
    "paused",  # the merchant stopped it; it can go on
    "finished",
    "rejected",
    "cancelled",
]


class Copy(Frozen):
    """The words of one variant. Each text may hold slots, `{{ first_name }}`, which are filled
    per customer in a sandbox; an unknown slot is refused when the copy is saved.
    """

    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=150)]
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]
    """Paragraphs, divided by an empty line. Plain text: markup is shown, not obeyed."""
    preheader: Annotated[str, msgspec.Meta(max_length=200)] = ""
    heading: Annotated[str, msgspec.Meta(max_length=200)] = ""
    button: Annotated[str, msgspec.Meta(max_length=60)] = ""
    link: Annotated[str, msgspec.Meta(max_length=500)] = "{{ shop_url }}"


class CampaignType(Frozen):
    """A kind of campaign that a plugin offers. Facts only: the kernel does the work.

    Every day, at the tenant's `hour`, the kernel proposes a campaign for the customers that meet
    `audience`; where there are none, it proposes nothing.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    title: str
    purpose: str
    """One sentence a merchant reads: what it does for the shop."""
    audience: Audience
    copies: dict[str, Copy]
    """Variant -> words. A variant is a tone, or tone, `offer` and language with dots between:
    `friendly`, `friendly.offer`, `friendly.de`, `friendly.offer.de`. The deciders choose among the tones.
    """
    offers: tuple[str, ...] = ()
    """The offers that deciders may ask for, such as `percent/10`; made only where a guardrail grants."""
    brief: str = ""
    """For who writes the copy: what the mail must achieve and what it must not say."""
    rationale: str = "{{ audience }} customers match."
    """A sentence with the slots `audience`, `shop_name` and those of the settings."""
    confidence: float = 0.5
    hour: int = 6
    priority: int = 50
    """When several could write to one customer on a day, the lower number goes first."""
    slots: tuple[str, ...] = ()
    """Slots of its own that its plugin fills in `template_vars`."""
    page_slots: tuple[str, ...] = ()
    """More of them, for its template alone: words cannot hold them. Where one may be empty, the template
    has a block of its name.
    """
    topic: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z_]{1,29}$")] = "offers"
    """What a customer may leave alone and still get the rest: `news`, `offers`, `recommendations`."""
    transactional: bool = False
    """The customer asked for just this mail (such as to confirm a subscription). It needs no approval,
    nobody is held out of it, and it carries no promotion.
    """
    every_minutes: Annotated[int, msgspec.Meta(ge=0, le=720)] = 0
    """How often it is proposed, from `hour` on; 0: once a day."""
    send_within_days: float = 7.0
    """A message that could not go out for so long is given up as suppressed: `expired`."""


class Campaign(Frozen):
    """One proposed run of a campaign type, as deciders and channels see it."""

    id: UUID
    key: str
    campaign_type: str
    plugin: str
    title: str
    status: CampaignStatus
    proposed_at: datetime


class Brief(Frozen):
    """What a copywriter is told of one variant. Holds nothing of a customer."""

    campaign: Campaign
    variant: str
    kind: CampaignType
    fallback: Copy
    """The campaign type's own words: what is used when nobody writes better ones."""
    tone: str
    segment: str = ""
    """A customer segment (`rfm.segment`), or empty for everybody."""
    language: str = "en"
    offer: bool = False
    """Whether everybody who gets this variant gets an offer, in the offer's slots."""
    offer_ends: bool = False
    """Whether that offer really ends; else nothing may sound urgent."""
    slots: tuple[str, ...] = ()
    """The slots that may be used."""


class Written(Frozen):
    """Copy for one variant, and what it took to write it. `copy` None: none, `fallback` says why."""

    copy: Copy | None
    model: str = ""
    prompt_hash: str = ""
    tokens: int = 0
    cost_micros: int = 0
    fallback: str = ""
