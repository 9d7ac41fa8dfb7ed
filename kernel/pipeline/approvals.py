"""The merchant's word: approve, reject, edit, exclude, schedule, pause, resume, cancel.

Each act changes the campaign only from a state that allows it, and leaves a row that says who, when
and why. `actor` is `ctx.actor`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import msgspec

from kernel.contracts.base import Frozen, canonical
from kernel.contracts.errors import Conflict, InvalidInput, NotFound
from kernel.events.wake import wake
from kernel.pipeline import breaker, compose, frozen, ledger, previews, variant_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.contracts.campaigns import Copy
    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope


class Approval(Frozen):
    """One act on a campaign."""

    at: datetime
    actor: str
    action: str
    reason: str
    detail: dict[str, Any]


async def approve(
    ctx: Context,
    campaign_id: UUID,
    send_at: datetime | None = None,
    *,
    undo: timedelta = timedelta(0),
    reason: str = "",
    at_once: bool = False,
) -> None:
    """Let the campaign go: now, or from `send_at` on.

    Args:
        ctx: the tenant.
        campaign_id: which.
        send_at: not before this time.
        undo: nothing is handed over for so long, on the machine's clock (a merchant's minute passes also
            where the tenant's stands still), so that `undoing.undo` can
            take the approval back.
        reason: why, where it is not the merchant's own word.
        at_once: it is approved together with others, without being looked at.

    Raises:
        Conflict: it does not wait for approval, or a mail must not go out as it is (`previews.refuse`).
        InvalidInput: `send_at` lies in the past or has no time zone, or a template of the tenant's
            cannot be used any more.
    """
    _check_time(ctx, send_at)
    row = await lock(ctx, campaign_id, "approve", "waiting")
    await previews.refuse(ctx, campaign_id)
    await frozen.freeze(ctx, campaign_id, row["campaign_type"])
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET status = 'sending', approved_at = $3, approved_by = $4,
             send_at = $5, expires_at = $6, hold_until = $7, updated_at = now(),
             begun_at = NULL, begin_after = 0, wave = 0, wave_left = NULL, wave_at = NULL
           WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        ctx.now,
        ctx.actor,
        send_at,
        (send_at or ctx.now) + patience(ctx, row),
        cast("TenantScope", ctx).core.clock.now() + undo if undo else None,
    )
    detail: dict[str, Any] = {"send_at": send_at} if send_at else {}
    await note(ctx, campaign_id, "approve", reason, detail | ({"at_once": True} if at_once else {}))
    wake(ctx, "kernel.advance")


async def schedule(ctx: Context, campaign_id: UUID, send_at: datetime) -> None:
    """Move the start of an approved campaign that has not begun, or of a paused one."""
    _check_time(ctx, send_at)
    row = await lock(ctx, campaign_id, "schedule", "sending", "paused")
    if row["status"] == "sending" and (row["send_at"] is None or row["send_at"] <= ctx.now):
        raise Conflict("The campaign is already going out.", "Pause it first.")
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET send_at = $3, expires_at = $4, begun_at = NULL,
             begin_after = 0, updated_at = now() WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        send_at,
        send_at + patience(ctx, row),
    )
    await note(ctx, campaign_id, "schedule", "", {"send_at": send_at})


async def reject(ctx: Context, campaign_id: UUID, reason: str) -> None:
    """Refuse the campaign; the reason is what the engine learns from, so it is required."""
    if not reason.strip():
        raise InvalidInput(
            "A rejection needs a reason.", "Say in a few words what is wrong with it."
        )
    row = await lock(ctx, campaign_id, "reject", "deciding", "waiting")
    await ledger.remember(ctx, campaign_id)
    await _end(ctx, campaign_id, "rejected", reason)
    await note(ctx, campaign_id, "reject", reason, {"was": row["status"]})


async def cancel(ctx: Context, campaign_id: UUID, reason: str = "") -> None:
    """Kill a campaign for good, at any time before its end. What is sent stays sent."""
    await lock(ctx, campaign_id, "cancel", "deciding", "waiting", "sending", "paused")
    await _end(ctx, campaign_id, "cancelled", reason or "Cancelled by the merchant.")
    await note(ctx, campaign_id, "cancel", reason)


async def cancel_campaigns(ctx: Context, campaign_type: str, reason: str) -> int:
    """Kill every open campaign of a type, as when its plugin is switched off; returns how many."""
    rows = await ctx.db.fetch(
        """SELECT id FROM pipeline_campaign WHERE tenant_id = $1 AND campaign_type = $2
           AND status IN ('deciding', 'waiting', 'sending', 'paused') ORDER BY id""",
        ctx.tenant.id,
        campaign_type,
    )
    for row in rows:
        await cancel(ctx, row["id"], reason)
    return len(rows)


async def pause(ctx: Context, campaign_id: UUID, reason: str = "") -> None:
    """Stop handing over; nothing is lost. A hand-over under way comes to its end."""
    await lock(ctx, campaign_id, "pause", "sending")
    await _status(ctx, campaign_id, "paused", reason)
    await note(ctx, campaign_id, "pause", reason)


async def resume(ctx: Context, campaign_id: UUID) -> None:
    """Go on with a paused campaign, in the same wave, for as long as it would have had from now on.

    Bounces and complaints up to now do not stop it again.
    """
    row = await lock(ctx, campaign_id, "resume", "paused")
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET status = 'sending', reason = '', expires_at = $3,
             updated_at = now() WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        max(row["send_at"] or ctx.now, ctx.now) + patience(ctx, row),
    )
    await breaker.forgive(ctx, campaign_id)
    await note(ctx, campaign_id, "resume")
    wake(ctx, "kernel.advance")


async def edit(
    ctx: Context,
    campaign_id: UUID,
    variant: str,
    copy: Copy,
    *,
    action: str = "edit",
    why: str = "",
) -> None:
    """Change the words of one variant; what is handed over from now on uses them.

    Args:
        ctx: the tenant.
        campaign_id: whose.
        variant: its name.
        copy: the new words. `variants.listing` tells of what is unwise in them.
        action: "edit", or "restore" when these are the words of an earlier version.
        why: for the record.

    Raises:
        InvalidInput: with a problem for each field.
        Conflict: the campaign has ended.
    """
    row = await lock(ctx, campaign_id, action, "deciding", "waiting", "sending", "paused")
    scope = cast("TenantScope", ctx)
    kind = scope.core.board.campaign_types.get(row["campaign_type"])
    compose.validated(copy, kind.value if kind else None, variant)
    before = await ctx.db.fetchval(
        """SELECT copy::text FROM pipeline_variant
           WHERE tenant_id = $1 AND campaign_id = $2 AND variant = $3 FOR UPDATE""",
        ctx.tenant.id,
        campaign_id,
        variant,
    )
    if before is None:
        raise NotFound(f"The campaign has no variant `{variant}`.")
    version = await variant_store.edit(ctx, campaign_id, variant, copy, action, why)
    detail = {"variant": variant, "version": version, "before": before}
    await note(ctx, campaign_id, action, why, detail)


async def exclude(
    ctx: Context, campaign_id: UUID, customer_ids: Sequence[int], reason: str = ""
) -> int:
    """Leave these customers out; returns how many had not been handed over yet."""
    await lock(ctx, campaign_id, "exclude", "deciding", "waiting", "sending", "paused")
    tag = await ctx.db.execute(
        """UPDATE pipeline_message SET state = 'cancelled', reason = $4, updated_at = now()
           WHERE tenant_id = $1 AND campaign_id = $2 AND customer_id = ANY($3::bigint[])
             AND state IN ('candidate', 'planned', 'deferred')""",
        ctx.tenant.id,
        campaign_id,
        list(customer_ids),
        f"Excluded by the merchant. {reason}".strip(),
    )
    count = int(tag.rpartition(" ")[2])
    await note(ctx, campaign_id, "exclude", reason, {"customers": list(customer_ids)})
    return count


async def history(ctx: Context, campaign_id: UUID) -> list[Approval]:
    """Every act on the campaign, newest first."""
    rows = await ctx.db.fetch(
        """SELECT at, actor, action, reason, detail::text FROM pipeline_approval
           WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY id DESC LIMIT 200""",
        ctx.tenant.id,
        campaign_id,
    )
    return [Approval(**{**dict(row), "detail": msgspec.json.decode(row["detail"])}) for row in rows]


async def lock(ctx: Context, campaign_id: UUID, action: str, *allowed: str) -> Any:
    """The campaign's row, locked, in one of the states that allow the action."""
    row = await ctx.db.fetchrow(
        "SELECT * FROM pipeline_campaign WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
        ctx.tenant.id,
        campaign_id,
    )
    if row is None:
        raise NotFound("There is no such campaign.", "See the list of campaigns.")
    if row["status"] not in allowed:
        raise Conflict(
            f"A campaign that is {row['status']} cannot be changed by `{action}`.",
            f"It can be while it is {' or '.join(allowed)}.",
        )
    return row


