"""May this person be written to? Pure judgement over consent, evidence and suppression."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.sdk import Suppressed, Verdict
from plugins.compliance.laws import law_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Outgoing, Recipient
    from plugins.compliance.manifest import ComplianceSettings

ALLOWED = Verdict(outcome="allowed")
MONTH = timedelta(days=30.44)
ADDRESS = re.compile(r"""[^\s<>",;:\\()\[\]@]+@(?=[^@]*[^.@]\.[^.@])[^\s<>",;:\\()\[\]@]+""")
LIFTED_BY_CONSENT = ("unsubscribed", "erased")
"""Reasons that the person's own, later consent overrules. The others stay until someone acts."""
INQUIRY = re.compile(
    r"inquiry|enquiry|contact[ _-]?form|back[ _-]?in[ _-]?stock|quote", re.IGNORECASE
)
"""Sources that are a question and no subscription."""
STATES = {
    "unsubscribed": "The customer unsubscribed.",
    "pending": "The customer has not yet confirmed the subscription.",
    "never": "The customer never subscribed.",
}
SUPPRESSED = {
    "unsubscribed": "The customer unsubscribed",
    "complained": "The customer reported a mail as spam",
    "bounced": "Mail to this address came back",
    "erased": "The customer asked to be forgotten",
    "manual": "The address was put on the suppression list",
}

SUPPRESSED_TOPIC = {"unsubscribed": "The customer does not want mails of this kind"}


def judge(
    rules: ComplianceSettings, message: Outgoing, listed: Sequence[Suppressed], now: datetime
) -> Verdict:
    """`allowed`, or `suppressed` with the first reason that stands in the way of this message.

    Args:
        rules: what the merchant chose.
        message: what is to be sent, and to whom.
        listed: the entries of the address on the suppression list.
        now: the time of judging.
    """
    if message.transactional:
        return asked_for(message.recipient, everything(listed))
    verdict = of_person(rules, message.recipient, everything(listed), now)
    if verdict is not ALLOWED or not listed:
        return verdict
    return topic(message, listed)


def asked_for(person: Recipient, listed: Suppressed | None) -> Verdict:
    """CAN-SPAM 15 USC 7702(17): mail that was asked for needs no subscription, and an unsubscription
    does not end it. A complaint, a bounce, an erasure or the merchant's word does.
    """
    if not person.email:
        return no("no_address", "There is no e-mail address.")
    if not plausible(person.email):
        return no("bad_address", "The e-mail address is not one that mail can be sent to.")
    if listed is not None and listed.reason != "unsubscribed":
        return no("suppression", f"{SUPPRESSED[listed.reason]} on {listed.at:%Y-%m-%d}.")
    return ALLOWED


def everything(listed: Sequence[Suppressed]) -> Suppressed | None:
    """The entry that stops all mail."""
    return next((entry for entry in listed if not entry.topic), None)


def topic(message: Outgoing, listed: Sequence[Suppressed]) -> Verdict:
    """GDPR Art. 21(2), and what the preference centre promised: a topic left alone stays so."""
    for entry in listed:
        if entry.topic and entry.topic == message.topic:
            said = SUPPRESSED_TOPIC.get(entry.reason, SUPPRESSED[entry.reason])
            return no("topic", f"{said} ({entry.topic}) on {entry.at:%Y-%m-%d}.")
    return ALLOWED


def of_person(
    rules: ComplianceSettings, person: Recipient, listed: Suppressed | None, now: datetime
) -> Verdict:
    """The same for any mail: nothing is said of topics."""
    if not person.email:
        return no("no_address", "There is no e-mail address.")
    if not plausible(person.email):
        return no("bad_address", "The e-mail address is not one that mail can be sent to.")
    if listed is not None and not _lifted(person, listed):
        return no("suppression", f"{SUPPRESSED[listed.reason]} on {listed.at:%Y-%m-%d}.")
    if person.email_consent != "subscribed":
        if _soft_opt_in(rules, person, now):
            return ALLOWED
        return no("consent", STATES.get(person.email_consent, "Nothing is known about consent."))
    law = law_of(person.country)
    if law.inquiry_months and only_asked(person):
        at = person.consent_at
        if at is None or now - at > law.inquiry_months * MONTH:
            months = law.inquiry_months
            return no(
                "implied", f"Only asked a question, more than {months} months ago ({law.name})."
            )
    if person.country.upper() not in rules.lenient_countries and not evident(person):
        where = f"in {person.country}" if person.country else "where the country is unknown"
        return no(
            "evidence",
            f"Consent is on record, but not {missing(person)}, which is needed {where}.",
        )
    if rules.require_wording and lacks_wording(rules, person):
        return no("wording", "It is not recorded to which words the customer agreed.")
    return ALLOWED


def lacks_wording(rules: ComplianceSettings, person: Recipient) -> bool:
    """GDPR Art. 7(1): to show that somebody agreed is to show what to."""
    return not person.consent_wording and person.country.upper() not in rules.lenient_countries


def only_asked(person: Recipient) -> bool:
    """Whether all that is on record is a question to the shop: CASL s. 10(10)(e), not a consent."""
    return INQUIRY.search(person.consent_source) is not None


def no(rule: str, reason: str) -> Verdict:
    """The verdict that this message must not go out."""
    return Verdict(outcome="suppressed", rule=f"compliance.{rule}", reason=reason)


def evident(person: Recipient) -> bool:
    """Whether it is recorded when and where consent was given."""
    return person.consent_at is not None and bool(person.consent_source.strip())


def missing(person: Recipient) -> str:
    """`when`, `where` or `when and where`: what the record of consent lacks."""
    lacks = [
        *(["when"] if person.consent_at is None else []),
        *(["where"] if not person.consent_source.strip() else []),
    ]
    return f"{' and '.join(lacks)} it was given"


def plausible(email: str) -> bool:
    """Whether this could be one address: no spaces, lists, comments or line breaks."""
    return len(email) <= 254 and email.isprintable() and ADDRESS.fullmatch(email) is not None


def _lifted(person: Recipient, listed: Suppressed) -> bool:
    return (
        listed.reason in LIFTED_BY_CONSENT
        and person.email_consent == "subscribed"
        and evident(person)
        and person.consent_at is not None
        and person.consent_at > listed.at
    )


def _soft_opt_in(rules: ComplianceSettings, person: Recipient, now: datetime) -> bool:
    return (
        rules.soft_opt_in
        and law_of(person.country).existing_customers
        and person.email_consent in ("never", "unknown")
        and person.orders_count > 0
        and person.last_order_at is not None
        and now - person.last_order_at
        <= min(rules.soft_opt_in_months, law_of(person.country).purchase_months) * MONTH
    )
