"""Traits and recent behaviour of exactly these customers, in one query a batch."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.decisions import Candidate, Scalar
from kernel.contracts.delivery import Outgoing, Recipient

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context

FEATURES_VERSION = 1
"""Goes up when a feature's meaning changes; kept in every decision record."""

SENT = "('attempting', 'accepted', 'delivered', 'unknown')"
"""Counts as a mail to the customer: it has been, or may have been, handed over."""

PEOPLE = """
SELECT r.message_id, r.step, c.id, c.email, c.first_name, c.last_name, c.country, c.timezone, c.locale,
       c.email_consent, c.consent_at, c.consent_source, c.orders_count,
       c.total_spent::float8 AS total_spent, c.first_order_at, c.last_order_at, c.created_at
FROM unnest($2::uuid[], $3::bigint[], $4::int[]) WITH ORDINALITY r (message_id, customer_id, step, n)
JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = r.customer_id
ORDER BY r.n
"""

BEHAVIOUR = f"""
SELECT c.id, m.last_mail_at, coalesce(m.mails_30d, 0) AS mails_30d,
       coalesce(o.clicks_90d, 0) AS clicks_90d, b.returns_count, t.traits
FROM unnest($2::bigint[]) c (id)
LEFT JOIN LATERAL (
  SELECT max(attempted_at) AS last_mail_at, count(*) FILTER (WHERE attempted_at > $4) AS mails_30d
  FROM pipeline_message WHERE tenant_id = $1 AND customer_id = c.id AND attempted_at <= $3
    AND state IN {SENT}
) m ON true
LEFT JOIN LATERAL (
  SELECT count(*) AS clicks_90d FROM pipeline_outcome
  WHERE tenant_id = $1 AND customer_id = c.id AND at > $5 AND at <= $3 AND kind = 'clicked'
) o ON true
LEFT JOIN LATERAL (
  SELECT count(*) AS returns_count FROM profiles_order
  WHERE tenant_id = $1 AND customer_id = c.id AND ordered_at <= $3
    AND kind = 'return' AND status = 'placed' AND NOT is_test
) b ON true
LEFT JOIN LATERAL (
  SELECT json_object_agg(name, value)::text AS traits FROM profiles_trait
  WHERE tenant_id = $1 AND customer_id = c.id
) t ON true
"""


class Row(Frozen):
    """A ledger row on its way through the stages."""

    message_id: UUID
    customer_id: int
    step: int


class Person(Frozen):
    """What the stages need to know of one customer: features to decide, a recipient to write to."""

    candidate: Candidate
    outgoing: Outgoing


async def outgoing(
    ctx: Context, campaign: Campaign, rows: Sequence[Row]
) -> list[tuple[Outgoing, Any]]:
    """The rows as messages on their way, in their order, with the customer's database row."""
    found = await ctx.db.fetch(
        PEOPLE,
        ctx.tenant.id,
        [row.message_id for row in rows],
        [row.customer_id for row in rows],
        [row.step for row in rows],
    )
    return [
        (
            Outgoing(
                id=row["message_id"],
                campaign_id=campaign.id,
                campaign_type=campaign.campaign_type,
                customer_id=row["id"],
                step=row["step"],
                proposed_at=campaign.proposed_at,
                recipient=Recipient(
                    customer_id=row["id"],
                    email=row["email"],
                    first_name=row["first_name"],
                    last_name=row["last_name"],
                    country=row["country"],
                    timezone=row["timezone"],
                    locale=row["locale"],
                    email_consent=row["email_consent"],
                    consent_at=row["consent_at"],
                    consent_source=row["consent_source"],
                    orders_count=row["orders_count"],
                    last_order_at=row["last_order_at"],
                ),
            ),
            row,
        )
        for row in found
    ]


async def people(ctx: Context, campaign: Campaign, rows: Sequence[Row]) -> list[Person]:
    """The rows with their features, in their order. See docs/features.md for names and units."""
    now = ctx.now
    known = await outgoing(ctx, campaign, rows)
    behaviour = await ctx.db.fetch(
        BEHAVIOUR,
        ctx.tenant.id,
        [row.customer_id for row in rows],
        now,
        now - timedelta(days=30),
        now - timedelta(days=90),
    )
    recent = {row["id"]: row for row in behaviour}
    return [
        Person(
            candidate=Candidate(
                message_id=message.id,
                customer_id=message.customer_id,
                step=message.step,
                occasion=f"{campaign.key}/{message.step}",
                features=_features(row, recent[message.customer_id], now),
            ),
            outgoing=message,
        )
        for message, row in known
    ]


def _features(row: Any, recent: Any, now: datetime) -> dict[str, Scalar]:
    orders = row["orders_count"]
    first, last = row["first_order_at"], row["last_order_at"]
    gap = _days(first, last) / (orders - 1) if orders > 1 and first and last else None
    features: dict[str, Scalar] = {
        "orders_count": orders,
        "total_spent": round(row["total_spent"], 2),
        "average_order_value": round(row["total_spent"] / orders, 2) if orders else None,
        "days_since_order": _days(last, now) if last else None,
        "days_since_first_order": _days(first, now) if first else None,
        "days_since_created": _days(row["created_at"], now),
        "mean_gap_days": None if gap is None else round(gap, 2),
        "days_since_mail": _days(recent["last_mail_at"], now) if recent["last_mail_at"] else None,
        "returns_count": recent["returns_count"],
        "mails_30d": recent["mails_30d"],
        "clicks_90d": recent["clicks_90d"],
        "is_subscriber": row["email_consent"] == "subscribed",
        "country": row["country"],
    }
    if recent["traits"]:
        for name, value in msgspec.json.decode(recent["traits"]).items():
            if value is None or isinstance(value, bool | int | float | str):
                features[f"trait:{name}"] = value
    return features


def _days(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 86400, 2)
