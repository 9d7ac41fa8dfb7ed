"""The campaign type `reengage`: whom it asks, and with which words."""

from __future__ import annotations

from kernel.sdk import Audience, CampaignType, Where, read_copies
from plugins.reengage.silence import SINCE

REENGAGE = CampaignType(
    name="reengage",
    title="Reengage",
    purpose="Asks subscribers who have long been silent whether they still want mail. Writing on to "
    "people who never react spoils your name with the mailboxes of everybody else.",
    audience=Audience(
        where=(Where(trait=SINCE, op="<=", value="now"),),
        # Once a year: who does not answer has answered.
        exclude_recent_days=365,
    ),
    copies=read_copies(__package__, "templates/reengage"),
    offers=("percent/15",),
    brief=(
        "The reader agreed to mail long ago and has since neither ordered nor clicked. Ask one honest question: do they "
        "still want this mail? A yes is a click on the button, a no is the link at the foot of the mail; both are "
        "all right. Do not plead, do not reproach, do not say that they are missed. Sell nothing. An offer, where there "
        "is one, is a thank-you for staying."
    ),
    rationale="{{ audience }} subscribers have neither ordered nor clicked for very long.",
    confidence=0.55,
    priority=80,
    send_within_days=7.0,
)
