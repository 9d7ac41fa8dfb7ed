"""Two rules at hand-over: the sender can prove who it is, and the mailbox provider still listens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.sdk import Verdict, mailbox_of
from plugins.deliverability import repo
from plugins.deliverability.checks import asked
from plugins.deliverability.manifest import DeliverabilitySettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Outgoing

ALLOWED = Verdict(outcome="allowed")
FRESH = timedelta(hours=24)
"""How long a check counts before it is made again."""
TRUSTED = timedelta(hours=72)
"""How long what was good is believed while the DNS is silent: an outage must not stop a shop."""
AGAIN = timedelta(hours=1)
AGAIN_PAUSED = timedelta(hours=6)
NEEDED = ("alignment", "dmarc")
PAGE = "See the page of the Deliverability plugin"


async def judge(ctx: Context, stage: str, batch: Sequence[Outgoing]) -> list[Verdict]:
    """One verdict per message, in their order; at most two queries, whatever the size of the batch.

    Only at hand-over, since what is wrong now may be right when the mail goes. What the outbox keeps
    leaves nobody's server, so nothing is asked of it.
    """
    if stage == "plan" or all(message.channel == "outbox" for message in batch):
        return [ALLOWED] * len(batch)
    problem = await unproved(ctx)
    denied = problem and Verdict(
        outcome="deferred",
        rule="deliverability.authentication",
        reason=problem,
        until=ctx.now + AGAIN,
    )
    pauses = {
        one.mailbox: Verdict(
            outcome="deferred",
            rule="deliverability.paused",
            reason=one.reason,
            until=ctx.now + AGAIN_PAUSED,
        )
        for one in await repo.paused(ctx)
    }
    return [
        ALLOWED
        if message.channel == "outbox"
        else denied or pauses.get(mailbox_of(message.recipient.email), ALLOWED)
        for message in batch
    ]


async def unproved(ctx: Context) -> str:
    """Why nothing may leave, in a sentence with what to do; empty when it may."""
    if not ctx.settings(DeliverabilitySettings).require_authentication:
        return ""
    domain = asked(ctx).sender
    known = {one.what: one for one in await repo.checks(ctx) if one.subject == domain}
    missing = [what for what in NEEDED if what not in known]
    if missing:
        return (
            f"The DNS records of {domain} have not been checked yet. That happens by itself within "
            f"a quarter of an hour. {PAGE} to check now."
        )
    for what in NEEDED:
        one = known[what]
        if one.ok_at is None and one.state == "bad":
            return f"{one.words} {PAGE} for the record to add."
        if one.ok_at is None or one.ok_at <= ctx.now - TRUSTED:
            return (
                f"The DNS of {domain} has not answered for too long, so nobody knows whether mail "
                f"can arrive. {PAGE} to check again."
            )
    return ""
