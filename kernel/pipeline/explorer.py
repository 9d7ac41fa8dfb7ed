"""Decisions as pages and commands show them: found by filters, counted by the law, and what they cost."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.decisions import DecisionRecord
from kernel.pipeline.campaigns import Law

if TYPE_CHECKING:
    from kernel.contracts.context import Context

STATES: dict[str, tuple[str, ...]] = {
    "sent": ("accepted", "delivered", "bounced"),
    "skipped": ("skipped", "cancelled"),
    "suppressed": ("suppressed",),
    "capped": ("capped",),
    "held_out": ("held_out",),
    "deferred": ("deferred",),
    "failed": ("rejected",),
    "unknown": ("unknown",),
    "waiting": ("candidate", "planned", "attempting"),
}
"""Column of the conservation law -> the ledger's states that are counted there."""


class Filters(Frozen):
    """Which decisions; an empty field asks for nothing."""

    campaign_type: str = ""
    campaign_id: UUID | None = None
    state: str = ""
    """A column of the law (`sent`, `held_out` …: the keys of STATES), or one state of the ledger."""
    plugin: str = ""
    """Who decided."""
    guardrail: str = ""
    """Changed by the guardrail of this name; `*`: by any."""
    fallback: bool = False
    """Only where a better decider did not answer."""
    since: datetime | None = None
    """Decided at this time or later."""


class Row(Frozen):
    """One decision in a list. `why.story(ctx, row.id)` tells all of it."""

    id: UUID
    decided_at: datetime
    customer_id: int
    campaign_id: UUID
    campaign_type: str
    campaign_title: str
    plugin: str
    policy: str
    send: bool
    tone: str
    offer: str
    confidence: float
    reason: str
    """The decider's first."""
    guardrails: tuple[str, ...]
    fallback: str
    cost_micros: float
    state: str
    """Of the message in the ledger."""
    state_reason: str


class DayCost(Frozen):
    """What one model of one plugin cost on one day of the shop's calendar."""

    day: date
    plugin: str
    model: str
    decisions: int
    """For how many customers it was asked."""
    tokens: int
    cost_micros: int
    """Millionths of a US dollar."""
    fallbacks: int
    """Of `decisions`, for how many there was no answer."""


class Fallback(Frozen):
    """Why a better decider did not answer, and how often."""

    reason: str
    plugin: str
    """Who decided instead."""
    decisions: int
    last_at: datetime


FROM = """
FROM pipeline_decision d
LEFT JOIN pipeline_message m ON m.tenant_id = $1 AND m.campaign_id = d.campaign_id
  AND m.customer_id = d.customer_id AND m.decision_id = d.id
"""


async def page(
    ctx: Context, filters: Filters, before: UUID | None = None, limit: int = 50
) -> list[Row]:
    """Decisions, the newest first: by their ids, which begin with the time they were made at.

    Args:
        ctx: the tenant.
        filters: which.
        before: only older ones than this (the last of the page before).
        limit: how many.
    """
    where, args = _where(ctx, filters)
    if before is not None:
        args.append(before)
        where += f" AND d.id < ${len(args)}"
    rows = await ctx.db.fetch(
        f"""SELECT d.*, m.state, m.reason AS state_reason, c.title AS campaign_title {FROM}
            JOIN pipeline_campaign c ON c.tenant_id = $1 AND c.id = d.campaign_id
            {where} ORDER BY d.id DESC LIMIT ${len(args) + 1}""",
        *args,
        limit,
    )
    return [_row(row) for row in rows]


async def funnel(ctx: Context, filters: Filters) -> Law:
    """Where the customers of these decisions are: `audience` decisions, each in one column."""
    counted = ", ".join(
        f"count(*) FILTER (WHERE m.state = ANY('{{{','.join(states)}}}')) AS {name}"
        for name, states in STATES.items()
    )
    where, args = _where(ctx, filters)
    row = await ctx.db.fetchrow(f"SELECT count(*) AS audience, {counted} {FROM} {where}", *args)
    counts = {name: row[name] for name in STATES}
    return Law(audience=row["audience"], **counts, holds=sum(counts.values()) == row["audience"])


async def costs_by_day(ctx: Context, days: int = 30) -> list[DayCost]:
    """What was paid for answers in the last `days` days, the newest day first."""
    rows = await ctx.db.fetch(
        """SELECT (at AT TIME ZONE $2)::date AS day, plugin, model, sum(shared)::bigint AS decisions,
             sum(tokens)::bigint AS tokens, sum(cost_micros)::bigint AS cost_micros,
             coalesce(sum(shared) FILTER (WHERE fallback <> ''), 0)::bigint AS fallbacks
           FROM pipeline_advice WHERE tenant_id = $1 AND at > $3
           GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2, 3""",
        ctx.tenant.id,
        ctx.tenant.timezone,
        ctx.now - timedelta(days=days),
    )
    return [DayCost(**dict(row)) for row in rows]


async def fallbacks(ctx: Context, days: int = 30, limit: int = 50) -> list[Fallback]:
    """Why better deciders did not answer in the last `days` days, the most frequent reason first."""
    rows = await ctx.db.fetch(
        """SELECT fallback AS reason, plugin, count(*) AS decisions, max(decided_at) AS last_at
           FROM pipeline_decision WHERE tenant_id = $1 AND fallback <> ''
             AND decided_at > $2
           GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT $3""",
        ctx.tenant.id,
        ctx.now - timedelta(days=days),
        limit,
    )
    return [Fallback(**dict(row)) for row in rows]


def _where(ctx: Context, filters: Filters) -> tuple[str, list[Any]]:
    """The condition, with only what is asked for, so that the indexes made for it are used."""
    states = STATES.get(filters.state, (filters.state,)) if filters.state else ()
    asked = (
        ("d.campaign_type = {}", filters.campaign_type),
        ("d.campaign_id = {}", filters.campaign_id),
        ("m.state = ANY({})", list(states)),
        ("d.plugin = {}", filters.plugin),
        ("d.decided_at >= {}", filters.since),
    )
    tests = ["d.tenant_id = $1"]
    args: list[Any] = [ctx.tenant.id]
    for sql, value in asked:
        if value:
            args.append(value)
            tests.append(sql.format(f"${len(args)}"))
    if filters.guardrail:
        tests.append("d.guardrails IS NOT NULL")
    if filters.guardrail not in ("", "*"):
        args.append(filters.guardrail)
        tests.append(f"${len(args)} = ANY(d.guardrails)")
    if filters.fallback:
        tests.append("d.fallback <> ''")
    return f"WHERE {' AND '.join(tests)}", args


def _row(row: Any) -> Row:
    record = msgspec.json.decode(row["record"], type=DecisionRecord)
    return Row(
        id=row["id"],
        decided_at=row["decided_at"],
        customer_id=row["customer_id"],
        campaign_id=row["campaign_id"],
        campaign_type=row["campaign_type"],
        campaign_title=row["campaign_title"],
        plugin=row["plugin"],
        policy=row["policy"],
        send=row["send"],
        tone=record.action.tone,
        offer=record.action.offer,
        confidence=record.decision.confidence,
        reason=record.decision.reasons[0] if record.decision.reasons else "",
        guardrails=tuple(row["guardrails"] or ()),
        fallback=row["fallback"],
        cost_micros=float(record.decision.cost_micros),
        state=row["state"] or "",
        state_reason=row["state_reason"] or "",
    )
