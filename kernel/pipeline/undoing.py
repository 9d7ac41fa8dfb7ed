"""Taking back: an approval before anything was handed over, a rejection shortly after it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal, cast
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.errors import Conflict
from kernel.pipeline import approvals, ledger

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

WITHIN = timedelta(minutes=1)
"""For how long an approval is held back so that it can be undone: pass it to `approvals.approve`."""
REJECTED_WITHIN = timedelta(minutes=5)
"""For how long a rejection can be undone. Nothing goes out meanwhile, so it may be longer."""


async def undo(ctx: Context, campaign_id: UUID) -> None:
    """Bring a campaign back to where it was before it was approved or rejected. Twice is once.

    An approved one waits again when nothing of it was attempted: the campaign is locked as a hand-over
    locks it, so of the two one comes first and the other sees it. A rejected one has again exactly the
    messages that the rejection took.

    Raises:
        NotFound: there is no such campaign.
        Conflict: it is too late, or there is nothing to undo.
    """
    every = ("deciding", "waiting", "sending", "paused", "rejected")
    row = await approvals.lock(ctx, campaign_id, "undo", *every)
    if row["status"] in ("deciding", "waiting"):
        if await _last(ctx, campaign_id) == "undo":
            return
        raise Conflict("There is nothing to undo: nobody has decided on this campaign yet.")
    was = "waiting"
    if row["status"] == "rejected":
        was = await _rejected(ctx, campaign_id)
    elif await ledger.attempted(ctx, campaign_id):
        raise Conflict(
            "It is too late to undo: the campaign has begun to go out.",
            "Pause or cancel it; what is sent stays sent.",
        )
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET status = $3, approved_at = NULL, approved_by = '',
             send_at = NULL, hold_until = NULL, reason = '', expires_at = $4, updated_at = now()
           WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        was,
        row["proposed_at"] + approvals.patience(ctx, row),
    )
    await approvals.note(ctx, campaign_id, "undo", "", {"from": row["status"]})


class Undoable(Frozen):
    """Something the merchant just did that can still be taken back."""

    campaign_id: UUID
    title: str
    action: Literal["approve", "reject"]
    at: datetime
    at_once: bool
    """Together with others that have the same `at`, by one click."""
    left: float
    """Seconds until WITHIN has passed."""


async def lately(ctx: Context) -> list[Undoable]:
    """What this person did within WITHIN and nothing has followed since, newest first, at most 50."""
    rows = await ctx.db.fetch(
        """SELECT a.campaign_id, c.title, a.action, a.at, a.detail ? 'at_once' AS at_once,
             CASE WHEN a.action = 'approve' THEN extract(epoch FROM c.hold_until - $4)
                  ELSE extract(epoch FROM a.at - $2) END::float8 AS left
           FROM pipeline_approval a
           JOIN pipeline_campaign c ON c.tenant_id = a.tenant_id AND c.id = a.campaign_id
           WHERE a.tenant_id = $1 AND a.actor = $3 AND a.action IN ('approve', 'reject')
             AND NOT EXISTS (SELECT FROM pipeline_approval n WHERE n.tenant_id = $1
               AND n.campaign_id = a.campaign_id AND n.id > a.id)
             AND (a.action = 'reject' AND a.at > $2 OR a.action = 'approve' AND c.hold_until > $4)
           ORDER BY a.id DESC LIMIT 50""",
        ctx.tenant.id,
        ctx.now - WITHIN,
        ctx.actor,
        cast("TenantScope", ctx).core.clock.now(),
    )
    return [Undoable(**dict(row)) for row in rows]


async def tidy(ctx: Context) -> None:
    """Forget what can no longer be undone."""
    await ctx.db.execute(
        "DELETE FROM pipeline_undo WHERE tenant_id = $1 AND at < $2",
        ctx.tenant.id,
        ctx.now - REJECTED_WITHIN,
    )


async def _rejected(ctx: Context, campaign_id: UUID) -> str:
    last = await ctx.db.fetchrow(
        """SELECT at, detail::text FROM pipeline_approval WHERE tenant_id = $1 AND campaign_id = $2
           AND action = 'reject' ORDER BY id DESC LIMIT 1""",
        ctx.tenant.id,
        campaign_id,
    )
    detail = msgspec.json.decode(last["detail"]) if last else {}
    if last is None or "was" not in detail or ctx.now > last["at"] + REJECTED_WITHIN:
        minutes = int(REJECTED_WITHIN.total_seconds() // 60)
        raise Conflict(
            f"It is too late to undo: a rejection can be taken back for {minutes} minutes.",
            "The same customers can be proposed again on another day.",
        )
    await ledger.give_back(ctx, campaign_id)
    return str(detail["was"])


async def _last(ctx: Context, campaign_id: UUID) -> str:
    found: str | None = await ctx.db.fetchval(
        """SELECT action FROM pipeline_approval WHERE tenant_id = $1 AND campaign_id = $2
           ORDER BY id DESC LIMIT 1""",
        ctx.tenant.id,
        campaign_id,
    )
    return found or ""
