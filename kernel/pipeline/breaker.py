"""What stops a campaign by itself: too many bounces or complaints among what was accepted of it.

The rule: at least `LEAST` of them, and as many percent of the accepted as the tenant's `sending` allows.
One complaint among ten mails is bad luck; three are a reason to look. After a person resumed the campaign,
only what comes from then on counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Sending

LEAST = 3

# Bounces are few among a campaign's rows, and complaints few among the tenant's outcomes: each count
# begins where there are few.
_BAD = """
SELECT (SELECT count(*) FROM pipeline_message m
        JOIN pipeline_outcome o ON o.tenant_id = m.tenant_id AND o.message_id = m.id
          AND o.kind = 'bounced' AND o.detail ->> 'hard' = '1'
        WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.state = 'bounced') AS bounces,
       (SELECT count(*) FROM pipeline_outcome o
        JOIN pipeline_message m ON m.tenant_id = o.tenant_id AND m.id = o.message_id
        WHERE o.tenant_id = $1 AND o.kind = 'complained' AND m.campaign_id = $2) AS complaints
"""
# Whether a rate is reached can be seen without counting a million rows: no further than `LIMIT`.
_ACCEPTED = """
SELECT count(*) FROM (SELECT FROM pipeline_message WHERE tenant_id = $1 AND campaign_id = $2
  AND state IN ('accepted', 'delivered', 'bounced') LIMIT $3) m
"""
_FORGIVEN = """
SELECT forgiven_accepted AS accepted, forgiven_bounces AS bounces, forgiven_complaints AS complaints
FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2
"""
_EVERYONE = 2**31 - 1
_COMPLAINTS = (
    "were reported as spam",
    "Mailbox providers put all mail of such senders into spam. Ask yourself what people expected",
)
_BOUNCES = (
    "came back because the address does not exist",
    "Mailbox providers block senders who write to such addresses. Look at where they come from",
)


class Tally(Frozen):
    """What came of a campaign's mails; bounces are those for good."""

    accepted: int
    bounces: int
    complaints: int


async def tally(ctx: Context, campaign_id: UUID) -> Tally:
    """All of the campaign, counted."""
    bad = await ctx.db.fetchrow(_BAD, ctx.tenant.id, campaign_id)
    accepted = await ctx.db.fetchval(_ACCEPTED, ctx.tenant.id, campaign_id, _EVERYONE)
    return Tally(accepted=accepted, bounces=bad["bounces"], complaints=bad["complaints"])


async def judge(ctx: Context, campaign_id: UUID) -> str:
    """A sentence for the merchant where the campaign must stop now, else empty."""
    bad = await ctx.db.fetchrow(_BAD, ctx.tenant.id, campaign_id)
    if max(bad["bounces"], bad["complaints"]) < LEAST:
        return ""
    before = Tally(**await ctx.db.fetchrow(_FORGIVEN, ctx.tenant.id, campaign_id))
    since = Tally(
        accepted=0,
        bounces=bad["bounces"] - before.bounces,
        complaints=bad["complaints"] - before.complaints,
    )
    if max(since.bounces, since.complaints) < LEAST:
        return ""
    enough = before.accepted + int(_harmless(ctx.tenant.sending, since)) + 1
    accepted = await ctx.db.fetchval(_ACCEPTED, ctx.tenant.id, campaign_id, enough)
    counted = Tally(
        accepted=max(1, accepted - before.accepted),
        bounces=since.bounces,
        complaints=since.complaints,
    )
    return sentence(ctx.tenant.sending, counted)


def _harmless(sending: Sending, since: Tally) -> float:
    """Among more accepted mails than this, as many bounces and complaints stop nothing."""
    return max(
        100 * since.bounces / sending.max_bounces, 100 * since.complaints / sending.max_complaints
    )


def sentence(sending: Sending, since: Tally) -> str:
    """Why a campaign with these numbers stops; empty where it does not."""
    for count, limit, (what, why) in (
        (since.complaints, sending.max_complaints, _COMPLAINTS),
        (since.bounces, sending.max_bounces, _BOUNCES),
    ):
        if count >= LEAST and 100 * count >= limit * since.accepted:
            percent = 100 * count / since.accepted
            return (
                f"Stopped by itself: {count:,} of {since.accepted:,} mails ({percent:.2g} %) {what}; "
                f"a campaign stops at {limit:g} %. {why}, then resume: it goes on where it stopped."
            )
    return ""


async def forgive(ctx: Context, campaign_id: UUID) -> None:
    """What happened up to now does not stop the campaign again: a person decided to go on."""
    now = await tally(ctx, campaign_id)
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET forgiven_accepted = $3, forgiven_bounces = $4,
             forgiven_complaints = $5 WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        now.accepted,
        now.bounces,
        now.complaints,
    )