async def _end(ctx: Context, campaign_id: UUID, status: str, reason: str) -> None:
    await ledger.cancel(ctx, campaign_id, f"Campaign {status}: {reason}")
    await _status(ctx, campaign_id, status, reason)


async def _status(ctx: Context, campaign_id: UUID, status: str, reason: str) -> None:
    await ctx.db.execute(
        """UPDATE pipeline_campaign SET status = $3, reason = $4, updated_at = now()
           WHERE tenant_id = $1 AND id = $2""",
        ctx.tenant.id,
        campaign_id,
        status,
        reason,
    )


async def note(
    ctx: Context, campaign_id: UUID, action: str, reason: str = "", detail: Any = None
) -> None:
    """Keep who did what to the campaign, and why."""
    await ctx.db.execute(
        """INSERT INTO pipeline_approval (tenant_id, campaign_id, at, actor, action, reason, detail)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        ctx.tenant.id,
        campaign_id,
        ctx.now,
        ctx.actor,
        action,
        reason,
        canonical(detail or {}).decode(),
    )


def _check_time(ctx: Context, send_at: datetime | None) -> None:
    if send_at is not None and (send_at.tzinfo is None or send_at < ctx.now):
        raise InvalidInput(
            "The time to send lies in the past or has no time zone.", "Choose a time to come."
        )


def patience(ctx: Context, row: Any) -> timedelta:
    """For how long messages of the campaign of this row may wait before they are given up."""
    kind = cast("TenantScope", ctx).core.board.campaign_types.get(row["campaign_type"])
    return timedelta(days=kind.value.send_within_days if kind else 7)
