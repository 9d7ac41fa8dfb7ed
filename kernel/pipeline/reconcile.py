"""Once a day the ledger is held against the provider's book, and against itself.

For a day of the shop's calendar: the conservation law of every campaign that attempted something, attempts
that never got an answer, and what each channel finds (`Channel.reconcile`). A difference is kept once,
however often the day is looked at, and told on the health board.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from kernel.contracts.base import Frozen
from kernel.plugboard.parts import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.delivery import Channel
    from kernel.tenancy.scope import TenantScope

TIMEOUT = 600.0
"""Seconds a channel may take for a day."""
LEDGER = "ledger"
"""The name of the channel where the ledger disagrees with itself."""

# `attempted_at` is that of the last attempt: what was tried again on a later day belongs to that day.
_ATTEMPTED = """
SELECT c.id, c.channel, v.holds, v.audience,
  v.sent + v.skipped + v.suppressed + v.capped + v.held_out + v.deferred + v.failed + v.unknown
    + v.waiting AS counted
FROM pipeline_campaign c
JOIN pipeline_conservation v ON v.tenant_id = c.tenant_id AND v.campaign_id = c.id
WHERE c.tenant_id = $1 AND (c.approved_at IS NULL OR c.approved_at < $3)
  AND (c.finished_at IS NULL OR c.finished_at >= $2)
  AND EXISTS (SELECT FROM pipeline_message m WHERE m.tenant_id = $1 AND m.campaign_id = c.id
    AND m.attempted_at >= $2 AND m.attempted_at < $3)
ORDER BY c.id
"""
_STUCK = """
SELECT m.id, m.campaign_id, m.attempted_at FROM pipeline_message m
WHERE m.tenant_id = $1 AND m.campaign_id = ANY($4::uuid[]) AND m.state = 'unknown'
  AND m.attempted_at >= $2 AND m.attempted_at < $3 ORDER BY m.id LIMIT 1000
"""
_KEEP = """
INSERT INTO pipeline_difference (tenant_id, day, channel, kind, detail, campaign_id, message_id, found_at)
SELECT $1, $2, $3, r.kind, r.detail, coalesce(r.campaign_id, m.campaign_id), r.message_id, $8
FROM unnest($4::text[], $5::text[], $6::uuid[], $7::uuid[]) r (kind, detail, campaign_id, message_id)
LEFT JOIN pipeline_message m ON m.tenant_id = $1 AND m.id = r.message_id
ON CONFLICT DO NOTHING RETURNING id
"""


class Found(Frozen):
    """One difference, as it is kept."""

    id: int
    day: date
    channel: str
    kind: str
    """law: a campaign's numbers do not add up. unanswered: an attempt without an answer. The others as in
    `contracts.delivery.Difference`.
    """
    detail: str
    campaign_id: UUID | None
    message_id: UUID | None
    found_at: datetime
    state: str
    """Where the ledger has the message now; empty where the difference is not of one message."""


class Reconciled(Frozen):
    """What came of one day."""

    day: date
    campaigns: int
    """How many attempted something on that day."""
    channels: tuple[str, ...]
    new: int
    """Differences that were not known before."""
    failed: tuple[str, ...] = ()
    """Channels that could not say."""


Row = tuple[str, str, UUID | None, UUID | None]  # kind, detail, campaign, message


def yesterday(scope: TenantScope) -> date:
    """The last whole day of the shop's calendar."""
    return scope.now.astimezone(ZoneInfo(scope.tenant.timezone)).date() - timedelta(days=1)


async def reconcile(scope: TenantScope, day: date) -> Reconciled:
    """Compare everything about attempts of this day; safe to call again.

    Args:
        scope: the tenant, outside a transaction.
        day: of the shop's calendar.
    """
    since, until = _span(day, ZoneInfo(scope.tenant.timezone))
    async with scope.transaction() as ctx:
        campaigns = await ctx.db.fetch(_ATTEMPTED, ctx.tenant.id, since, until)
        ids = [row["id"] for row in campaigns]
        stuck = await ctx.db.fetch(_STUCK, ctx.tenant.id, since, until, ids)
        ours: list[Row] = [
            ("law", f"{row['counted']:,} are counted of {row['audience']:,}.", row["id"], None)
            for row in campaigns
            if not row["holds"]
        ] + [
            (
                "unanswered",
                "Handed over, and nothing was heard of it.",
                row["campaign_id"],
                row["id"],
            )
            for row in stuck
        ]
        new = await _keep(ctx, day, LEDGER, ours)
    names = sorted({row["channel"] for row in campaigns if row["channel"]})
    failed = []
    for name in names:
        owned = scope.core.board.channels.get(name)
        if owned is None or owned.plugin not in scope.enabled:
            continue
        found = await _ask(scope, owned.plugin, owned.value, since, until)
        if found is None:
            failed.append(name)
            continue
        async with scope.transaction() as ctx:
            new += await _keep(ctx, day, name, found)
    if new:
        # Said without the number, so that the board has one line for it, which counts.
        error = RuntimeError(
            f"Ledger and provider differ: see mailwright reconcile {scope.tenant.id}."
        )
        scope.core.board.report(Failure(scope.tenant.id, "kernel", "reconciliation", error))
    return Reconciled(
        day=day, campaigns=len(ids), channels=tuple(names), new=new, failed=tuple(failed)
    )


async def differences(
    ctx: Context, day: date | None = None, before: int | None = None, limit: int = 50
) -> list[Found]:
    """What was found, newest first.

    Args:
        ctx: the tenant.
        day: only about attempts of this day.
        before: only those before this `id` (the last of the page before).
        limit: how many.
    """
    rows = await ctx.db.fetch(
        """SELECT d.id, d.day, d.channel, d.kind, d.detail, d.campaign_id, d.message_id, d.found_at,
             coalesce(m.state, '') AS state
           FROM pipeline_difference d
           LEFT JOIN pipeline_message m ON m.tenant_id = $1 AND m.id = d.message_id
           WHERE d.tenant_id = $1 AND ($2::date IS NULL OR d.day = $2)
             AND ($3::bigint IS NULL OR d.id < $3) ORDER BY d.id DESC LIMIT $4""",
        ctx.tenant.id,
        day,
        before,
        limit,
    )
    return [Found(**dict(row)) for row in rows]


async def _ask(
    scope: TenantScope, plugin: str, channel: Channel, since: datetime, until: datetime
) -> list[Row] | None:
    try:
        async with asyncio.timeout(TIMEOUT):
            found = await channel.reconcile(scope, since, until)
        return [(one.kind, one.detail, None, one.message_id) for one in found]
    except Exception as error:  # noqa: BLE001 - a channel that cannot say is told of, and asked tomorrow
        what = f"reconciliation of {channel.name}"
        scope.core.board.report(Failure(scope.tenant.id, plugin, what, error))
        return None


async def _keep(ctx: Context, day: date, channel: str, rows: Sequence[Row]) -> int:
    if not rows:
        return 0
    kinds, details, campaigns, messages = (list(column) for column in zip(*rows, strict=True))
    kept = await ctx.db.fetch(
        _KEEP, ctx.tenant.id, day, channel, kinds, details, campaigns, messages, ctx.now
    )
    return len(kept)


def _span(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    begin, end = (
        datetime.combine(one, time(), zone).astimezone(UTC)
        for one in (day, day + timedelta(days=1))
    )
    return begin, end
