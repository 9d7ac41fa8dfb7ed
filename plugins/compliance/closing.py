"""No offer is the last one twice: what mails announced as ending, and whether it went on after all.

UCPD Annex I no. 7, UWG (DE) Annex no. 7, FTC Act s. 5: to say falsely that something is to be had only for a short
time, so that people decide at once.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from kernel.sdk import Erased, Export
from plugins.compliance import dates, seen
from plugins.compliance.consent import ALLOWED, no
from plugins.compliance.manifest import ComplianceSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.sdk import Context, Outgoing, Verdict
    from plugins.compliance.facts import Closing, Facts

# Only what may have reached somebody was announced: a mail that a later rule held back was not.
_BEFORE = """
SELECT DISTINCT ON (n.message_id) n.message_id, c.ends, c.said
FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::date[])
  n (message_id, customer_id, offer, code, ends)
JOIN compliance_closing c ON c.tenant_id = $1 AND c.message_id <> n.message_id AND c.ends < n.ends
  AND c.ends >= $7 AND (n.code <> '' AND c.code = n.code
    OR c.customer_id = n.customer_id AND c.offer = n.offer)
JOIN pipeline_message m ON m.tenant_id = $1 AND m.id = c.message_id
  AND m.state IN ('attempting', 'accepted', 'delivered', 'unknown')
ORDER BY n.message_id, c.ends DESC
"""
_KEEP = """
INSERT INTO compliance_closing (tenant_id, message_id, customer_id, offer, code, ends, said, at)
SELECT $1, n.*, $8 FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::date[], $7::text[]) n
ON CONFLICT (tenant_id, message_id) DO UPDATE SET customer_id = EXCLUDED.customer_id,
  offer = EXCLUDED.offer, code = EXCLUDED.code, ends = EXCLUDED.ends, said = EXCLUDED.said, at = EXCLUDED.at
"""


async def judge(
    ctx: Context, batch: Sequence[Outgoing], found: Sequence[Verdict], facts: Facts
) -> list[Verdict]:
    """The verdicts, with mails held whose offer was announced as ending before and now ends later; what goes
    out is remembered. Two queries where a mail of the batch announces an end, else none.
    """
    asked = [
        (message, end)
        for message, verdict in zip(batch, found, strict=True)
        if verdict is ALLOWED
        and (one := facts.closing.get(message.id))
        and (end := ends(one, facts))
    ]
    if not asked:
        return list(found)
    since = facts.now.date() - timedelta(ctx.settings(ComplianceSettings).extended_days)
    rows = await ctx.db.fetch(_BEFORE, ctx.tenant.id, *_columns(asked, facts), since)
    again = {row["message_id"]: row for row in rows}
    kept = [(message, end) for message, end in asked if message.id not in again]
    await ctx.db.execute(
        _KEEP,
        ctx.tenant.id,
        *_columns(kept, facts),
        [facts.closing[message.id].said for message, _ in kept],
        ctx.now,
    )
    return [
        _held(facts.closing[message.id], row["ends"], row["said"])
        if (row := again.get(message.id))
        else verdict
        for message, verdict in zip(batch, found, strict=True)
    ]


def ends(one: Closing, facts: Facts) -> date | None:
    """The day on which the offer of a mail ends; None where its slot names none that can be read."""
    return max(dates.days(seen.unaccented(seen.plain(one.ends)), facts.now), default=None)


def _columns(
    asked: Sequence[tuple[Outgoing, date]], facts: Facts
) -> tuple[list[UUID], list[int], list[str], list[str], list[date]]:
    offers = [facts.closing[message.id] for message, _ in asked]
    return (
        [message.id for message, _ in asked],
        [message.customer_id for message, _ in asked],
        [seen.plain(one.offer) for one in offers],
        [one.code for one in offers],
        [end for _, end in asked],
    )


def _held(one: Closing, end: date, said: str) -> Verdict:
    offer = f"An offer of {one.offer}" if one.offer else "This offer"
    return no(
        "last_chance",
        f"{offer} was announced to this customer or under this code as ending on {end:%Y-%m-%d} "
        f"(“{said}”), and now it ends on {one.ends}: it cannot be the last again (“{one.said}”). "
        "Leave those words out, or wait until the setting `extended_days` has passed.",
    )


async def export(ctx: Context, customer_id: int) -> Export:
    """The announcements this customer got."""
    rows = await ctx.db.fetch(
        """SELECT message_id, offer, code, said, ends, at FROM compliance_closing
           WHERE tenant_id = $1 AND customer_id = $2 ORDER BY at, message_id""",
        ctx.tenant.id,
        customer_id,
    )
    return Export(rows={"compliance_closing": [dict(row) for row in rows]})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Nobody is written to any more, so nothing need be remembered."""
    tag = await ctx.db.execute(
        "DELETE FROM compliance_closing WHERE tenant_id = $1 AND customer_id = $2",
        ctx.tenant.id,
        customer_id,
    )
    return Erased(rows=int(tag.rpartition(" ")[2]))
