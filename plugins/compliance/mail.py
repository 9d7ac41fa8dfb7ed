"""What a finished mail must hold, looked for in the mail itself and not in what made it.

Rules that stop one message. What all mails of a variant have in common is judged once (`frame`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kernel.sdk import Forbidden, is_ours, verify
from plugins.compliance import claims
from plugins.compliance.consent import ALLOWED, no
from plugins.compliance.facts import Closing, facts_of
from plugins.compliance.footer import PATH, PURPOSE
from plugins.compliance.frame import frame_of, shop_of
from plugins.compliance.laws import law_of
from plugins.compliance.manifest import ComplianceSettings

if TYPE_CHECKING:
    from kernel.sdk import Context, Outgoing, Recipient, Rendered, Verdict
    from plugins.compliance.facts import Facts
    from plugins.compliance.frame import Frame, Shop

ADDRESSES = re.compile(r"<([^<>]*)>")
REPLY = re.compile(
    r"^\s*(re|fwd?|aw|wg|antw|sv|vs|rv|tr|rif|odp|ynt)\s*(\[\d+\])?\s*:", re.IGNORECASE
)
"""A subject that pretends to answer or forward something, in the languages of mail programs."""
MOST_BYTES = 102 * 1024
"""Gmail clips what is longer."""


def judge(
    ctx: Context, message: Outgoing, shop: Shop | None = None, facts: Facts | None = None
) -> Verdict:
    """`allowed`, or `suppressed` by the first rule that the mail breaks.

    `shop` (`frame.shop_of`) and `facts` are the same for all messages of a batch. What the mail announces, and
    what must be looked up to judge it for good, is noted in `facts`.
    """
    facts = facts or facts_of(ctx)
    rendered = message.rendered
    if rendered is None:
        return no("rendered", "The mail was not rendered, so it could not be checked.")
    link, problem = list_unsubscribe(ctx, message, rendered)
    if problem:
        return no("list_unsubscribe", problem)
    frame = frame_of(shop or shop_of(ctx), rendered, link)
    if frame.fault is not None:
        return no(*frame.fault)
    found = (
        link_and_address(ctx, rendered, link)
        or size(rendered)
        or pixel(frame, message.recipient)
        or subject(rendered)
        or claim(frame, rendered, facts)
        or promotion(frame, message, rendered)
        or (sensitive(ctx, frame) if frame.said.sensitive else None)
    )
    if found is not None:
        return no(*found)
    if frame.said.closing:
        code, value, ends = (str(rendered.slots.get(name, "")) for name in claims.OFFER)
        facts.closing[message.id] = Closing(frame.said.closing, value, code, ends)
    return ALLOWED


def fault(ctx: Context, message: Outgoing) -> str | None:
    """A sentence about the first thing the mail lacks; None when it may go out."""
    verdict = judge(ctx, message)
    return None if verdict is ALLOWED else verdict.reason


def list_unsubscribe(ctx: Context, message: Outgoing, rendered: Rendered) -> tuple[str, str]:
    """RFC 8058 and 2369, asked by Gmail and Yahoo: the link of the header, and what is wrong with it."""
    headers = {name.lower(): value for name, value in rendered.headers.items()}
    if headers.get("list-unsubscribe-post", "").strip() != "List-Unsubscribe=One-Click":
        return "", "The header List-Unsubscribe-Post is missing or wrong."
    found = ADDRESSES.findall(headers.get("list-unsubscribe", ""))
    links = [url for url in found if not url.lower().startswith("mailto:")]
    if len(links) != 1 or not is_ours(ctx, links[0], "compliance", PATH):
        return "", "The header List-Unsubscribe does not hold exactly one safe link of ours."
    link = links[0]
    try:
        value = verify(ctx, PURPOSE, link.rpartition("/")[2])
    except Forbidden:
        value = b""
    if value != message.id.bytes:
        return "", "The unsubscribe link does not belong to this message."
    return link, ""


def link_and_address(ctx: Context, rendered: Rendered, link: str) -> tuple[str, str] | None:
    """CAN-SPAM 15 USC 7704(a)(3), (5); CASL s. 6(2): the link in the words is this message's, the address
    the shop's. That they can be seen is said of the frame.
    """
    if link not in rendered.text:
        return "visible_link", "The text shows no unsubscribe link."
    shown = rendered.slots.get("unsubscribe_url", link)
    if shown != link:
        return "visible_link", "The mail shows another unsubscribe link than its header."
    address = rendered.slots.get("postal_address")
    if address is not None and address != ctx.tenant.postal_address:
        return "postal_address", "The mail shows another postal address than the shop's."
    return None


def size(rendered: Rendered) -> tuple[str, str] | None:
    """CAN-SPAM 15 USC 7704(a)(5): an opt-out that is cut off cannot be read."""
    page = rendered.html
    if len(page) * 4 > MOST_BYTES and len(page.encode()) > MOST_BYTES:
        return (
            "size",
            "The HTML is larger than 102 KB: Gmail would cut it, with the unsubscribe link.",
        )
    return None


def pixel(frame: Frame, person: Recipient) -> tuple[str, str] | None:
    """No open pixel without a consent: ePrivacy Art. 5(3), CNIL 12 March 2026, Garante 284/2026."""
    if frame.pixel and not may_track(person):
        return (
            "tracking",
            "The mail holds an open pixel, and the customer did not agree to be tracked.",
        )
    return None


def may_track(person: Recipient) -> bool:
    """Whether opens may be tied to this person: ePrivacy Art. 5(3) asks for a consent of its own."""
    if person.tracking_consent == "unknown":
        return law_of(person.country).tracking == "opt_out"
    return person.tracking_consent == "granted"


def subject(rendered: Rendered) -> tuple[str, str] | None:
    """CAN-SPAM 15 USC 7704(a)(2): a subject that says something, and answers nothing that was not
    written.
    """
    if not rendered.subject.strip():
        return "subject", "The subject is empty."
    if REPLY.match(rendered.subject):
        return "subject", "The subject looks like an answer to a mail, which this is not."
    return None


def claim(frame: Frame, rendered: Rendered, facts: Facts) -> tuple[str, str] | None:
    """Washington CEMA, UWG s. 5, UCPD Art. 6: what is claimed stands in a slot. Where no slots are known,
    the frame has no claims.
    """
    if not frame.said.claims:
        return None
    # What a template wrote bears nothing out, though it fills a slot.
    template = rendered.links.keys() - {"link"}
    slots = {name: value for name, value in rendered.slots.items() if name not in template}
    for one in frame.said.claims:
        if not claims.backed(one, slots, facts):
            return one.rule, claims.sentence(one, facts)
    return None


def promotion(frame: Frame, message: Outgoing, rendered: Rendered) -> tuple[str, str] | None:
    """CAN-SPAM 16 CFR 316.3: promotion makes a transactional mail a commercial one."""
    if not message.transactional:
        return None
    word = frame.said.promotion
    if word or any(rendered.slots.get(name) for name in claims.OFFER):
        said = f" (“{word}”)" if word else ""
        return "promotion", f"A mail that was asked for may not advertise{said}."
    return None


def sensitive(ctx: Context, frame: Frame) -> tuple[str, str] | None:
    """GDPR Art. 9, UCPD Annex I no. 28: health, religion, politics and children are for a person to look
    at.
    """
    allowed = ctx.settings(ComplianceSettings).sensitive_topics
    for topic, said in frame.said.sensitive:
        if topic not in allowed:
            return "sensitive", f"The mail speaks of {topic} (“{said}”): for a person to look at."
    return None
