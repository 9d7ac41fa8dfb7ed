"""The campaign type `winback`: whom it writes to and with which words."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from kernel.sdk import Audience, CampaignType, MessageVars, Where, read_copies
from plugins.winback.rhythm import DUE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from kernel.sdk import Context, Outgoing

MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December"),
    "de": ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
           "Oktober", "November", "Dezember"),
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
           "octobre", "novembre", "décembre"),
}  # fmt: skip
"""Spelt out: strftime follows the machine's language, the words of the mail do not."""
IN = {"en": "in", "de": "im", "fr": "en"}
SOME_TIME = {"en": "some time ago", "de": "vor einiger Zeit", "fr": "il y a quelque temps"}


WINBACK = CampaignType(
    name="winback",
    title="Winback",
    purpose="Writes to customers who are overdue by their own rhythm, before they are gone.",
    audience=Audience(
        where=(Where(trait=DUE, op="<=", value="now"),),
        exclude_recent_days=90,
    ),
    copies=read_copies(__package__, "templates/winback"),
    offers=("percent/10", "percent/15"),
    brief=(
        "The reader bought here before and has paused for much longer than they usually do. Bring them back "
        "to the shop: say hello, say when they last ordered ({{ last_order }}), offer help. Do not "
        "reproach them, do not say that they are missed, and do not guess why they stayed away. An offer "
        "is named once, plainly, with its code and its end."
    ),
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
                "last_order": when(
                    message.recipient.last_order_at, ctx.now, zone, message.recipient.locale
                ),
            },
        )
        if message.campaign_type == WINBACK.name
        else vars_
        for message, vars_ in zip(batch, values, strict=True)
    ]


def when(last: datetime | None, now: datetime, zone: tzinfo, locale: str = "") -> str:
    """`in June`, or with its year when that could be mistaken: from ten months ago on. In the language
    of the locale where we speak it, else in English.
    """
    language = locale[:2].lower()
    if language not in MONTHS:
        language = "en"
    if last is None:
        return SOME_TIME[language]
    local = last.astimezone(zone)
    year = f" {local.year}" if (now - last).days > 300 else ""
    return f"{IN[language]} {MONTHS[language][local.month - 1]}{year}"
