"""The first thing an approved campaign does: each message's hour, and the size of its waves.

A page of customers at a time, each page a transaction that moves the campaign's mark; nothing is claimed
before it is through (`begun_at`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from kernel.pipeline import waves
from kernel.pipeline.local_time import next_hour, zone_of

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

PAGE = 5000
LATE = timedelta(hours=1)
"""An hour of the day that passed so shortly ago, as while a campaign could be taken back, still counts."""

TO_BEGIN = """
SELECT id FROM pipeline_campaign WHERE tenant_id = $1 AND status = 'sending' AND begun_at IS NULL
  AND (send_at IS NULL OR send_at <= $2) AND (hold_until IS NULL OR hold_until <= $3)
ORDER BY proposed_at, id
"""
_LOCK = """
SELECT begin_after, approved_at, send_at, wave, urgent FROM pipeline_campaign
WHERE tenant_id = $1 AND id = $2 AND status = 'sending' AND begun_at IS NULL FOR UPDATE
"""
_PAGE = """
SELECT m.id, m.customer_id, m.due_at, c.timezone, c.country FROM pipeline_message m
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.customer_id > $3
  AND m.state IN ('planned', 'deferred')
ORDER BY m.customer_id LIMIT $4
"""
_DUE = """
UPDATE pipeline_message m SET due_at = r.due_at, updated_at = now()
FROM unnest($2::uuid[], $3::timestamptz[]) r (id, due_at)
WHERE m.tenant_id = $1 AND m.id = r.id AND m.state IN ('planned', 'deferred')
"""


async def to_begin(ctx: Context) -> list[UUID]:
    """Approved campaigns whose time has come and that have not begun, oldest first."""
    machine = cast("TenantScope", ctx).core.clock.now()
    rows = await ctx.db.fetch(TO_BEGIN, ctx.tenant.id, ctx.now, machine)
    return [row["id"] for row in rows]


async def begin(scope: TenantScope, campaign_id: UUID) -> bool:
    """One page of the beginning; False when there is nothing left to do."""
    async with scope.transaction() as ctx:
        row = await ctx.db.fetchrow(_LOCK, ctx.tenant.id, campaign_id)
        if row is None:
            return False
        hour = ctx.tenant.sending.local_hour
        if hour >= 0 and not row["urgent"]:
            last = await _page(ctx, campaign_id, row, hour)
            if last is not None:
                await ctx.db.execute(
                    "UPDATE pipeline_campaign SET begin_after = $3 WHERE tenant_id = $1 AND id = $2",
                    ctx.tenant.id,
                    campaign_id,
                    last,
                )
                return True
        await _begun(ctx, campaign_id, row)
        return False


async def _page(ctx: TenantScope, campaign_id: UUID, row: Any, hour: int) -> int | None:
    """Give the next customers their hour; the last of them, None at the end."""
    found = await ctx.db.fetch(_PAGE, ctx.tenant.id, campaign_id, row["begin_after"], PAGE)
    if not found:
        return None
    start = max(at for at in (row["approved_at"], row["send_at"], ctx.now - LATE) if at)
    known: dict[tuple[Any, ...], datetime] = {}
    for one in found:
        case = (one["timezone"], one["country"], one["due_at"])
        if case not in known:
            zone = zone_of(one["timezone"], one["country"], ctx.tenant.timezone)
            known[case] = next_hour(max(start, one["due_at"] or start), zone, hour)
    dues = [known[one["timezone"], one["country"], one["due_at"]] for one in found]
    await ctx.db.execute(_DUE, ctx.tenant.id, [one["id"] for one in found], dues)
    last: int = found[-1]["customer_id"]
    return last


async def _begun(ctx: TenantScope, campaign_id: UUID, row: Any) -> None:
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET begun_at = $3, begin_after = 0
           WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        ctx.now,
    )
    if row["wave"] or row["urgent"]:  # moved or resumed: it goes on with the wave it was in
        return
    messages = await ctx.db.fetchval(
        """SELECT count(*) FROM pipeline_message WHERE tenant_id = $1 AND campaign_id = $2
           AND state IN ('planned', 'deferred')""",
        ctx.tenant.id,
        campaign_id,
    )
    await waves.enter(ctx, campaign_id, waves.first(ctx.tenant.sending, messages), messages)
