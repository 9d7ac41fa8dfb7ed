"""What every mail is given: why it comes, who it is from, and how to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.sdk import MessageVars, public_url, sign

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Outgoing, Recipient

PURPOSE = "compliance/unsubscribe"
PATH = "u/"


def link(ctx: Context, message: Outgoing) -> str:
    """The address that unsubscribes the reader of this message. It never expires."""
    return public_url(ctx, "compliance", PATH + sign(ctx, PURPOSE, message.id.bytes))


def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    """`values` with the footer's slots and the headers of RFC 2369 and RFC 8058 added."""
    tenant = ctx.tenant
    shop = tenant.brand.name or tenant.name
    filled = []
    for message, vars_ in zip(batch, values, strict=True):
        url = link(ctx, message)
        filled.append(
            MessageVars(
                slots={
                    **vars_.slots,
                    "unsubscribe_url": url,
                    "postal_address": tenant.postal_address,
                    "sender_name": tenant.sender.name,
                    "footer_reason": reason(message.recipient, shop),
                },
                headers={
                    **vars_.headers,
                    "List-Unsubscribe": f"<{url}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
            )
        )
    return filled


def reason(person: Recipient, shop: str) -> str:
    """Why this person gets this mail, in one true sentence."""
    if person.email_consent != "subscribed":
        return f"You receive this e-mail because you are a customer of {shop}."
    when = f" on {person.consent_at:%Y-%m-%d}" if person.consent_at else ""
    return f"You receive this e-mail because you subscribed to news from {shop}{when}."
