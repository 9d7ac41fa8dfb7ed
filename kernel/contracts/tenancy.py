"""Who is who: resellers, tenants, and what a merchant chose."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from kernel.contracts.base import Frozen

Slug = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[a-z][a-z0-9-]{1,39}$",
        description="2 to 40 lower-case letters, digits or dashes, beginning with a letter",
    ),
]
Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}$", description="#rrggbb")]
Autonomy = Literal["manual", "one_click", "automatic"]


class Brand(Frozen):
    """How a tenant or reseller looks and speaks: name, two colours, a logo, and a voice."""

    name: str = ""
    colour: Colour = "#1f4d3a"
    accent: Colour = "#c8553d"
    logo_url: Annotated[str, msgspec.Meta(pattern=r"^(https://.*|data:image/.*)?$")] = ""
    website: Annotated[str, msgspec.Meta(pattern=r"^(https?://.*)?$")] = ""
    voice: Annotated[str, msgspec.Meta(max_length=500)] = ""
    """In a few words, how the shop speaks to customers: for whoever writes its mails."""


class Sender(Frozen):
    """Who the mail is from."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=70, pattern=r"^[^\r\n<>\",;]+$")]
    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s<>\",;]+@[^@\s<>\",;]+\.[^@\s<>\",;]+$")]
    reply_to: Annotated[str, msgspec.Meta(pattern=r"^([^@\s<>]+@[^@\s<>]+\.[^@\s<>]+)?$")] = ""
    link_host: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9-]+(\.[a-z0-9-]+)+)?$")] = ""
    """The shop's own host for links in mails, such as `mail.shop.example`, pointed at this
    installation. Empty: links begin with the installation's own address.
    """


class Sending(Frozen):
    """How fast mail goes out, and what stops it. Percentages are of messages accepted."""

    rate_per_hour: Annotated[int, msgspec.Meta(ge=0)] = 0
    """At most so many messages an hour; 0: as fast as the channel takes them."""
    warmup_from: Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    """The first day of a new sending domain, YYYY-MM-DD: what it may send grows from day to day."""
    ramp_from: Annotated[int, msgspec.Meta(ge=0)] = 1000
    """Campaigns with so many messages or more go out in waves of 1 %, 10 % and the rest; 0: none."""
    wave_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 30
    """How long to wait between waves for bounces and complaints."""
    max_bounces: Annotated[float, msgspec.Meta(gt=0, le=100)] = 5.0
    """Hard bounces, in percent, at which a campaign stops."""
    max_complaints: Annotated[float, msgspec.Meta(gt=0, le=100)] = 0.25
    """Complaints, in percent, at which a campaign stops."""
    local_hour: Annotated[int, msgspec.Meta(ge=-1, le=23)] = -1
    """The hour of the customer's own day at which campaigns go out; -1: as soon as approved."""
    unknown_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 72
    """After so long without a sign of it, an unknown message counts as failed."""


class Reseller(Frozen):
    """The white-label partner that owns tenants."""

    id: Slug
    name: str
    brand: Brand = Brand()


class Tenant(Frozen):
    """One merchant's shop, as it stands in the database."""

    id: str
    reseller_id: str
    name: str
    timezone: str
    currency: str
    country: str
    sender: Sender
    postal_address: str
    brand: Brand = Brand()
    autonomy: Autonomy = "manual"
    holdout_percent: float = 5.0
    sending: Sending = Sending()
    clock_at: datetime | None = None
    halted_at: datetime | None = None
    halted_reason: str = ""
    plugins: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """Settings, as plain data, of each plugin the tenant enabled."""
