"""The two rules: not too often, and not at night."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.sdk import Verdict
from plugins.cadence.hours import Hours, next_allowed, zone
from plugins.cadence.manifest import CadenceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context, Outgoing

ALLOWED = Verdict(outcome="allowed")
AGAIN = timedelta(minutes=10)
"""When to ask again about a second mail in the same batch: the ledger knows the first one by then."""

# What has been handed over, or may have been; of every campaign but those that customers asked for.
MAILED = """
SELECT m.customer_id, count(*) FILTER (WHERE m.attempted_at > $3) AS mails, max(m.attempted_at) AS last_at
FROM pipeline_message m JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
WHERE m.tenant_id = $1 AND m.customer_id = ANY($2::bigint[]) AND m.attempted_at > $4
  AND m.state IN ('attempting', 'accepted', 'delivered', 'unknown') AND NOT k.urgent
GROUP BY m.customer_id
"""


async def judge(ctx: Context, stage: str, batch: Sequence[Outgoing]) -> list[Verdict]:
    """One verdict per message, in their order. The night is asked about at hand-over only: when a
    campaign is planned, nobody knows yet at which hour it will be approved.
    """
    rules = ctx.settings(CadenceSettings)
    verdicts = await too_often(ctx, rules, batch)
    if stage != "handover":
        return verdicts
    hours = Hours.of(rules)
    return [
        at_night(ctx, hours, message)
        if verdict is ALLOWED and not message.transactional
        else verdict
        for message, verdict in zip(batch, verdicts, strict=True)
    ]


async def too_often(
    ctx: Context, rules: CadenceSettings, batch: Sequence[Outgoing]
) -> list[Verdict]:
    """`capped` for those whose window is full or who had a mail a moment ago."""
    window = ctx.now - timedelta(days=rules.window_days)
    gap = ctx.now - timedelta(hours=rules.min_hours)
    rows = await ctx.db.fetch(
        MAILED, ctx.tenant.id, [message.customer_id for message in batch], window, min(window, gap)
    )
    mailed = {row["customer_id"]: row for row in rows}
    seen: Counter[int] = Counter()
    verdicts = []
    for message in batch:
        if message.transactional:  # asked for: it is neither counted nor capped
            verdicts.append(ALLOWED)
            continue
        row = mailed.get(message.customer_id)
        verdict = ALLOWED if row is None else _capped(rules, gap, row["mails"], row["last_at"])
        if verdict is ALLOWED and seen[message.customer_id]:
            verdict = Verdict(
                outcome="deferred",
                rule="cadence.one_at_a_time",
                reason="Another mail to the same customer goes out at this moment.",
                until=ctx.now + AGAIN,
            )
        seen[message.customer_id] += 1
        verdicts.append(verdict)
    return verdicts


def _capped(rules: CadenceSettings, gap: datetime, mails: int, last_at: datetime) -> Verdict:
    if mails >= rules.max_mails:
        return Verdict(
            outcome="capped",
            rule="cadence.max_mails",
            reason=f"Already had {_count(mails)} in {rules.window_days:g} days; "
            f"the most is {rules.max_mails}.",
        )
    if last_at > gap:
        return Verdict(
            outcome="capped",
            rule="cadence.min_hours",
            reason=f"Had a mail less than {rules.min_hours:g} hours ago.",
        )
    return ALLOWED


def _count(mails: int) -> str:
    return "1 mail" if mails == 1 else f"{mails} mails"


def at_night(ctx: Context, hours: Hours, message: Outgoing) -> Verdict:
    """`deferred` to the next hour that is allowed where the customer lives."""
    local = zone(message.recipient.timezone, ctx.tenant.timezone)
    until = next_allowed(ctx.now, local, hours)
    if until == ctx.now:
        return ALLOWED
    return Verdict(
        outcome="deferred",
        rule="cadence.quiet_hours",
        reason=f"It is {ctx.now.astimezone(local):%H:%M on %A} in {local.key}; "
        f"goes out from {until.astimezone(local):%H:%M on %A}.",
        until=until,
    )
