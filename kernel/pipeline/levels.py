"""Autonomy levels: the one function that says which level counts, and the rows it reads.

    effective = the lowest of   wish      what somebody asked for
                                ceiling   what a demotion left
                                gate      what was earned by approved campaigns

Nothing acts on a wish: whoever acts calls `standing` in the transaction in which it acts.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import structlog

from kernel.contracts.base import Frozen
from kernel.contracts.events import AutonomyChanged
from kernel.contracts.tenancy import Autonomy
from kernel.events.outbox import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

log = structlog.get_logger(__name__)

LEVELS: tuple[Autonomy, ...] = ("manual", "one_click", "automatic")
ACTOR = "autonomy"
"""Who acts when nobody does. What it approved earns nothing and teaches nothing."""
NEEDED = 10
"""Approved campaigns before `automatic`, where the tenant chose no other number."""
LEAST = 3
"""Fewer are never enough, whatever is chosen; nor are fewer of one type, whatever others earned."""
THRESHOLD = 0.8
"""Calibrated confidence from which on a campaign needs no review, where nothing else is chosen."""

What = Literal["wish", "threshold", "needed", "ceiling", "effective"]

_ROWS = """
SELECT * FROM pipeline_autonomy WHERE tenant_id = $1 AND ($2::text[] IS NULL
  OR campaign_type = ANY($2)) ORDER BY campaign_type
"""
_APPROVED = """
SELECT campaign_type, count(*) AS n FROM pipeline_judgement
WHERE tenant_id = $1 AND verdict <> 'rejected' GROUP BY 1
"""


class Standing(Frozen):
    """How autonomous one campaign type is (`campaign_type` empty: the tenant as a whole), and why."""

    campaign_type: str
    wish: Autonomy
    wish_from: Literal["tenant.toml", "all types", "this type"]
    ceiling: Autonomy
    """The highest level that demotions leave."""
    ceiling_of: str
    """Whose demotion that is: the type's, or empty for that of all types."""
    ceiling_at: datetime | None
    ceiling_why: str
    effective: Autonomy
    approved: int
    """Campaigns of the type that people approved; of all types for the tenant as a whole."""
    needed: int
    missing: int
    """How many approved campaigns are missing until `automatic` can be chosen."""
    threshold: float
    why: str
    """One sentence: what decides the effective level."""


class Rows(Frozen):
    """All that decides levels, read at one moment."""

    toml: Autonomy
    rows: dict[str, Any]
    approved: dict[str, int]


def resolve(given: Rows, campaign_type: str) -> Standing:
    """The level that counts. Depends on its arguments alone; there is no other place that says it."""
    everyone, own = given.rows.get("") or {}, given.rows.get(campaign_type) or {}
    wish, source = given.toml, "tenant.toml"
    if everyone.get("wish"):
        wish, source = everyone["wish"], "all types"
    if campaign_type and own.get("wish"):
        wish, source = own["wish"], "this type"
    held = min((everyone, own), key=lambda row: _rank(row.get("ceiling", "automatic")))
    ceiling: Autonomy = held.get("ceiling", "automatic")
    needed = max(LEAST, everyone.get("needed") or NEEDED)
    total = sum(given.approved.values())
    approved = given.approved.get(campaign_type, 0) if campaign_type else total
    missing = max(0, needed - total)
    if campaign_type:
        missing = max(0, min(needed - approved, max(missing, LEAST - approved)))
    gate: Autonomy = "one_click" if missing else "automatic"
    effective = min((wish, ceiling, gate), key=_rank)
    return Standing(
        campaign_type=campaign_type,
        wish=wish,
        wish_from=source,  # type: ignore[arg-type]
        ceiling=ceiling,
        ceiling_of=held.get("campaign_type", "") if ceiling != "automatic" else "",
        ceiling_at=held.get("ceiling_at"),
        ceiling_why=held.get("ceiling_why", ""),
        effective=effective,
        approved=approved,
        needed=needed,
        missing=missing,
        threshold=max(0.5, own.get("threshold") or everyone.get("threshold") or THRESHOLD),
        why=_why(wish, source, ceiling, held, effective, missing),
    )


def words(level: str) -> str:
    """A level as a merchant reads it."""
    return level.replace("_", " ")


