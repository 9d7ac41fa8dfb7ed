"""What every mail is given: why it comes, who it is from, and how to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kernel.sdk import MessageVars, public_url, sign
from plugins.compliance.manifest import ComplianceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, tzinfo

    from kernel.sdk import Context, Outgoing, Recipient

PURPOSE = "compliance/unsubscribe"
PATH = "u/"
PREFERENCES = "compliance/preferences"
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
SUBSCRIBED = {
    "en": "You receive this e-mail because you subscribed to news from {shop}{when}.",
    "de": "Sie erhalten diese E-Mail, weil Sie{when} Neuigkeiten von {shop} abonniert haben.",
    "fr": "Vous recevez cet e-mail car vous avez souscrit aux nouvelles de la boutique {shop}{when}.",
}
CUSTOMER = {
    "en": "You receive this e-mail because you are a customer of {shop}.",
    "de": "Sie erhalten diese E-Mail, weil Sie Kundin oder Kunde von {shop} sind.",
    "fr": "Vous recevez cet e-mail car vous êtes cliente ou client de la boutique {shop}.",
}
ON = {"en": " on ", "de": " am ", "fr": " le "}


def link(ctx: Context, message: Outgoing) -> str:
    """The address that unsubscribes the reader of this message. It never expires."""
    return public_url(ctx, "compliance", PATH + sign(ctx, PURPOSE, message.id.bytes))


def preferences(ctx: Context, message: Outgoing) -> str:
    """The address at which the reader of this message chooses what comes. It never expires."""
    return public_url(ctx, "compliance", "p/" + sign(ctx, PREFERENCES, message.id.bytes))


def mailbox(url: str, host: str) -> str:
    """`, <mailto:u+TOKEN@host>`: the same token by mail (RFC 2369); empty without a host."""
    return f", <mailto:u+{url.rpartition('/')[2]}@{host}>" if host else ""


def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    """`values` with the footer's slots and the headers of RFC 2369 and RFC 8058 added."""
    tenant = ctx.tenant
    shop = tenant.brand.name or tenant.name
    zone = ZoneInfo(tenant.timezone)
    host = ctx.settings(ComplianceSettings).unsubscribe_mailbox
    filled = []
    for message, vars_ in zip(batch, values, strict=True):
        url = link(ctx, message)
        filled.append(
            MessageVars(
                slots={
                    **vars_.slots,
                    "unsubscribe_url": url,
                    "preferences_url": preferences(ctx, message),
                    "postal_address": tenant.postal_address,
                    "sender_name": tenant.sender.name,
                    "footer_reason": reason(message.recipient, shop, zone),
                },
                headers={
                    **vars_.headers,
                    "List-Unsubscribe": f"<{url}>{mailbox(url, host)}",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
            )
        )
    return filled


def reason(person: Recipient, shop: str, zone: tzinfo) -> str:
    """Why this person gets this mail, in one true sentence in their language, else in English; the date
    is that of the shop's zone.
    """
    language = person.locale[:2].lower()
    language = language if language in MONTHS else "en"
    if person.email_consent != "subscribed":
        return CUSTOMER[language].format(shop=shop)
    when = ""
    if person.consent_at:
        when = ON[language] + spelt(person.consent_at.astimezone(zone), language)
    return SUBSCRIBED[language].format(shop=shop, when=when)


def spelt(day: datetime, language: str) -> str:
    """`3 March 2026`. Not by strftime, which follows the machine's language."""
    month = MONTHS[language].split()[day.month - 1]
    return f"{day.day}{'.' if language == 'de' else ''} {month} {day.year}"
