"""What is posted to `/v3/mail/send`: one recipient a request, or many who share a variant's mail.

Built with SendGrid's own helpers, whose traps are: several addresses in one `to` see each other, and
`add_personalization` puts each in front of the last.
"""

from __future__ import annotations

import html
import itertools
from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
from sendgrid.helpers.mail import (
    Category,
    ClickTracking,
    CustomArg,
    From,
    Ganalytics,
    Header,
    Mail,
    MailSettings,
    OpenTracking,
    Personalization,
    ReplyTo,
    SandBoxMode,
    SubscriptionTracking,
    Substitution,
    To,
    TrackingSettings,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Outgoing, Rendered, Tenant

SMALL = 20
"""Fewer recipients who share a mail than this have a request each."""
SUBSTITUTIONS = 10_000
"""Bytes of substitutions that SendGrid takes for one recipient."""
OURS = frozenset(
    (
        "x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type",
        "content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc",
    )
)  # fmt: skip
"""Headers that SendGrid sets by itself and refuses from us."""


def parts(batch: Sequence[Outgoing], group_size: int) -> list[list[Outgoing]]:
    """The messages by request. Those in one request share their variant's mail, their consent to
    tracking, their campaign and where a reply goes; no address is in it twice.

    Args:
        batch: messages with an address and a mail.
        group_size: recipients a request at most.
    """
    shared: dict[tuple[Any, ...], list[Outgoing]] = defaultdict(list)
    alone: list[list[Outgoing]] = []
    seen: set[tuple[Any, ...]] = set()
    for message in batch:
        key = _group(message) if group_size > 1 else None
        address = (key, (message.recipient.email or "").lower())
        if key is None or address in seen:
            alone.append([message])
            continue
        seen.add(address)
        shared[key].append(message)
    done: list[list[Outgoing]] = []
    for members in shared.values():
        if len(members) < SMALL:
            alone.extend([one] for one in members)
            continue
        count = -(-len(members) // group_size)
        # Equal shares: no request of three after one of a hundred.
        bounds = [len(members) * i // count for i in range(count + 1)]
        done.extend(members[a:b] for a, b in itertools.pairwise(bounds))
    return done + alone


def body(tenant: Tenant, part: Sequence[Outgoing], sandbox: bool = False) -> bytes:
    """The request for one part, as JSON."""
    return msgspec.json.encode(_mail(tenant, part, sandbox))


def substitutions(rendered: Rendered) -> dict[str, str]:
    """Mark -> what stands in its place for this recipient; empty where nothing is shared."""
    if rendered.shared is None:
        return {}
    found: dict[str, str] = {}
    for mark, (slot, escaped) in rendered.shared.marks.items():
        value = str(rendered.slots[slot])
        found[mark] = html.escape(value) if escaped else value
    return found


def _mail(tenant: Tenant, part: Sequence[Outgoing], sandbox: bool) -> dict[str, Any]:
    first = part[0].rendered
    assert first is not None
    shared = first.shared if len(part) > 1 else None
    source = shared or first
    sender = tenant.sender
    reply_to = _reply_to(first) or sender.reply_to
    # Not by the helper: it searches every mail for API keys, and takes `https://msg.shop.example` for one.
    texts = (("text/plain", source.text), ("text/html", source.html))
    return {
        **_envelope(sender.email, sender.name, reply_to, str(part[0].campaign_id), sandbox),
        "personalizations": [
            _recipient(tenant, message, shared is not None).get() for message in part
        ],
        "subject": source.subject,
        "content": [{"type": kind, "value": text} for kind, text in texts if text],
    }


@lru_cache(maxsize=256)
def _envelope(
    email: str, name: str, reply_to: str | None, category: str, sandbox: bool
) -> dict[str, Any]:
    """What all mails of a campaign have in common. Never change it: it is the next mail's too."""
    mail = Mail(from_email=From(email, name))
    if reply_to:
        mail.reply_to = ReplyTo(reply_to)
    mail.add_category(Category(category))
    mail.tracking_settings = _no_tracking()
    if sandbox:
        mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(True))
    envelope: dict[str, Any] = mail.get()
    return envelope


def _recipient(tenant: Tenant, message: Outgoing, shares: bool) -> Personalization:
    rendered = message.rendered
    assert rendered is not None
    one = Personalization()
    # The address alone: names are nobody's business there, and some characters in them are refused.
    # Set and not passed: the helper reads `x <y@z>` out of what it is passed, and posts to y.
    to = To()
    to.email = message.recipient.email
    one.add_to(to)
    for name, value in rendered.headers.items():
        if name.lower() not in OURS:
            one.add_header(Header(name, value))
    one.add_custom_arg(CustomArg("ae_message", str(message.id)))
    one.add_custom_arg(CustomArg("ae_tenant", tenant.id))
    if shares:
        for mark, value in substitutions(rendered).items():
            one.add_substitution(Substitution(mark, value))
    return one


def _group(message: Outgoing) -> tuple[Any, ...] | None:
    """What it must have in common with others to share a request; None: it cannot share one."""
    rendered = message.rendered
    if rendered is None or rendered.shared is None:
        return None
    marks = rendered.shared.marks
    values = substitutions(rendered)
    if len(msgspec.json.encode(values)) > SUBSTITUTIONS:
        return None
    # A value that holds a mark might be substituted again.
    text = "\0".join(values.values())
    if any(mark in text for mark in marks):
        return None
    consent = message.recipient.tracking_consent
    return (rendered.shared.key, consent, message.campaign_id, _reply_to(rendered))


def _reply_to(rendered: Rendered) -> str:
    for name, value in rendered.headers.items():
        if name.lower() == "reply-to":
            return value
    return ""


def _no_tracking() -> TrackingSettings:
    """Links, opens and unsubscribing are ours: SendGrid changes nothing in the mail."""
    return TrackingSettings(
        click_tracking=ClickTracking(False, False),
        open_tracking=OpenTracking(False),
        subscription_tracking=SubscriptionTracking(False),
        ganalytics=Ganalytics(False),
    )