def _why(
    wish: Autonomy, source: str, ceiling: Autonomy, held: Mapping[str, Any],
    effective: Autonomy, missing: int,
) -> str:  # fmt: skip
    chosen = f"{words(wish).capitalize()} is chosen in tenant.toml."
    if source != "tenant.toml":
        chosen = f"{words(wish).capitalize()} is chosen for {source}."
    if effective == wish:
        return chosen
    if effective == ceiling:
        whose = "" if held.get("campaign_type") else " for all types"
        return f"{chosen} It was lowered to {words(ceiling)}{whose}: {held.get('ceiling_why', '')}"
    plural = "campaign" if missing == 1 else "campaigns"
    return (
        f"{chosen} It acts as {words(effective)} until {missing} more {plural} "
        f"{'is' if missing == 1 else 'are'} approved."
    )


def _rank(level: Autonomy) -> int:
    return LEVELS.index(level)


def below(level: Autonomy) -> Autonomy:
    """The level one down; `manual` is the lowest."""
    return LEVELS[max(0, LEVELS.index(level) - 1)]


def above(level: Autonomy, other: Autonomy) -> bool:
    """Whether `level` is more autonomous than `other`."""
    return LEVELS.index(level) > LEVELS.index(other)


# --- rows -----------------------------------------------------------------------------------------


async def read(ctx: Context) -> Rows:
    """What decides the levels of all types, without a lock: to show, never to act on."""
    return await _read(ctx, _ROWS, None)


async def standing(ctx: Context, campaign_type: str) -> Standing:
    """The level that counts in this transaction: its rows stay locked until the end, so a change of
    level comes before or after what is done, never between.

    A level that is another than the last one is recorded as a change.
    """
    given = await lock(ctx, campaign_type)
    found = resolve(given, campaign_type)
    await settle(ctx, given, campaign_type, ACTOR, found.why)
    return found


async def lock(ctx: Context, *campaign_types: str) -> Rows:
    """What decides these types' levels, its rows locked: those of the tenant as a whole first."""
    names = sorted({"", *campaign_types})
    await ctx.db.execute(
        """INSERT INTO pipeline_autonomy (tenant_id, campaign_type) SELECT $1, unnest($2::text[])
           ON CONFLICT DO NOTHING""",
        ctx.tenant.id,
        names,
    )
    return await _read(ctx, _ROWS + "FOR UPDATE", names)


async def settle(ctx: Context, given: Rows, campaign_type: str, actor: str, reason: str) -> None:
    """Record and tell the effective level, where it is not the one recorded last."""
    before = given.rows[campaign_type]["effective"]
    after = resolve(given, campaign_type).effective
    if after == before:
        return
    await ctx.db.execute(
        "UPDATE pipeline_autonomy SET effective = $3 WHERE tenant_id = $1 AND campaign_type = $2",
        ctx.tenant.id,
        campaign_type,
        after,
    )
    given.rows[campaign_type]["effective"] = after
    await record(ctx, campaign_type, "effective", before, after, reason, actor)
    changed = AutonomyChanged(
        occurred_at=ctx.now,
        campaign_type=campaign_type,
        before=before,
        after=after,
        actor=actor,
        reason=reason,
    )
    await emit(ctx, changed)
    log.info(
        "autonomy changed", campaign_type=campaign_type, before=before, after=after, actor=actor,
        reason=reason,
    )  # fmt: skip


async def record(
    ctx: Context, campaign_type: str, what: What, before: str, after: str, reason: str, actor: str
) -> None:
    """One row of the history that is never changed."""
    await ctx.db.execute(
        """INSERT INTO pipeline_autonomy_change
             (tenant_id, at, actor, campaign_type, what, before, after, reason)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        ctx.tenant.id,
        ctx.now,
        actor,
        campaign_type,
        what,
        before,
        after,
        reason,
    )


async def _read(ctx: Context, sql: str, names: list[str] | None) -> Rows:
    rows = await ctx.db.fetch(sql, ctx.tenant.id, names)
    toml = await ctx.db.fetchval(
        "SELECT autonomy FROM tenancy_tenant WHERE tenant_id = $1", ctx.tenant.id
    )
    approved = await ctx.db.fetch(_APPROVED, ctx.tenant.id)
    return Rows(
        toml=toml,
        rows={row["campaign_type"]: dict(row) for row in rows},
        approved={row["campaign_type"]: row["n"] for row in approved},
    )


def types_of(ctx: Context) -> list[str]:
    """The campaign types that enabled plugins offer, sorted; without transactional ones, which never ask."""
    kinds = cast("TenantScope", ctx).core.board.campaign_types
    return sorted(
        name
        for name, owned in kinds.items()
        if owned.plugin in ctx.enabled and not owned.value.transactional
    )
