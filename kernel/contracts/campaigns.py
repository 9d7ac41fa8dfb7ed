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
    """tone -> words. The deciders choose among these tones."""
    rationale: str = "{{ audience }} customers match."
    """A sentence with the slots `audience`, `shop_name` and those of the settings."""
    confidence: float = 0.5
    hour: int = 6
    priority: int = 50
    """When several could write to one customer on a day, the lower number goes first."""
    slots: tuple[str, ...] = ()
    """Slots of its own that its plugin fills in `template_vars`."""
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
