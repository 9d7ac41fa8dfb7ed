"""How a sender fares: what was accepted, delivered, bounced and complained of, by mailbox and day."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.contracts.delivery import Mailbox

if TYPE_CHECKING:
    from kernel.contracts.context import Context

# Outcomes count on the day their mail was accepted, so that each rate is of one and the same mails.
_STATISTICS = """
WITH sent AS MATERIALIZED (
  SELECT id, mailbox, (accepted_at AT TIME ZONE $3)::date AS day FROM pipeline_message
  WHERE tenant_id = $1 AND accepted_at >= $2 AND accepted_at <= $4)
SELECT s.mailbox, s.day, count(*) AS accepted, count(d.message_id) AS delivered,
  count(*) FILTER (WHERE b.bounced) AS bounces, count(*) FILTER (WHERE b.complained) AS complaints
FROM sent s
LEFT JOIN pipeline_outcome d ON d.tenant_id = $1 AND d.message_id = s.id AND d.kind = 'delivered'
LEFT JOIN (SELECT message_id, bool_or(kind = 'complained') AS complained,
             bool_or(kind = 'bounced' AND detail ->> 'hard' = '1') AS bounced
           FROM pipeline_outcome WHERE tenant_id = $1 AND kind IN ('bounced', 'complained')
           GROUP BY message_id) b ON b.message_id = s.id
GROUP BY s.mailbox, s.day ORDER BY s.day, s.mailbox
"""


class SenderDay(Frozen):
    """What came of the mails that one mailbox provider accepted on one day of the shop's calendar."""

    mailbox: Mailbox
    day: date
    accepted: int
    delivered: int
    bounces: int
    """For good: the address does not exist."""
    complaints: int


async def sender_statistics(ctx: Context, since: datetime) -> list[SenderDay]:
    """By day and mailbox, oldest first; days on which nothing was accepted are left out.

    Args:
        ctx: the tenant.
        since: mails accepted from this moment on.
    """
    rows = await ctx.db.fetch(_STATISTICS, ctx.tenant.id, since, ctx.tenant.timezone, ctx.now)
    return [SenderDay(**{**dict(row), "mailbox": row["mailbox"] or "other"}) for row in rows]
