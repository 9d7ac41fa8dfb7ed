"""What does not stop a mail and should be known: warnings of a campaign, opt-outs honoured late."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.sdk import Panel, tell_health
from plugins.compliance.laws import LAWS, UNKNOWN, US
from plugins.compliance.manifest import MANIFEST, ComplianceSettings
from plugins.compliance.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernel.sdk import Context, Tenant

SOON = timedelta(hours=1)
DAYS = 30
YESTERDAY = timedelta(hours=25)
"""What a daily job looks back on: a day has an hour more where the clocks are put back."""
MONTH = 30
"""Days of a law that names none: GDPR Art. 12(3) allows a month for whatever a person asks."""
NO_REPLY = re.compile(
    r"^(?:no|do-?not|nicht|ne-?pas)[-_.]?(?:reply|antworten|repondre)", re.IGNORECASE
)
SENT = ("planned", "deferred", "attempting", "accepted", "delivered")

_PEOPLE = """
SELECT count(*) FILTER (WHERE upper(c.country) = ANY($3) AND c.email_consent <> 'subscribed') AS adverts,
  count(*) FILTER (WHERE c.consent_wording = '' AND upper(c.country) <> ALL($4::text[])) AS wordless
FROM pipeline_message m JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.state = ANY($5)
"""
# Opt-outs that were made before we heard of them, and mails that were accepted in between.
_LATE = """
SELECT count(DISTINCT e.seq) AS late, max(e.recorded_at - e.occurred_at) AS longest,
  count(DISTINCT m.id) AS mails,
  count(DISTINCT e.seq) FILTER (WHERE e.recorded_at - e.occurred_at > make_interval(days =>
    coalesce(($4::jsonb ->> upper(c.country))::int, $5))) AS over
FROM profiles_consent e
JOIN profiles_person_key k ON k.tenant_id = e.tenant_id AND k.subject = e.subject
JOIN pipeline_message m ON m.tenant_id = k.tenant_id AND m.customer_id = k.customer_id
  AND m.accepted_at > e.occurred_at AND m.accepted_at <= e.recorded_at
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
WHERE e.tenant_id = $1 AND e.kind IN ('withdrawn', 'topic_off') AND e.recorded_at > $2
  AND e.recorded_at - e.occurred_at > $3
"""
_STOPPED = """
SELECT split_part(reason, ':', 1) AS rule, count(*) AS stopped FROM pipeline_message
WHERE tenant_id = $1 AND state = 'suppressed' AND reason LIKE 'compliance.%' GROUP BY 1
"""


def no_reply(tenant: Tenant) -> str:
    """The address that nobody reads; empty where there is none."""
    address = tenant.sender.reply_to or tenant.sender.email
    return address if NO_REPLY.match(address) else ""


async def warnings(ctx: Context, campaign: Any) -> dict[str, Any] | None:
    """What a merchant should know of this campaign's mails; None where there is nothing to say."""
    settings = ctx.settings(ComplianceSettings)
    row = await ctx.db.fetchrow(
        _PEOPLE,
        ctx.tenant.id,
        campaign.id,
        list(US.countries),
        list(settings.lenient_countries),
        list(SENT),
    )
    found: list[tuple[str, str]] = []
    if address := no_reply(ctx.tenant):
        found.append(("no_reply", f"Replies go to {address}, which looks as if nobody read it."))
    if row["adverts"]:
        told = (
            f"{row['adverts']} of these customers in the United States never subscribed: their mail"
        )
        found.append(("advertisement", f"{told} must say that it is an advertisement."))
    if row["wordless"] and not settings.require_wording:
        told = f"Of {row['wordless']} of these customers it is not on record"
        found.append(("wording", f"{told} which words they agreed to."))
    return {"warnings": found} if found else None


async def late(ctx: Context, within: timedelta = timedelta(days=DAYS)) -> Mapping[str, Any]:
    """Opt-outs that reached us `within` so late that mail went out after them: how many (`late`), how many
    of them after more days than the law of the customer's country names (`over`; it means working days),
    how late at most (`longest`), and how many mails (`mails`).
    """
    row: Mapping[str, Any] = await ctx.db.fetchrow(
        _LATE,
        ctx.tenant.id,
        ctx.now - within,
        SOON,
        msgspec.json.encode(
            {code: law.honour_days or MONTH for law in LAWS for code in law.countries}
        ).decode(),
        UNKNOWN.honour_days,
    )
    return row


async def tell_late(ctx: Context, payload: dict[str, Any]) -> None:
    """Put opt-outs that reached us late since yesterday on the health board."""
    found = await late(ctx, YESTERDAY)
    if not found["late"]:
        return
    over = f" {found['over']} perhaps later than the law allows." if found["over"] else ""
    tell_health(
        ctx,
        MANIFEST.name,
        "opt-outs that came late",
        f"Opt-outs that reached us late since yesterday: {found['late']}.{over} Mails that went out in "
        f"between: {found['mails']}. Have them sent here at once; see Compliance, Law and rules.",
    )


async def page(ctx: Context) -> dict[str, Any]:
    """Every rule with what it stopped, the laws, and opt-outs honoured late."""
    rows = await ctx.db.fetch(_STOPPED, ctx.tenant.id)
    stopped = {row["rule"].removeprefix("compliance."): row["stopped"] for row in rows}
    names = {rule.name for rule in RULES}
    return {
        "rules": [(rule, stopped.get(rule.name, 0)) for rule in RULES],
        "others": {name: count for name, count in stopped.items() if name not in names},
        "laws": LAWS,
        "late": await late(ctx),
        "days": DAYS,
    }


WARNINGS = Panel(
    name="warnings",
    title="What to know before it goes out",
    place="campaign",
    template="compliance/warnings.html",
    data=warnings,
    order=15,
)
