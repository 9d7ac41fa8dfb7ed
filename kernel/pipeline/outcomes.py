"""What came of messages, and taking people out when the reason to write to them is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.contracts.base import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context
    from kernel.contracts.delivery import Outcome

DELIVERY = {"delivered": "delivered", "bounced": "bounced"}

# What was attempted and then taken for failed, or for not taken and planned again, has gone out after all:
# so it is not sent once more.
MOVE = """
UPDATE pipeline_message SET state = $3, updated_at = now(), lease_until = NULL, due_at = NULL,
  reason = CASE WHEN state IN ('accepted', 'delivered') THEN reason ELSE '' END,
  accepted_at = coalesce(accepted_at, $4)
WHERE tenant_id = $1 AND id = ANY($2::uuid[])
  AND (state IN ('attempting', 'accepted', 'unknown', 'delivered')
       OR attempts > 0 AND state IN ('rejected', 'planned', 'deferred', 'cancelled'))
"""
PROVE = """
UPDATE pipeline_message SET state = 'accepted', updated_at = now(), lease_until = NULL, due_at = NULL,
  reason = '', accepted_at = coalesce(accepted_at, $3)
WHERE tenant_id = $1 AND id = ANY($2::uuid[])
  AND (state IN ('attempting', 'unknown')
       OR attempts > 0 AND state IN ('rejected', 'planned', 'deferred', 'cancelled'))
"""


async def record(ctx: Context, outcomes: Sequence[Outcome]) -> int:
    """Keep outcomes; of each kind a message has one, and the first stays, but that a bounce for good
    takes the place of one that was not. Returns how many are new.

    `delivered` and `bounced` also move the ledger: never back from `bounced`. Any other proves that the
    message was accepted, where that was not known.
    """
    if not outcomes:
        return 0
    rows = await ctx.db.fetch(
        """INSERT INTO pipeline_outcome (tenant_id, message_id, kind, at, customer_id, detail)
           SELECT $1, r.* FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[],
                                      $6::jsonb[]) r
           ON CONFLICT DO NOTHING RETURNING message_id, kind""",
        ctx.tenant.id,
        [one.message_id for one in outcomes],
        [one.kind for one in outcomes],
        [one.at for one in outcomes],
        [one.customer_id for one in outcomes],
        [canonical(one.detail).decode() for one in outcomes],
    )
    await _for_good(ctx, [one for one in outcomes if one.detail.get("hard")])
    for kind, state in DELIVERY.items():
        moved = [row["message_id"] for row in rows if row["kind"] == kind]
        if moved:
            await ctx.db.execute(
                MOVE,
                ctx.tenant.id,
                moved,
                state,
                ctx.now,
            )
    # Who clicked, complained or answered has had it.
    if proved := [row["message_id"] for row in rows if row["kind"] not in DELIVERY]:
        await ctx.db.execute(PROVE, ctx.tenant.id, proved, ctx.now)
    return len(rows)


async def _for_good(ctx: Context, bounces: Sequence[Outcome]) -> None:
    """A bounce for good counts, whichever of two was told of first."""
    if bounces:
        await ctx.db.execute(
            """UPDATE pipeline_outcome o SET at = r.at, detail = r.detail
               FROM unnest($2::uuid[], $3::timestamptz[], $4::jsonb[]) r (message_id, at, detail)
               WHERE o.tenant_id = $1 AND o.message_id = r.message_id AND o.kind = 'bounced'
                 AND o.detail ->> 'hard' = '0'""",
            ctx.tenant.id,
            [one.message_id for one in bounces],
            [one.at for one in bounces],
            [canonical(one.detail).decode() for one in bounces],
        )


async def cancel_planned(
    ctx: Context, customer_ids: Sequence[int], reason: str, campaign_type: str = ""
) -> int:
    """Take customers out of what has not been handed over yet.

    Args:
        ctx: the tenant.
        customer_ids: who.
        reason: a sentence for the ledger.
        campaign_type: only from campaigns of this type; empty for all.

    Returns:
        How many messages were cancelled.
    """
    tag = await ctx.db.execute(
        """UPDATE pipeline_message m SET state = 'cancelled', reason = $3, due_at = NULL,
             updated_at = now()
           FROM pipeline_campaign c
           WHERE m.tenant_id = $1 AND m.customer_id = ANY($2::bigint[])
             AND m.state IN ('planned', 'deferred')
             AND c.tenant_id = $1 AND c.id = m.campaign_id
             AND ($4 = '' OR c.campaign_type = $4)""",
        ctx.tenant.id,
        list(customer_ids),
        reason,
        campaign_type,
    )
    return int(tag.rpartition(" ")[2])
