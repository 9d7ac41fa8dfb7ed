"""What deciders know of exactly these customers, a batch at a time.

What orders and mails tell is the feature frame of the models (kernel/models/features.py): one name means
one thing, in a model, in a decision and in `why`. Profile and traits come beside it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from kernel.contracts.base import Frozen
from kernel.contracts.decisions import Candidate, Scalar
from kernel.contracts.delivery import Outgoing, Recipient
from kernel.models.features import FEATURES_VERSION, features_of
from kernel.models.history import read_history
from kernel.profiles.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.tenancy.scope import TenantScope

__all__ = ["FEATURES_VERSION", "outgoing", "people"]

FROM_FRAME = (
    "orders_count", "total_spent", "average_order_value", "days_since_order",
    "days_since_first_order", "mean_gap_days", "days_since_mail", "returns_count", "mails_30d",
    "clicks_90d",
)  # fmt: skip
"""What deciders get of the frame: enough to reason with, and small enough to keep with each decision."""

PEOPLE = """
SELECT r.message_id, r.step, c.id, c.email, c.first_name, c.last_name, c.country, c.timezone, c.locale,
       c.email_consent, c.consent_at, c.consent_source, c.consent_wording,
       c.tracking_consent, c.orders_count, c.last_order_at, c.created_at
FROM unnest($2::uuid[], $3::bigint[], $4::int[]) WITH ORDINALITY r (message_id, customer_id, step, n)
JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = r.customer_id
ORDER BY r.n
"""

# A campaign's key ends with its day: `welcome:2026-06-15`. What customers asked for takes nobody's place.
SAME_DAY = """
SELECT id FROM pipeline_campaign
WHERE tenant_id = $1 AND id <> $2 AND split_part(key, ':', 2) = split_part($3, ':', 2)
  AND NOT urgent
"""
BESIDE = """
SELECT m.customer_id,
  string_agg(DISTINCT k.campaign_type, ',' ORDER BY k.campaign_type)
    FILTER (WHERE k.status = 'deciding' AND m.state = 'candidate') AS other_types,
  min(k.campaign_type) FILTER (WHERE m.state IN
    ('planned', 'deferred', 'attempting', 'accepted', 'delivered', 'bounced', 'unknown')) AS planned_type
FROM pipeline_message m
JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
WHERE m.tenant_id = $1 AND m.campaign_id = ANY($2::uuid[]) AND m.customer_id = ANY($3::bigint[])
GROUP BY m.customer_id
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
    owned = cast("TenantScope", ctx).core.board.campaign_types.get(campaign.campaign_type)
    kind = owned.value if owned else None
    return [
        (
            Outgoing(
                id=row["message_id"],
                campaign_id=campaign.id,
                campaign_type=campaign.campaign_type,
                customer_id=row["id"],
                step=row["step"],
                topic=kind.topic if kind else "offers",
                transactional=kind.transactional if kind else False,
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
                    consent_wording=row["consent_wording"],
                    tracking_consent=row["tracking_consent"],
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
    ids = list({row.customer_id for row in rows})
    until = now + timedelta(microseconds=1)  # a decision may know what happens at this very moment
    history = await read_history(ctx, until, ["mails"], ids, pieces=False)
    frame = features_of(history, until, ids).select("customer_id", *FROM_FRAME)
    behaviour = {row.pop("customer_id"): row for row in frame.iter_rows(named=True)}
    traits = await traits_of(ctx, ids)
    beside = await _beside(ctx, campaign, ids)
    return [
        Person(
            candidate=Candidate(
                message_id=message.id,
                customer_id=message.customer_id,
                step=message.step,
                occasion=f"{campaign.key}/{message.step}",
                features=_features(
                    row,
                    behaviour[message.customer_id],
                    traits.get(message.customer_id, {}),
                    beside.get(message.customer_id, {}),
                    now,
                ),
            ),
            outgoing=message,
        )
        for message, row in known
    ]


async def _beside(
    ctx: Context, campaign: Campaign, ids: list[int]
) -> dict[int, dict[str, str | None]]:
    """By customer, what the tenant's other campaigns of the day have to do with them."""
    others = await ctx.db.fetch(SAME_DAY, ctx.tenant.id, campaign.id, campaign.key)
    if not others:
        return {}
    rows = await ctx.db.fetch(BESIDE, ctx.tenant.id, [row["id"] for row in others], ids)
    return {row["customer_id"]: dict(row) for row in rows}


def _features(
    row: Any,
    behaviour: dict[str, Any],
    traits: dict[str, Any],
    beside: dict[str, str | None],
    now: datetime,
) -> dict[str, Scalar]:
    features: dict[str, Scalar] = {
        name: round(value, 2) if isinstance(value, float) else value
        for name, value in behaviour.items()
    }
    features |= {
        "orders_count": behaviour["orders_count"] or 0,
        "total_spent": round(behaviour["total_spent"] or 0.0, 2),
        "days_since_created": _days(row["created_at"], now),
        "is_subscriber": row["email_consent"] == "subscribed",
        "country": row["country"],
        "other_types": beside.get("other_types") or "",
        "planned_type": beside.get("planned_type") or "",
    }
    for name, value in traits.items():
        if value is None or isinstance(value, bool | int | float | str):
            features[f"trait:{name}"] = value
    return features


def _days(start: datetime, end: datetime) -> float:
    return round((end - start).total_seconds() / 86400, 2)
