"""The ledger as pages and commands show it, and a mail as it would look now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.contracts.base import Frozen
from kernel.contracts.delivery import MessageState, Rendered
from kernel.contracts.errors import Conflict, NotFound
from kernel.pipeline import campaigns, compose, features, variants
from kernel.pipeline.offer_words import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context


class MessageView(Frozen):
    """One row of the ledger with its customer's name and address."""

    id: UUID
    campaign_id: UUID
    campaign_type: str
    campaign_title: str
    customer_id: int
    customer_name: str
    customer_email: str | None
    step: int
    state: MessageState
    reason: str
    variant: str
    decision_id: UUID | None
    due_at: datetime | None
    attempts: int
    attempted_at: datetime | None
    accepted_at: datetime | None
    updated_at: datetime


SELECT = """
SELECT m.*, k.campaign_type, k.title AS campaign_title, c.email AS customer_email,
       trim(c.first_name || ' ' || c.last_name) AS customer_name
FROM pipeline_message m
JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
WHERE m.tenant_id = $1
"""


async def page(
    ctx: Context,
    campaign_id: UUID,
    states: Sequence[str] = (),
    after: int = 0,
    limit: int = 50,
) -> list[MessageView]:
    """Messages of a campaign by customer id.

    Args:
        ctx: the tenant.
        campaign_id: whose.
        states: only those in these states; empty for all.
        after: only those of customers with a greater id (the last one of the page before).
        limit: how many.
    """
    rows = await ctx.db.fetch(
        SELECT
        + """ AND m.campaign_id = $2 AND m.customer_id > $3
              AND ($4::text[] = '{}' OR m.state = ANY($4::text[])) ORDER BY m.customer_id LIMIT $5""",
        ctx.tenant.id,
        campaign_id,
        after,
        list(states),
        limit,
    )
    return [_view(row) for row in rows]


async def of_customer(ctx: Context, customer_id: int, limit: int = 50) -> list[MessageView]:
    """A customer's messages, newest first."""
    rows = await ctx.db.fetch(
        SELECT + " AND m.customer_id = $2 ORDER BY m.created_at DESC LIMIT $3",
        ctx.tenant.id,
        customer_id,
        limit,
    )
    return [_view(row) for row in rows]


async def get(ctx: Context, message_id: UUID) -> MessageView:
    """One message; raises NotFound."""
    row = await ctx.db.fetchrow(SELECT + " AND m.id = $2", ctx.tenant.id, message_id)
    if row is None:
        raise NotFound("There is no such message.", "See the campaign's messages.")
    return _view(row)


class Reason(Frozen):
    """Why customers are where they are in the ledger, and how many share it."""

    state: MessageState
    reason: str
    customers: int


async def reasons(ctx: Context, campaign_ids: Sequence[UUID], limit: int = 8) -> list[Reason]:
    """The most common reasons in these campaigns for not being written to."""
    rows = await ctx.db.fetch(
        """SELECT state, reason, count(*) AS customers FROM pipeline_message
           WHERE tenant_id = $1 AND campaign_id = ANY($2::uuid[]) AND reason <> ''
           GROUP BY state, reason ORDER BY customers DESC, reason LIMIT $3""",
        ctx.tenant.id,
        list(campaign_ids),
        limit,
    )
    return [Reason(**row) for row in rows]


async def by_trait(
    ctx: Context, campaign_id: UUID, trait: str, states: Sequence[str], limit: int = 8
) -> list[tuple[str, int]]:
    """How the campaign's customers in these states divide by a text trait: (value, customers), most first.
    An empty value: those without the trait.
    """
    rows = await ctx.db.fetch(
        """SELECT coalesce(t.value #>> '{}', '') AS value, count(*) AS customers
           FROM pipeline_message m LEFT JOIN profiles_trait t
             ON t.tenant_id = $1 AND t.customer_id = m.customer_id AND t.name = $3
           WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.state = ANY($4::text[])
           GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT $5""",
        ctx.tenant.id,
        campaign_id,
        trait,
        list(states),
        limit,
    )
    return [(row["value"], row["customers"]) for row in rows]


async def preview(ctx: Context, message_id: UUID, variant: str = "") -> Rendered:
    """The mail as it would be made now; what was handed over is kept by the channel.

    Args:
        ctx: the tenant.
        message_id: whose customer fills the slots.
        variant: instead of the message's own (a message that is not to be sent has none).

    Raises:
        Conflict: the mail cannot be made; the sentence says why.
    """
    message = await get(ctx, message_id)
    campaign = (await campaigns.get(ctx, message.campaign_id)).core()
    copies = await variants.copies(ctx, campaign.id)
    row = features.Row(message_id=message.id, customer_id=message.customer_id, step=message.step)
    found = await features.outgoing(ctx, campaign, [row])
    name = variant or message.variant or next(iter(sorted(copies)))
    languages = await variants.languages(ctx, campaign.id)
    samples = None if name == message.variant else SAMPLES
    made = await compose.render(ctx, copies, [(found[0][0], name)], languages, samples)
    if isinstance(made[0], str) or made[0].rendered is None:
        raise Conflict(str(made[0]), "Edit the words of the variant.")
    return made[0].rendered


def _view(row: Any) -> MessageView:
    return MessageView(**{name: row[name] for name in MessageView.__struct_fields__})
