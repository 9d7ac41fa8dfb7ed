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

from kernel.contracts.base import Frozen
from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.pipeline import approvals, confidence, demotion, levels, shadow
from kernel.pipeline.confidence import TrustBin
from kernel.pipeline.levels import Standing
from kernel.pipeline.undoing import WITHIN, undo

if TYPE_CHECKING:
    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Autonomy
    from kernel.pipeline.demotion import Cause
    from kernel.pipeline.shadow import Agreement
    from kernel.tenancy.scope import TenantScope

__all__ = [
    "Change", "TypeAutonomy", "Waiting", "approve_confident", "changes", "decided", "reliability",
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
        await approvals.approve(demotion.acting(ctx), campaign.id, reason=seen.why)
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
    for one in ready:
        await approvals.approve(ctx, one.campaign_id, undo=WITHIN, reason=one.why, at_once=True)
    return [one.campaign_id for one in ready]


async def set_level(ctx: Context, campaign_type: str, level: str, reason: str = "") -> Standing:
    """Choose a level for a type, or (empty) for all types without a choice of their own.

    Args:
        ctx: the tenant.
        campaign_type: which; empty for all.
        level: `manual`, `one_click` or `automatic`; empty: as chosen for all types, or in tenant.toml.
        reason: required to raise what a demotion lowered.

    Raises:
        Conflict: `automatic` is not earned yet, or what lowered the level still holds.
        InvalidInput: no such level, or the reason is missing.
        NotFound: no such campaign type.
    """
    if level and level not in levels.LEVELS:
        raise InvalidInput(f"`{level}` is no level.", f"Choose one of {', '.join(levels.LEVELS)}.")
    given = await _locked(ctx, campaign_type)
    before = levels.resolve(given, campaign_type)
    if level == "automatic" and before.missing:
        raise _too_early(before)
    if level:
        await _raise_ceilings(ctx, given, campaign_type, level, reason)
    await _choose(ctx, given, campaign_type, "wish", level or None, reason)
    return levels.resolve(given, campaign_type)


async def set_threshold(
    ctx: Context, campaign_type: str, value: float | None, reason: str = ""
) -> None:
    """Choose from which calibrated confidence on no review is needed: 0.5 to 1; None: as for all.

    Raises:
        InvalidInput: outside of that.
        NotFound: no such campaign type.
    """
    if value is not None and not 0.5 <= value <= 1:
        raise InvalidInput("The threshold must lie between 0.5 and 1.", "0.8 is a good beginning.")
    given = await _locked(ctx, campaign_type)
    await _choose(ctx, given, campaign_type, "threshold", value, reason)


async def set_needed(ctx: Context, count: int, reason: str = "") -> None:
    """Choose how many approved campaigns `automatic` takes, never under 3.

    Raises:
        InvalidInput: fewer than 3, or more than 1,000.
    """
    if not levels.LEAST <= count <= 1000:
        raise InvalidInput(
            f"At least {levels.LEAST} campaigns must have been approved before any goes by itself.",
            f"Choose a number from {levels.LEAST} to 1000.",
        )
    given = await _locked(ctx, "")
    await _choose(ctx, given, "", "needed", count, reason)


async def _fresh(ctx: Context, campaign_id: UUID, lock: str = "") -> bool:
    found: bool | None = await ctx.db.fetchval(
        f"""SELECT NOT EXISTS (SELECT FROM pipeline_shadow s WHERE s.tenant_id = $1
              AND s.campaign_id = $2) FROM pipeline_campaign c
            WHERE c.tenant_id = $1 AND c.id = $2 AND c.status = 'waiting' {lock}""",
        ctx.tenant.id,
        campaign_id,
    )
    return bool(found)


async def _locked(ctx: Context, campaign_type: str) -> levels.Rows:
    known = levels.types_of(ctx)
    if campaign_type and campaign_type not in known:
        raise NotFound(
            f"There is no campaign type `{campaign_type}`.", f"There are {', '.join(known)}."
        )
    return await levels.lock(ctx, campaign_type, *([] if campaign_type else known))


def _too_early(standing: Standing) -> Conflict:
    whose = f"of `{standing.campaign_type}`" if standing.campaign_type else "of this shop"
    plural = "campaign is" if standing.missing == 1 else "campaigns are"
    return Conflict(
        f"Automatic must be earned: {standing.missing} more approved {plural} missing "
        f"({standing.approved} {whose} approved, {standing.needed} needed).",
        "Choose one_click until then, and approve or reject what is proposed.",
        code="not_earned",
    )


async def _raise_ceilings(
    ctx: Context, given: levels.Rows, campaign_type: str, level: Autonomy, reason: str
) -> None:
    if campaign_type and levels.above(level, given.rows[""]["ceiling"]):
        raise Conflict(
            f"All types were lowered: {given.rows['']['ceiling_why']}",
            "Raise the level for all types first.",
        )
    row = given.rows[campaign_type]
    if not levels.above(level, row["ceiling"]):
        return
    if not reason.strip():
        raise InvalidInput(
            f"The level was lowered: {row['ceiling_why']}", "Say why it may be raised again."
        )
    if found := await demotion.causes(ctx, campaign_type):
        raise Conflict(
            "What lowered the level still holds: " + " ".join(cause.said for cause in found),
            f"Wait until it has passed: the last {demotion.WINDOW.days} days count.",
        )
    await levels.record(
        ctx, campaign_type, "ceiling", row["ceiling"], "automatic", reason, ctx.actor
    )
    row |= {"ceiling": "automatic", "ceiling_at": None, "ceiling_why": ""}
    await ctx.db.execute(
        """UPDATE pipeline_autonomy SET ceiling = 'automatic', ceiling_at = NULL, ceiling_why = ''
           WHERE tenant_id = $1 AND campaign_type = $2""",
        ctx.tenant.id,
        campaign_type,
    )


async def _choose(
    ctx: Context, given: levels.Rows, campaign_type: str, what: levels.What,
    value: str | float | None, reason: str,
) -> None:  # fmt: skip
    row = given.rows[campaign_type]
    before = row[what]
    row[what] = value
    await ctx.db.execute(
        f"""UPDATE pipeline_autonomy SET {what} = $3, changed_at = $4, changed_by = $5, reason = $6
            WHERE tenant_id = $1 AND campaign_type = $2""",
        ctx.tenant.id,
        campaign_type,
        value,
        ctx.now,
        ctx.actor,
        reason,
    )
    if before != value:
        old, new = ("" if one is None else str(one) for one in (before, value))
        await levels.record(ctx, campaign_type, what, old, new, reason, ctx.actor)
    for name in given.rows:
        await levels.settle(ctx, given, name, ctx.actor, reason)


async def _waiting(ctx: Context, given: levels.Rows) -> list[Waiting]:
    rows = await ctx.db.fetch(
        """SELECT c.id, c.campaign_type, c.confidence, EXISTS (SELECT FROM pipeline_approval a
             WHERE a.tenant_id = $1 AND a.campaign_id = c.id AND a.action = 'undo') AS undone
           FROM pipeline_campaign c JOIN pipeline_shadow s
             ON s.tenant_id = c.tenant_id AND s.campaign_id = c.id
           WHERE c.tenant_id = $1 AND c.status = 'waiting' ORDER BY c.id""",
        ctx.tenant.id,
    )
    history = await confidence.judged(ctx) if rows else []
    return [_one(given, history, row) for row in rows]


def _one(given: levels.Rows, history: list[confidence.Judged], row: Any) -> Waiting:
    kind, raw = row["campaign_type"], row["confidence"]
    standing = levels.resolve(given, kind)
    scale = confidence.scale(history, kind)
    value = scale.of(raw)
    ready, why = shadow.verdict(scale, value, standing.threshold)
    if row["undone"]:
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
