"""Campaigns and messages for tests of gates and channels, as they stand at hand-over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kernel.contracts.base import new_id
from kernel.contracts.campaigns import Campaign
from kernel.pipeline import compose, features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.scope import TenantScope


async def add_campaign(ctx: Context, campaign_type: str = "welcome") -> Campaign:
    """A campaign of a type that some plugin offers, being sent."""
    owned = cast("TenantScope", ctx).core.board.campaign_types[campaign_type]
    campaign = Campaign(
        id=new_id(ctx.now),
        key=f"{campaign_type}:{new_id(ctx.now)}",
        campaign_type=campaign_type,
        plugin=owned.plugin,
        title=owned.value.title,
        status="sending",
        proposed_at=ctx.now,
    )
    await ctx.db.execute(
        """INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version,
             title, rationale, confidence, status, audience_rule, context, proposed_at, expires_at,
             urgent)
           VALUES ($1, $2, $3, $4, $5, '1', $6, '', 0.5, 'sending', '{}', '', $7, $7, $8)""",
        ctx.tenant.id,
        campaign.id,
        campaign.key,
        campaign_type,
        owned.plugin,
        campaign.title,
        ctx.now,
        owned.value.transactional,
    )
    return campaign


async def add_messages(
    ctx: Context, campaign: Campaign, customer_ids: Sequence[int], **fields: Any
) -> list[Outgoing]:
    """One message a customer in the ledger, being attempted now, as rules and channels get it.

    Args:
        ctx: the tenant.
        campaign: of which.
        customer_ids: to whom.
        fields: columns of pipeline_message that differ, equal for all, e.g. `state="planned"`.
    """
    values: dict[str, Any] = {"state": "attempting", "attempted_at": ctx.now, **fields}
    names = ", ".join(values)
    marks = ", ".join(f"${i}" for i in range(5, 5 + len(values)))
    rows = await ctx.db.fetch(
        f"INSERT INTO pipeline_message (tenant_id, campaign_id, customer_id, id, created_at, {names}) "
        f"SELECT $1, $2, c, gen_random_uuid(), $4, {marks} FROM unnest($3::bigint[]) c "
        "RETURNING id AS message_id, customer_id, step",
        ctx.tenant.id,
        campaign.id,
        list(customer_ids),
        ctx.now,
        *values.values(),
    )
    found = await features.outgoing(ctx, campaign, [features.Row(**dict(row)) for row in rows])
    return [message for message, _ in found]


async def rendered(
    ctx: Context, batch: Sequence[Outgoing], tone: str = "professional"
) -> list[Outgoing]:
    """The messages with their mails, made by the kernel and every enabled plugin."""
    board = cast("TenantScope", ctx).core.board
    kinds = {message.campaign_type for message in batch}
    copies = {kind: board.campaign_types[kind].value.copies[tone] for kind in kinds}
    made = await compose.render(
        ctx, copies, [(message, message.campaign_type) for message in batch]
    )
    assert not [problem for problem in made if isinstance(problem, str)], made
    return cast("list[Outgoing]", made)
