"""The campaign type `welcome`: whom it greets and with which words."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Audience, CampaignType, Copy, MessageVars, Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Outgoing

TONES = ("warm", "plain")
EVER = 36_500.0
"""A hundred years of days: nobody is welcomed twice."""


def _copy(tone: str) -> Copy:
    source = resources.files(__package__).joinpath("templates", "welcome", f"{tone}.toml")
    return msgspec.convert(tomllib.loads(source.read_text("utf-8")), Copy)


WELCOME = CampaignType(
    name="welcome",
    title="Welcome",
    purpose="Greets new customers once and says what to expect, so that the next mail is expected.",
    audience=Audience(
        where=(Where(field="days_since_created", op="<=", value=14),),
        exclude_recent_days=EVER,
    ),
    copies={tone: _copy(tone) for tone in TONES},
    rationale="{{ audience }} customers came in the last two weeks and have had no welcome yet.",
    confidence=0.8,
    # A greeting is worth little when it comes third: it goes before everything else.
    priority=10,
    slots=("opening",),
)


def fill(batch: Sequence[Outgoing], values: Sequence[MessageVars]) -> list[MessageVars]:
    """`values` with the slot `opening` added to each welcome mail; others are left as they are."""
    return [
        msgspec.structs.replace(
            vars_, slots={**vars_.slots, "opening": opening(message.recipient.orders_count)}
        )
        if message.campaign_type == WELCOME.name
        else vars_
        for message, vars_ in zip(batch, values, strict=True)
    ]


def opening(orders_count: int) -> str:
    """The first sentence: what we thank for."""
    if orders_count == 0:
        return "Thank you for signing up."
    if orders_count == 1:
        return "Thank you for your first order with us."
    return "Thank you for your orders with us."
