"""The daily digest: what one click approves, what needs review, and what went by itself."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import structlog

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.events import AutonomyDigest
from kernel.events.outbox import emit
from kernel.pipeline import autonomy, levels

if TYPE_CHECKING:
    from kernel.contracts.context import Context

log = structlog.get_logger(__name__)

DAY = timedelta(hours=24)


class Digest(Frozen):
    """One morning's digest; ids of campaigns."""

    ready: tuple[UUID, ...]
    """One click approves these."""
    review: tuple[UUID, ...]
    """These must be looked at."""
    approved: tuple[UUID, ...]
    """`autonomy` approved these in the 24 hours before."""
    lowered: tuple[str, ...]
    """Why levels were lowered in the 24 hours before."""


class Dated(Frozen):
    """A digest and its day in the tenant's time zone."""

    day: date
    at: datetime
    digest: Digest


async def make(ctx: Context) -> Digest | None:
    """Today's digest: kept, told as an event, and logged. None where it was made before, where everything is
    manual, and where there is nothing to tell.
    """
    given = await levels.read(ctx)
    if all(levels.resolve(given, n).effective == "manual" for n in ["", *levels.types_of(ctx)]):
        return None
    found = await gather(ctx)
    if not any((found.ready, found.review, found.approved, found.lowered)):
        return None
    first = await ctx.db.fetchval(
        """INSERT INTO pipeline_digest (tenant_id, day, at, content) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING RETURNING true""",
        ctx.tenant.id,
        ctx.now.astimezone(ZoneInfo(ctx.tenant.timezone)).date(),
        ctx.now,
        canonical(found).decode(),
    )
    if not first:
        return None
    counts = {
        "ready": len(found.ready),
        "review": len(found.review),
        "approved": len(found.approved),
    }
    await emit(ctx, AutonomyDigest(occurred_at=ctx.now, **counts))
    log.info("autonomy digest", **counts, lowered=list(found.lowered))
    return found


async def gather(ctx: Context) -> Digest:
    """The digest as it would be now."""
    waiting = await autonomy.waiting(ctx)
    approved = await ctx.db.fetch(
        """SELECT id FROM pipeline_campaign WHERE tenant_id = $1 AND approved_by = $2
           AND approved_at > $3 ORDER BY id""",
        ctx.tenant.id,
        levels.ACTOR,
        ctx.now - DAY,
    )
    lowered = await ctx.db.fetch(
        """SELECT reason FROM pipeline_autonomy_change WHERE tenant_id = $1 AND what = 'ceiling'
           AND actor = $2 AND at > $3 ORDER BY id""",
        ctx.tenant.id,
        levels.ACTOR,
        ctx.now - DAY,
    )
    return Digest(
        ready=tuple(one.campaign_id for one in waiting if one.ready),
        review=tuple(one.campaign_id for one in waiting if not one.ready),
        approved=tuple(row["id"] for row in approved),
        lowered=tuple(row["reason"] for row in lowered),
    )


async def latest(ctx: Context, before: date | None = None, limit: int = 7) -> list[Dated]:
    """Digests, newest first; `before` is the day of the last one of the page before."""
    rows = await ctx.db.fetch(
        """SELECT day, at, content FROM pipeline_digest WHERE tenant_id = $1
           AND ($2::date IS NULL OR day < $2) ORDER BY day DESC LIMIT $3""",
        ctx.tenant.id,
        before,
        limit,
    )
    return [
        Dated(
            day=row["day"],
            at=row["at"],
            digest=msgspec.json.decode(row["content"], type=Digest),
        )
        for row in rows
    ]
