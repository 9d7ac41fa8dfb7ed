"""Taking trust back: what lowers a level by itself, and when it may be raised again.

    cause         more than                                          and at least
    complaints    0.1 % of accepted messages                         200 accepted, 2 complaints
    bounces       5 %                                                100 accepted
    unsubscribes  1 %, and three times the type's own usual rate     200 accepted, 5 unsubscribes
    breaches      1 % of decisions asked for what is forbidden       3 decisions
    agreement     `automatic` would have been wrong over 30 %        10 of the last 20 campaigns

Rates are of campaigns approved in the last WINDOW, but after the last demotion: what was answered once is not
answered again each hour. To raise a level, the whole window counts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import structlog

from kernel.contracts.base import Frozen
from kernel.pipeline import approvals, levels, shadow
from kernel.tenancy.scope import TenantScope

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Autonomy

log = structlog.get_logger(__name__)

WINDOW = timedelta(days=14)
BASE = timedelta(days=90)
"""How far before the window a type's usual rate of unsubscribes is looked for."""
ASSUMED_BASE = 0.005
"""The usual rate of unsubscribes where fewer than SENT messages tell it."""
SENT = 200
BOUNCE_SENT = 100
COMPLAINT_RATE, COMPLAINTS = 0.001, 2
BOUNCE_RATE = 0.05
UNSUBSCRIBE_RATE, UNSUBSCRIBES, UNSUBSCRIBE_TIMES = 0.01, 5, 3.0
BREACH_RATE, BREACHES = 0.01, 3
AGREEMENT_RATE, AGREEMENTS = 0.7, 10

_FIGURES = """
WITH c AS MATERIALIZED (SELECT id FROM pipeline_campaign WHERE tenant_id = $1 AND approved_at > $2
    AND approved_at <= $3 AND ($4 = '' OR campaign_type = $4) AND NOT urgent),
bad AS (SELECT o.kind FROM pipeline_outcome o
    JOIN pipeline_message m ON m.tenant_id = o.tenant_id AND m.id = o.message_id
    JOIN c ON c.id = m.campaign_id
    WHERE o.tenant_id = $1 AND o.kind IN ('bounced', 'complained', 'unsubscribed') AND o.at > $2)
SELECT (SELECT count(*) FROM c JOIN pipeline_message m ON m.tenant_id = $1 AND m.campaign_id = c.id
          AND m.state IN ('accepted', 'delivered', 'bounced')) AS sent,
  (SELECT count(*) FROM bad WHERE kind = 'bounced') AS bounced,
  (SELECT count(*) FROM bad WHERE kind = 'complained') AS complained,
  (SELECT count(*) FROM bad WHERE kind = 'unsubscribed') AS unsubscribed
"""
_BREACHES = """
SELECT coalesce(sum(breaches), 0)::int AS breaches, coalesce(sum(decisions), 0)::int AS decisions
FROM pipeline_shadow WHERE tenant_id = $1 AND at > $2 AND ($3 = '' OR campaign_type = $3)
"""


class Cause(Frozen):
    """One reason to trust the engine less."""

    name: str
    said: str
    """A sentence with the figures."""
    pauses: bool = False
    """Whether automatic campaigns under way are stopped too: going on would do harm."""


async def causes(
    ctx: Context, campaign_type: str = "", since: datetime | None = None
) -> list[Cause]:
    """What speaks against autonomy now.

    Args:
        ctx: the tenant.
        campaign_type: of which type; empty for all together.
        since: look at campaigns after this time only; default: WINDOW ago.
    """
    now = ctx.now
    start = max(since or now - WINDOW, now - WINDOW)
    figures = await ctx.db.fetchrow(_FIGURES, ctx.tenant.id, start, now, campaign_type)
    sent = figures["sent"]
    found = []
    if sent >= SENT and figures["complained"] >= COMPLAINTS:
        rate = figures["complained"] / sent
        if rate > COMPLAINT_RATE:
            said = (
                f"{_rate(figures['complained'], sent)} were complained about; the limit is 0.1 %."
            )
            found.append(Cause(name="complaints", said=said, pauses=True))
    if sent >= BOUNCE_SENT and figures["bounced"] / sent > BOUNCE_RATE:
        said = f"{_rate(figures['bounced'], sent)} bounced; the limit is 5 %."
        found.append(Cause(name="bounces", said=said, pauses=True))
    if sent >= SENT and figures["unsubscribed"] >= UNSUBSCRIBES:
        rate = figures["unsubscribed"] / sent
        base = await _base(ctx, campaign_type, start) if rate > UNSUBSCRIBE_RATE else 1.0
        if rate > max(UNSUBSCRIBE_RATE, UNSUBSCRIBE_TIMES * base):
            said = f"{_rate(figures['unsubscribed'], sent)} led to an unsubscribe; usual is {base:.2%}."
            found.append(Cause(name="unsubscribes", said=said))
    row = await ctx.db.fetchrow(_BREACHES, ctx.tenant.id, start, campaign_type)
    if row["breaches"] >= BREACHES and row["breaches"] / row["decisions"] > BREACH_RATE:
        said = (
            f"{row['breaches']:,} of {row['decisions']:,} decisions asked for what a guardrail forbids; "
            "the limit is 1 %."
        )
        found.append(Cause(name="breaches", said=said))
    agreed = shadow.agreement(await shadow.judged(ctx, since), campaign_type)
    if agreed.rate is not None and agreed.of >= AGREEMENTS and agreed.rate < AGREEMENT_RATE:
        said = f"Automatic would have been right with {agreed.agreed} of {agreed.of} campaigns; 70 % is the least."
        found.append(Cause(name="agreement", said=said))
    return found


