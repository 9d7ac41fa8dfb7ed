"""Double opt-in: who signed up is asked by mail, once for each sign-up, and is subscribed when they press the button."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from kernel.sdk import (
    Audience,
    CampaignType,
    ConsentChanged,
    Forbidden,
    Frozen,
    MailLimit,
    MessageVars,
    Verdict,
    public_url,
    read_copies,
    set_consent,
    sign,
    verify,
)
from plugins.compliance import suppression
from plugins.compliance.consent import ALLOWED, STATES, SUPPRESSED, no, plausible
from plugins.compliance.manifest import ComplianceSettings
from plugins.compliance.unsubscribe import UNDO_SOURCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Event, Outgoing, Recipient, Suppressed

PURPOSE = "compliance/confirm"
PATH = "d/"
SOURCE = "double opt-in"
WORDING = "compliance/confirm/1"
"""The words of the mail and its page, with their version: raise it when they change."""
VALID = timedelta(days=30)
LIMITS = (MailLimit(mails=1, days=1.0), MailLimit(mails=3, days=30.0))
"""How often one person is asked at most: anybody can sign up a stranger's address, again and again. Who signs
up beyond it is asked as soon as there is room, while the sign-up is not too old.
"""
SETTLED = timedelta(hours=1)
"""After so long a sign-up has reached `hold`, or stands on the health board as undelivered."""
CONFIRMED = re.compile(r"(?<!un)confirmed|double[ _-]?opt|preference cent", re.IGNORECASE)
"""Sources of a subscription that its owner confirmed already."""
REASON = {
    "en": "You receive this e-mail once, because this address was signed up at {shop}.",
    "de": "Sie erhalten diese E-Mail einmal, weil diese Adresse bei {shop} angemeldet wurde.",
    "fr": "Vous recevez cet e-mail une seule fois, car cette adresse a été inscrite chez {shop}.",
}

CONFIRM = CampaignType(
    name="confirm",
    title="Confirmation of a subscription",
    topic="news",
    purpose="Asks who signed up to confirm it, so that only the owner of an address can subscribe it.",
    audience=Audience(
        consent="pending",
        consent_within_days=float(VALID.days),
        once_a_consent=True,
        exclude_recent_days=0,
        limits=LIMITS,
    ),
    copies=read_copies(__package__, "templates/confirm"),
    rationale="{{ audience }} customers signed up and have not confirmed it yet.",
    confidence=1.0,
    hour=0,
    priority=1,
    slots=("confirm_url",),
    transactional=True,
    every_minutes=5,
    send_within_days=2.0,
)


class Asked(Frozen):
    """Who was asked to confirm, as they stand now."""

    message_id: UUID
    customer_id: int
    email: str
    locale: str
    state: str
    consent_at: datetime | None
    consent_source: str
    asked_at: datetime


# --- the mail ---------------------------------------------------------------------------------------


def link(ctx: Context, message: Outgoing) -> str:
    """The address that confirms: for 30 days from the proposal, for this message and address only."""
    until = int((message.proposed_at + VALID).timestamp())
    value = message.id.bytes + until.to_bytes(8, "big") + _of(message.recipient.email or "")
    return public_url(ctx, "compliance", PATH + sign(ctx, PURPOSE, value))


def fill(
    ctx: Context, batch: Sequence[Outgoing], values: Sequence[MessageVars]
) -> list[MessageVars]:
    """`values` with the link and the true reason in each of these mails; others are left as they are."""
    shop = ctx.tenant.brand.name or ctx.tenant.name
    filled = []
    for message, vars_ in zip(batch, values, strict=True):
        one = vars_
        if message.campaign_type == CONFIRM.name:
            told = REASON.get(message.recipient.locale[:2].lower(), REASON["en"])
            own = {"confirm_url": link(ctx, message), "footer_reason": told.format(shop=shop)}
            one = msgspec.structs.replace(vars_, slots={**vars_.slots, **own})
        filled.append(one)
    return filled


def judge(person: Recipient, listed: Sequence[Suppressed]) -> Verdict:
    """Whether this person may be asked: pending, and on the suppression list only for what came before."""
    if not person.email or not plausible(person.email):
        return no("bad_address", "There is no e-mail address that mail can be sent to.")
    for one in listed:
        if not one.topic and not _overruled(one, person.consent_at):
            return no("suppression", f"{SUPPRESSED[one.reason]} on {one.at:%Y-%m-%d}.")
    if person.email_consent == "pending":
        return ALLOWED
    if person.email_consent == "subscribed":
        return no("consent", "The customer is subscribed: there is nothing left to confirm.")
    return no("consent", STATES.get(person.email_consent, "Nothing is known about consent."))


# --- the link ---------------------------------------------------------------------------------------


async def asked(ctx: Context, token: str) -> Asked | None:
    """Who was asked with this link; None when forged, too old, or meant for another address."""
    try:
        value = verify(ctx, PURPOSE, token)
    except Forbidden:
        return None
    if len(value) != 32 or int.from_bytes(value[16:24], "big") < ctx.now.timestamp():
        return None
    row: Any = await ctx.db.fetchrow(
        """SELECT m.id AS message_id, c.id AS customer_id, c.email, c.locale,
             c.email_consent AS state, c.consent_at, c.consent_source, m.created_at AS asked_at
           FROM pipeline_message m
           JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
           WHERE m.tenant_id = $1 AND m.id = $2""",
        ctx.tenant.id,
        UUID(bytes=value[:16]),
    )
    if row is None or row["email"] is None or _of(row["email"]) != value[24:]:
        return None
    return Asked(**row)


async def confirm(ctx: Context, token: str) -> Literal["confirmed", "stays"] | None:
    """Subscribe who was asked, in the caller's transaction; None where the link is none of ours.

    `confirmed` also where they are subscribed already; `stays` where they unsubscribed meanwhile.
    """
    found = await asked(ctx, token)
    if found is None:
        return None
    await ctx.db.execute(
        "SELECT FROM profiles_customer WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        ctx.tenant.id,
        found.customer_id,
    )
    who = await asked(ctx, token)
    if who is None:
        return None
    if who.state == "subscribed":
        return "confirmed"
    listed = (await suppression.listed(ctx, [who.email], ignore_unreadable=True)).get(who.email)
    if who.state != "pending" or (listed and not _overruled(listed, who.consent_at)):
        return "stays"
    # Just after the sign-up: a shop's clock may stand still.
    at = ctx.now
    if who.consent_at is not None:
        at = max(at, who.consent_at + timedelta(microseconds=1))
    evidence = {
        "message_id": str(who.message_id),
        "asked_at": who.asked_at.isoformat(),
        "signed_up_at": who.consent_at.isoformat() if who.consent_at else "",
        "signed_up_source": who.consent_source,
    }
    await set_consent(
        ctx, who.customer_id, "subscribed", SOURCE, at,
        wording=WORDING, basis="double_opt_in", evidence=evidence,
    )  # fmt: skip
    return "confirmed"


# --- sign-ups that need it --------------------------------------------------------------------------


def since(ctx: Context) -> datetime | None:
    """From when on subscriptions are to be confirmed; None: they are not."""
    day = ctx.settings(ComplianceSettings).double_opt_in_from
    if not day:
        return None
    return datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(ctx.tenant.timezone)).astimezone(UTC)


def fresh(ctx: Context, person: Recipient, since: datetime) -> Verdict | None:
    """Too new a subscription to count: `hold` may not have been told of it yet. Else None."""
    at = person.consent_at
    if at is None or at < max(since, ctx.now - SETTLED):
        return None
    rules = ctx.settings(ComplianceSettings)
    if person.country.upper() not in rules.double_opt_in or _known(person.consent_source):
        return None
    return Verdict(
        outcome="deferred",
        rule="compliance.fresh",
        reason="The sign-up is not an hour old, and whether it was confirmed is being looked at.",
        until=at + SETTLED,
    )


async def hold(ctx: Context, events: Sequence[Event]) -> None:
    """Turn unconfirmed subscriptions of the countries named into `pending`, with their own time."""
    rules, first = ctx.settings(ComplianceSettings), since(ctx)
    if first is None:
        return
    for event in events:
        if not isinstance(event, ConsentChanged):
            continue
        if event.state != "subscribed" or event.occurred_at < first or _known(event.source):
            continue
        row = await ctx.db.fetchrow(
            """SELECT consent_at, consent_source, consent_wording FROM profiles_customer
               WHERE tenant_id = $1 AND id = $2 AND email_consent = 'subscribed'
                 AND upper(country) = ANY($3::text[]) AND consent_at >= $4 FOR UPDATE""",
            ctx.tenant.id,
            event.customer_id,
            list(rules.double_opt_in),
            first,
        )
        if row is not None and not _known(row["consent_source"]):
            await set_consent(
                ctx, event.customer_id, "pending", row["consent_source"], row["consent_at"],
                wording=row["consent_wording"],
            )  # fmt: skip


def _known(source: str) -> bool:
    return source == UNDO_SOURCE or CONFIRMED.search(source) is not None


def _overruled(listed: Suppressed, signed_up: datetime | None) -> bool:
    """Only an unsubscription, by a later sign-up: whoever typed an address in proves nothing more."""
    return listed.reason == "unsubscribed" and signed_up is not None and signed_up > listed.at


def _of(email: str) -> bytes:
    return hashlib.sha256(email.strip().lower().encode()).digest()[:8]
