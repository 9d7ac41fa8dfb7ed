"""What is stored of checks and pauses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from kernel.sdk import Frozen
from plugins.deliverability.checks import Check, State, Wanted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context

# What was known to be good stays so while the DNS is silent: `ok_at` says since when it is not known anew.
_SAVE = """
INSERT INTO deliverability_check AS c
  (tenant_id, what, place, subject, state, words, found, wanted, checked_at, ok_at)
SELECT $1, r.what, r.place, r.subject, r.state, r.words, r.found, r.wanted::jsonb, $2::timestamptz,
  CASE WHEN r.state IN ('ok', 'warn') THEN $2::timestamptz END
FROM unnest($3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
  r (what, place, subject, state, words, found, wanted)
ON CONFLICT (tenant_id, what) DO UPDATE SET place = excluded.place, subject = excluded.subject,
  state = excluded.state, words = excluded.words, found = excluded.found, wanted = excluded.wanted,
  checked_at = excluded.checked_at,
  ok_at = CASE WHEN excluded.state = 'unknown' AND c.subject = excluded.subject THEN c.ok_at
    ELSE excluded.ok_at END
"""
_BEGIN = """
INSERT INTO deliverability_run AS r (tenant_id, what, at) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, what) DO UPDATE SET at = excluded.at
WHERE r.at <= $4 OR r.at > $3 RETURNING true
"""


class Stored(Frozen):
    """A check as it was stored."""

    what: str
    subject: str
    state: State
    words: str
    found: str
    wanted: tuple[Wanted, ...]
    checked_at: datetime
    ok_at: datetime | None
    """When it was last known to be ok or warn; None where the last that is known is bad."""


class Pause(Frozen):
    """A mailbox provider that gets no mail, or got none."""

    mailbox: str
    since: datetime
    reason: str
    calm_since: datetime | None
    lifted_at: datetime | None
    lifted_by: str
    lifted_reason: str
    by_hand: bool


async def save(ctx: Context, found: Sequence[Check]) -> None:
    """Store a run of checks; those that are no longer made are removed."""
    names = [one.what for one in found]
    await ctx.db.execute(
        _SAVE,
        ctx.tenant.id,
        ctx.now,
        names,
        list(range(len(found))),
        [one.subject for one in found],
        [one.state for one in found],
        [one.words for one in found],
        [one.found.replace("\0", "")[:2000] for one in found],
        [msgspec.json.encode(one.wanted).decode().replace("\\u0000", "") for one in found],
    )
    await ctx.db.execute(
        "DELETE FROM deliverability_check WHERE tenant_id = $1 AND what <> ALL($2::text[])",
        ctx.tenant.id,
        names,
    )


async def checks(ctx: Context) -> list[Stored]:
    """The last run, in the order of the page."""
    rows = await ctx.db.fetch(
        """SELECT what, subject, state, words, found, wanted, checked_at, ok_at
           FROM deliverability_check WHERE tenant_id = $1 ORDER BY place""",
        ctx.tenant.id,
    )
    return [
        Stored(**{**row, "wanted": msgspec.json.decode(row["wanted"], type=tuple[Wanted, ...])})
        for row in rows
    ]


async def begin(ctx: Context, what: str, gap: timedelta) -> bool:
    """Whether the last run of `what` is `gap` ago; if so, one begins now. Two at once cannot."""
    begun = await ctx.db.fetchval(_BEGIN, ctx.tenant.id, what, ctx.now, ctx.now - gap)
    return bool(begun)


async def paused(ctx: Context) -> list[Pause]:
    """The pauses that stand."""
    return await _pauses(ctx, "lifted_at IS NULL ORDER BY mailbox")


async def past(ctx: Context, limit: int = 20) -> list[Pause]:
    """The pauses that were lifted, the newest first."""
    return await _pauses(ctx, f"lifted_at IS NOT NULL ORDER BY lifted_at DESC LIMIT {int(limit)}")


async def by_hand_since(ctx: Context, since: datetime) -> dict[str, datetime]:
    """Mailbox -> when a person last lifted its pause, after `since`."""
    rows = await ctx.db.fetch(
        """SELECT mailbox, max(lifted_at) AS at FROM deliverability_pause
           WHERE tenant_id = $1 AND by_hand AND lifted_at > $2 GROUP BY mailbox""",
        ctx.tenant.id,
        since,
    )
    return {row["mailbox"]: row["at"] for row in rows}


async def pause(ctx: Context, mailbox: str, reason: str) -> bool:
    """Pause it; False when it is paused already."""
    tag = await ctx.db.execute(
        """INSERT INTO deliverability_pause (tenant_id, mailbox, since, reason)
           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING""",
        ctx.tenant.id,
        mailbox,
        ctx.now,
        reason,
    )
    return tag == "INSERT 0 1"


async def calm(ctx: Context, mailbox: str, since: datetime | None) -> None:
    """Since when the figures of a paused mailbox are good; None: they are not."""
    await ctx.db.execute(
        """UPDATE deliverability_pause SET calm_since = $3
           WHERE tenant_id = $1 AND mailbox = $2 AND lifted_at IS NULL""",
        ctx.tenant.id,
        mailbox,
        since,
    )


async def lift(ctx: Context, mailbox: str, reason: str, by_hand: bool) -> bool:
    """End the pause; False when there is none."""
    tag = await ctx.db.execute(
        """UPDATE deliverability_pause
           SET lifted_at = $3, lifted_by = $4, lifted_reason = $5, by_hand = $6
           WHERE tenant_id = $1 AND mailbox = $2 AND lifted_at IS NULL""",
        ctx.tenant.id,
        mailbox,
        ctx.now,
        ctx.actor,
        reason,
        by_hand,
    )
    return tag == "UPDATE 1"


async def _pauses(ctx: Context, where: str) -> list[Pause]:
    rows = await ctx.db.fetch(
        f"""SELECT mailbox, since, reason, calm_since, lifted_at, lifted_by, lifted_reason, by_hand
            FROM deliverability_pause WHERE tenant_id = $1 AND {where}""",
        ctx.tenant.id,
    )
    return [Pause(**row) for row in rows]
