"""What a mail says of its offer, and the rule that no mail promises an offer that has ended."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from kernel.sdk import Verdict, offer_of
from plugins.discounts import repo
from plugins.discounts.limits import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, MessageVars, Outgoing
    from plugins.discounts.repo import Made

ALLOWED = Verdict(outcome="allowed")
NONE = {"offer_code": "", "offer_value": "", "offer_ends": ""}
_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
"""Spelt out: strftime follows the machine's language, the words of the mail do not."""


async def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> Sequence[MessageVars]:
    """`offer_code`, `offer_value` and `offer_ends`: empty in a mail without an offer."""
    made = await repo.made(ctx, [message.id for message in batch]) if batch else {}
    return [
        msgspec.structs.replace(one, slots=one.slots | _slots(ctx, message, made.get(message.id)))
        for message, one in zip(batch, values, strict=True)
    ]


def _slots(ctx: Context, message: Outgoing, made: Made | None) -> dict[str, str]:
    offer = offer_of(made.offer) if made is not None else None
    if made is None or offer is None:
        return NONE
    last = (made.expires_at - timedelta(seconds=1)).astimezone(ZoneInfo(ctx.tenant.timezone))
    return {
        "offer_code": made.code,
        "offer_value": words(offer, ctx.tenant.currency),
        "offer_ends": date_in_words(last, message.recipient.locale),
    }


def date_in_words(day: date, locale: str) -> str:
    """`29 June 2026`, in the language of the locale, or English."""
    language = locale[:2].lower()
    months = _MONTHS.get(language, _MONTHS["en"]).split()
    return f"{day.day}{'.' if language == 'de' else ''} {months[day.month - 1]} {day.year}"


async def judge(ctx: Context, stage: str, batch: Sequence[Outgoing]) -> Sequence[Verdict]:
    """`discounts.ended`: a message whose code is no longer valid is not sent."""
    if not batch:
        return []
    made = await repo.made(ctx, [message.id for message in batch])
    if not made:
        return [ALLOWED] * len(batch)
    over = Verdict(
        outcome="suppressed",
        rule="discounts.ended",
        reason="The offer in this mail has ended, so it would promise what is not so.",
    )
    return [
        ALLOWED if (one := made.get(message.id)) is None or one.valid(ctx.now) else over
        for message in batch
    ]
