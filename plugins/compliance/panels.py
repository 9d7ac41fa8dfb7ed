"""What compliance shows on the page of a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel, Recipient, Unavailable, consent_history
from plugins.compliance import consent, suppression
from plugins.compliance.manifest import ComplianceSettings

if TYPE_CHECKING:
    from kernel.sdk import Context

STATES = {
    "subscribed": "Subscribed",
    "unsubscribed": "Unsubscribed",
    "pending": "Asked to confirm, not confirmed yet",
    "never": "Never subscribed",
    "unknown": "Unknown",
}
SAID = {
    "granted": "Agreed to mails",
    "withdrawn": "Unsubscribed",
    "pending": "Asked to confirm",
    "never": "Never subscribed",
    "tracking_granted": "Agreed to be tracked",
    "tracking_denied": "Refused to be tracked",
    "topic_off": "Left a topic alone",
    "topic_on": "Wants a topic again",
    "suppressed": "Put on the suppression list",
    "unsuppressed": "Taken off the suppression list",
    "erased": "Forgotten",
}
MOST = 50


async def state(ctx: Context, customer: Any) -> dict[str, Any] | None:
    """Consent as it is on record, and what follows from it today."""
    row = await ctx.db.fetchrow(
        """SELECT id AS customer_id, email, first_name, last_name, country, timezone, locale,
                  email_consent, consent_at, consent_source, orders_count, last_order_at
           FROM profiles_customer WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        customer.id,
    )
    if row is None:
        return None
    person = Recipient(**row)
    rules = ctx.settings(ComplianceSettings)
    try:
        listed = await suppression.listed(ctx, [person.email], rules.ignore_unreadable)
        verdict = consent.of_person(rules, person, listed.get(person.email or ""), ctx.now)
    except Unavailable as error:
        listed, verdict = {}, consent.no("unavailable", str(error))
    return {
        "state": STATES.get(person.email_consent, person.email_consent),
        "person": person,
        "listed": listed.get(person.email or ""),
        "suppressed": consent.SUPPRESSED,
        "verdict": verdict,
        "f": Formats(ctx),
        "history": (await consent_history(ctx, customer.id))[:MOST],
        "said": SAID,
    }


CONSENT = Panel(
    name="consent",
    title="Consent",
    place="customer",
    template="compliance/consent.html",
    data=state,
    order=10,
)
