"""Choosing: a level, a threshold, the number that automatic takes. Refused with a reason, and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.pipeline import demotion, levels

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.contracts.tenancy import Autonomy
    from kernel.pipeline.levels import Standing


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
