"""Where the ledger and SendGrid differ: held against the events it sent us, and where those are missing
against its log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from kernel.sdk import Difference
from plugins.sendgrid.logs import NoBooks, find
from plugins.sendgrid.manifest import SendGridSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context
    from plugins.sendgrid.client import Account

PATIENCE = timedelta(hours=2)
"""SendGrid tells of nearly every mail within minutes."""
SHOWN = 1000
"""Differences told a day at most: more have one cause, and one is enough to find it."""
LOOKED_UP = 50
"""Messages of which we heard nothing that are looked for in SendGrid's log."""

_DIFFERENT = """
WITH heard AS (
  SELECT message_id, array_agg(DISTINCT kind) AS kinds,
         count(DISTINCT request) FILTER (WHERE kind = 'processed' AND request <> '') AS requests
  FROM sendgrid_event WHERE tenant_id = $1 AND message_id IS NOT NULL AND at >= $2
  GROUP BY message_id)
SELECT m.id, m.state, m.attempted_at, c.email, coalesce(h.requests, 0) AS requests,
       coalesce(h.kinds, '{}') AS kinds, count(*) OVER (PARTITION BY h.kinds IS NULL) AS alike
FROM pipeline_message m
JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
LEFT JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
LEFT JOIN heard h ON h.message_id = m.id
WHERE m.tenant_id = $1 AND k.channel = 'sendgrid' AND m.attempted_at >= $2 AND m.attempted_at < $3
  AND (m.state = 'accepted' AND h.kinds IS NULL AND m.accepted_at <= $4
       OR h.requests > 1
       OR m.state NOT IN ('accepted', 'delivered', 'bounced') AND h.kinds IS NOT NULL
         AND NOT (m.state = 'rejected' AND 'dropped' = ANY(h.kinds))
       OR m.state = 'accepted' AND 'delivered' = ANY(h.kinds))
ORDER BY m.id LIMIT $5
"""
_ANYTHING = """
SELECT EXISTS (SELECT FROM sendgrid_event WHERE tenant_id = $1 AND received_at >= $2)
"""
_NAMED = """
SELECT named, min(kind) AS kind FROM sendgrid_event
WHERE tenant_id = $1 AND named IS NOT NULL AND message_id IS NULL AND at >= $2 AND at < $3
  AND due_at IS NULL
GROUP BY named ORDER BY named LIMIT $4
"""


async def differences(
    ctx: Context, account: Account, since: datetime, until: datetime
) -> Sequence[Difference]:
    """What does not agree about messages attempted in this time, `SHOWN` at most."""
    if ctx.settings(SendGridSettings).sandbox:
        return ()  # SendGrid sends nothing, and tells of nothing
    async with ctx.transaction() as tx:
        rows = await tx.db.fetch(_DIFFERENT, ctx.tenant.id, since, until, ctx.now - PATIENCE, SHOWN)
        anything = await tx.db.fetchval(_ANYTHING, ctx.tenant.id, since)
        named = await tx.db.fetch(_NAMED, ctx.tenant.id, since, until, SHOWN)
    silent = [row for row in rows if not row["kinds"]]
    found = [_told(row) for row in rows if row["kinds"]]
    if silent and not anything:
        # One cause, one sentence: a hundred thousand of them would hide what else there is.
        detail = (
            f"SendGrid told nothing of {silent[0]['alike']:,} messages that it accepted, nor of any "
            "other: is its event webhook switched on, and its verification key set?"
        )
        found.append(Difference(kind="missing", detail=detail))
    else:
        found.extend(
            [await _silent(account, row, look=n < LOOKED_UP) for n, row in enumerate(silent)]
        )
    found.extend(
        Difference(
            kind="stranger",
            detail=f"SendGrid tells of a message ({row['kind']}) that the ledger does not hold.",
            message_id=row["named"],
        )
        for row in named
    )
    return found


def _told(row: Any) -> Difference:
    """The difference of a message of which events came."""
    if row["requests"] > 1:
        detail = f"SendGrid processed it {row['requests']} times: it went out more than once."
        return Difference(kind="twice", detail=detail, message_id=row["id"])
    kinds = ", ".join(sorted(row["kinds"]))
    detail = f"The ledger says {row['state']}; SendGrid tells of {kinds}."
    kind = "state" if row["state"] in ("accepted", "unknown", "attempting") else "stranger"
    return Difference(kind=kind, detail=detail, message_id=row["id"])  # type: ignore[arg-type]


async def _silent(account: Account, row: Any, look: bool) -> Difference:
    """The difference of a message that was accepted and then never heard of."""
    if look and row["email"] and not account.problem:
        try:
            if await find(account, row["id"], row["email"], row["attempted_at"]):
                detail = "SendGrid's log holds it, and no event of it came."
                return Difference(kind="state", detail=detail, message_id=row["id"])
        except (NoBooks, httpx.HTTPError):
            pass
    detail = "SendGrid accepted it, and said nothing more in two hours."
    return Difference(kind="missing", detail=detail, message_id=row["id"])
