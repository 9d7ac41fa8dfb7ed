"""The campaign type `winback`: whom it writes to and with which words."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from kernel.sdk import Audience, CampaignType, Copy, MessageVars, Where
from plugins.winback.rhythm import DUE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from kernel.sdk import Context, Outgoing

TONES = ("warm", "plain", "short")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
          "October", "November", "December")  # fmt: skip
"""Spelt out: strftime follows the machine's language, the words of the mail do not."""


def _copy(tone: str) -> Copy:
    source = resources.files(__package__).joinpath("templates", "winback", f"{tone}.toml")
    return msgspec.convert(tomllib.loads(source.read_text("utf-8")), Copy)


WINBACK = CampaignType(
    name="winback",
    title="Winback",
    purpose="Writes to customers who are overdue by their own rhythm, before they are gone.",
    audience=Audience(
        where=(Where(trait=DUE, op="<=", value="now"),),
        exclude_recent_days=90,
    ),
    copies={tone: _copy(tone) for tone in TONES},
    rationale="{{ audience }} customers have paused for much longer than they usually do.",
    confidence=0.6,
    priority=60,
    slots=("last_order",),
)


def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    """`values` with the slot `last_order` added to each winback mail; others are left as they are."""
    zone = ZoneInfo(ctx.tenant.timezone)
    return [
        msgspec.structs.replace(
            vars_,
            slots={
                **vars_.slots,
                "last_order": when(message.recipient.last_order_at, ctx.now, zone),
            },
        )
        if message.campaign_type == WINBACK.name
        else vars_
        for message, vars_ in zip(batch, values, strict=True)
    ]


def when(last: datetime | None, now: datetime, zone: tzinfo) -> str:
    """`in June`, or with its year when that could be mistaken: from ten months ago on."""
    if last is None:
        return "some time ago"
    local = last.astimezone(zone)
    year = f" {local.year}" if (now - last).days > 300 else ""
    return f"in {MONTHS[local.month - 1]}{year}"