async def check(ctx: Context, campaign_type: str) -> bool:
    """Lower the level of a type (empty: of all types) by one where something speaks against it.

    Cancels nothing; complaints and bounces pause what `autonomy` approved and is going out. Returns
    whether the level was lowered.
    """
    touched = [campaign_type] if campaign_type else ["", *levels.types_of(ctx)]
    given = await levels.lock(ctx, *touched)
    now_at = [levels.resolve(given, name).effective for name in touched]
    highest = max(now_at, key=levels.LEVELS.index)
    if highest == "manual":
        return False
    lowered = [given.rows[name]["ceiling_at"] for name in {"", *touched}]
    since = max((at for at in lowered if at), default=None)
    found = await causes(ctx, campaign_type, since)
    if not found:
        return False
    why = " ".join(cause.said for cause in found)
    await lower(ctx, given, campaign_type, levels.below(highest), why)
    if any(cause.pauses for cause in found):
        await _pause(ctx, campaign_type, why)
    return True


async def check_all(ctx: Context) -> None:
    """Check every type; where none has enough figures of its own to be lowered, all together. And
    record the levels that were earned, or changed in tenant.toml, since the last time.
    """
    lowered = [await check(ctx, campaign_type) for campaign_type in levels.types_of(ctx)]
    if not any(lowered):
        await check(ctx, "")
    for campaign_type in ["", *levels.types_of(ctx)]:
        await levels.standing(ctx, campaign_type)


async def lower(
    ctx: Context, given: levels.Rows, campaign_type: str, ceiling: Autonomy, why: str
) -> None:
    """Set the ceiling of a type; `given` is what `levels.lock` returned, and follows."""
    row = given.rows[campaign_type]
    await ctx.db.execute(
        """UPDATE pipeline_autonomy SET ceiling = $3, ceiling_at = $4, ceiling_why = $5
           WHERE tenant_id = $1 AND campaign_type = $2""",
        ctx.tenant.id,
        campaign_type,
        ceiling,
        ctx.now,
        why,
    )
    before = row["ceiling"]
    row |= {"ceiling": ceiling, "ceiling_at": ctx.now, "ceiling_why": why}
    await levels.record(ctx, campaign_type, "ceiling", before, ceiling, why, levels.ACTOR)
    for name in given.rows:
        await levels.settle(ctx, given, name, levels.ACTOR, why)


def acting(ctx: Context) -> TenantScope:
    """The same transaction with `autonomy` as the one who acts."""
    scope = cast("TenantScope", ctx)
    return TenantScope(scope.core, scope.db, scope.tenant, levels.ACTOR)


async def _pause(ctx: Context, campaign_type: str, why: str) -> None:
    rows = await ctx.db.fetch(
        """SELECT id FROM pipeline_campaign WHERE tenant_id = $1 AND status = 'sending'
           AND approved_by = $2 AND ($3 = '' OR campaign_type = $3) ORDER BY id FOR UPDATE""",
        ctx.tenant.id,
        levels.ACTOR,
        campaign_type,
    )
    for row in rows:
        await approvals.pause(acting(ctx), row["id"], why)
        log.warning("autonomy paused a campaign", campaign=str(row["id"]), reason=why)


async def _base(ctx: Context, campaign_type: str, until: datetime) -> float:
    """The usual share of accepted messages that lead to an unsubscribe: the type's, or the tenant's."""
    for kind in dict.fromkeys((campaign_type, "")):
        row = await ctx.db.fetchrow(_FIGURES, ctx.tenant.id, until - BASE, until, kind)
        if row["sent"] >= SENT:
            return float(row["unsubscribed"] / row["sent"])
    return ASSUMED_BASE


def _rate(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} messages ({part / whole:.2%})"
