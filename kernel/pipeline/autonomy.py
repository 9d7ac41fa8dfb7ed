"""How much runs without asking: levels, the one click, and what happens to a decided campaign.

    manual      every campaign waits for the merchant
    one_click   one click approves those whose calibrated confidence reaches the threshold
    automatic   those go by themselves; the rest still waits

`levels.resolve` alone says which level counts, from the wish, what demotions left and what was earned.
docs/autonomy.md tells it to a merchant, docs/adr/0015-autonomy.md why it is so.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import structlog
from msgspec.structs import replace

from kernel.contracts.base import Frozen
from kernel.contracts.errors import Conflict
from kernel.pipeline import approvals, confidence, demotion, levels, previews, shadow
from kernel.pipeline.choosing import set_level, set_needed, set_threshold
from kernel.pipeline.confidence import TrustBin
from kernel.pipeline.levels import Standing
from kernel.pipeline.undoing import WITHIN, undo
from kernel.tenancy.scope import TenantScope

if TYPE_CHECKING:
    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.pipeline.demotion import Cause
    from kernel.pipeline.shadow import Agreement

__all__ = [
    "Change", "TypeAutonomy", "Waiting", "approve_confident", "approved", "changes", "decided", "reliability",
    "set_level", "set_needed", "set_threshold", "state", "undo", "waiting",
]  # fmt: skip

log = structlog.get_logger(__name__)


class TypeAutonomy(Frozen):
    """One line of the autonomy page: a campaign type, or all of them (`campaign_type` empty)."""

    campaign_type: str
    title: str
    standing: Standing
    """Wish, ceiling, effective level and why; approved, needed and missing; the threshold."""
    judged: int
    """Campaigns that people approved, edited or rejected one by one, of the scale that counts here."""
    calibrated: bool
    """False: not enough history, so that every confidence counts as low."""
    agreement: Agreement
    """How often `automatic` would have been right, over the last 20 that can be compared."""


class Change(Frozen):
    """One change, for ever."""

    id: int
    at: datetime
    actor: str
    campaign_type: str
    what: levels.What
    before: str
    after: str
    reason: str


class Waiting(Frozen):
    """A campaign that waits for the merchant."""

    campaign_id: UUID
    campaign_type: str
    raw: float
    """What the deciders say."""
    calibrated: float | None
    """What it is worth at this merchant; None without enough history."""
    threshold: float
    ready: bool
    """Whether one click approves it; else it needs review."""
    why: str


# --- reading --------------------------------------------------------------------------------------


async def state(ctx: Context) -> list[TypeAutonomy]:
    """All types together first, then each campaign type that is enabled, by name. Changes nothing."""
    given = await levels.read(ctx)
    history = await confidence.judged(ctx)
    shadows = await shadow.judged(ctx)
    board = cast("TenantScope", ctx).core.board
    lines = []
    for name in ["", *levels.types_of(ctx)]:
        scale = confidence.scale(history, name)
        lines.append(
            TypeAutonomy(
                campaign_type=name,
                title=board.campaign_types[name].value.title if name else "All campaign types",
                standing=levels.resolve(given, name),
                judged=scale.judged,
                calibrated=bool(scale.bins),
                agreement=shadow.agreement(shadows, name),
            )
        )
    return lines


async def reliability(ctx: Context, campaign_type: str = "") -> tuple[TrustBin, ...]:
    """The reliability table of a type (empty: of all); empty without enough history."""
    return confidence.scale(await confidence.judged(ctx), campaign_type).bins


async def changes(ctx: Context, before: int | None = None, limit: int = 50) -> list[Change]:
    """Every change of a wish, threshold, ceiling or effective level, newest first.

    Args:
        ctx: the tenant.
        before: only those before this `id` (the last of the page before).
        limit: how many.
    """
    rows = await ctx.db.fetch(
        """SELECT id, at, actor, campaign_type, what, before, after, reason
           FROM pipeline_autonomy_change WHERE tenant_id = $1 AND ($2::bigint IS NULL OR id < $2)
           ORDER BY id DESC LIMIT $3""",
        ctx.tenant.id,
        before,
        limit,
    )
    return [Change(**dict(row)) for row in rows]


async def waiting(ctx: Context) -> list[Waiting]:
    """The campaigns that wait, oldest first, and which of them one click approves now."""
    return await _waiting(ctx, await levels.read(ctx))


async def causes(ctx: Context, campaign_type: str = "") -> list[Cause]:
    """What speaks against autonomy now; while there is something, a lowered level cannot be raised."""
    return await demotion.causes(ctx, campaign_type)


# --- acting ---------------------------------------------------------------------------------------


async def decided(ctx: TenantScope, campaign: Campaign) -> None:
    """What becomes of a campaign whose decisions are made: it waits, or goes by itself.

    Safe to call again, and for campaigns that are not there yet: only the first call that finds it
    waiting does anything.
    """
    if not await _fresh(ctx, campaign.id):
        return
    kind = campaign.campaign_type
    owned = ctx.core.board.campaign_types.get(kind)
    if owned is not None and owned.value.transactional:
        why = "Its customers asked for this mail: it needs no approval."
        await approvals.approve(
            TenantScope(ctx.core, ctx.db, ctx.tenant, "kernel"), campaign.id, reason=why
        )
        return
    standing = await levels.standing(ctx, kind)
    if standing.effective == "automatic" and (
        await demotion.check(ctx, kind) or await demotion.check(ctx, "")
    ):
        standing = await levels.standing(ctx, kind)
    if not await _fresh(ctx, campaign.id, "FOR UPDATE"):
        return
    seen = await shadow.write(ctx, campaign, standing)
    sends = standing.effective == "automatic" and seen.would_send
    if sends:
        sends = await approved(demotion.acting(ctx), campaign.id, reason=seen.why)
    log.info(
        "campaign decided", campaign=str(campaign.id), campaign_type=kind, sends=sends,
        level=standing.effective, reason=seen.why,
    )  # fmt: skip


async def approve_confident(ctx: Context) -> list[UUID]:
    """Approve, in one act, every waiting campaign that `waiting` calls ready; returns which.

    They are held back for a minute, so that each can be undone.
    """
    given = await levels.lock(ctx, *levels.types_of(ctx))
    await ctx.db.fetch(
        """SELECT FROM pipeline_campaign WHERE tenant_id = $1 AND status = 'waiting'
           ORDER BY id FOR UPDATE""",
        ctx.tenant.id,
    )
    ready = [one for one in await _waiting(ctx, given) if one.ready]
    return [
        one.campaign_id
        for one in ready
        if await approved(ctx, one.campaign_id, undo=WITHIN, reason=one.why, at_once=True)
    ]


async def approved(ctx: Context, campaign_id: UUID, **how: Any) -> bool:
    """Approve it; False where its mail must not go out as it is: then it waits, and its record says why."""
    try:
        await approvals.approve(ctx, campaign_id, **how)
    except Conflict as error:
        await approvals.note(ctx, campaign_id, "block", str(error))
        return False
    return True


async def _fresh(ctx: Context, campaign_id: UUID, lock: str = "") -> bool:
    found: bool | None = await ctx.db.fetchval(
        f"""SELECT NOT EXISTS (SELECT FROM pipeline_shadow s WHERE s.tenant_id = $1
              AND s.campaign_id = $2) FROM pipeline_campaign c
            WHERE c.tenant_id = $1 AND c.id = $2 AND c.status = 'waiting' {lock}""",
        ctx.tenant.id,
        campaign_id,
    )
    return bool(found)


async def _waiting(ctx: Context, given: levels.Rows) -> list[Waiting]:
    rows = await ctx.db.fetch(
        """SELECT c.id, c.campaign_type, c.confidence, s.campaign_id IS NOT NULL AS measured,
             EXISTS (SELECT FROM pipeline_approval a WHERE a.tenant_id = $1 AND a.campaign_id = c.id
               AND a.action = 'undo') AS undone
           FROM pipeline_campaign c LEFT JOIN pipeline_shadow s
             ON s.tenant_id = c.tenant_id AND s.campaign_id = c.id
           WHERE c.tenant_id = $1 AND c.status = 'waiting' ORDER BY c.id""",
        ctx.tenant.id,
    )
    history = await confidence.judged(ctx) if rows else []
    return [await _fit(ctx, _one(given, history, row)) for row in rows]


async def _fit(ctx: Context, one: Waiting) -> Waiting:
    """The same; not ready where its mail cannot go out as it is."""
    told = await previews.faults(ctx, one.campaign_id) if one.ready else ""
    return replace(one, ready=False, why=f"{previews.UNFIT} {told}") if told else one


def _one(given: levels.Rows, history: list[confidence.Judged], row: Any) -> Waiting:
    kind, raw = row["campaign_type"], row["confidence"]
    standing = levels.resolve(given, kind)
    scale = confidence.scale(history, kind)
    value = scale.of(raw)
    ready, why = shadow.verdict(scale, value, standing.threshold)
    if not row["measured"]:
        ready, why = False, "It was decided before confidence was measured."
    elif row["undone"]:
        ready, why = False, "It was taken back once, so it is looked at."
    elif standing.effective == "manual":
        ready, why = False, f"The level is manual. {why}"
    return Waiting(
        campaign_id=row["id"],
        campaign_type=kind,
        raw=raw,
        calibrated=value,
        threshold=standing.threshold,
        ready=ready,
        why=why,
    )
