"""What a provider tells of messages by itself, later and in any order: it has one, or will not send it.

Proof of an attempt whose answer was lost. It also takes back what was only assumed: that the attempt
failed, or that it may be made again.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from kernel.contracts.base import Frozen
from kernel.contracts.events import MessagesAccepted
from kernel.events.outbox import emit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context


class Heard(Frozen):
    """What the provider told of one message."""

    message_id: UUID
    state: Literal["accepted", "rejected"]
    """accepted: the provider has it, or had. rejected: it took it and will not send it."""
    at: datetime
    provider_id: str = ""
    reason: str = ""
    """A sentence for the ledger, where it is rejected."""


# Only what was attempted: nobody can have what was never handed over.
_ATTEMPTED = "(m.attempts > 0 OR m.state IN ('attempting', 'unknown', 'rejected'))"
_HEARD = f"""
UPDATE pipeline_message m SET state = r.state, reason = r.reason, due_at = NULL, lease_until = NULL,
  provider_id = coalesce(nullif(m.provider_id, ''), r.provider_id),
  accepted_at = CASE WHEN r.state = 'accepted' THEN coalesce(m.accepted_at, r.at) ELSE m.accepted_at END,
  updated_at = now()
FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
  r (id, state, at, provider_id, reason), pipeline_campaign c
WHERE m.tenant_id = $1 AND m.id = r.id AND {_ATTEMPTED}
  AND c.tenant_id = $1 AND c.id = m.campaign_id
  AND CASE r.state WHEN 'accepted' THEN m.state NOT IN ('accepted', 'delivered', 'bounced')
      ELSE m.state NOT IN ('rejected', 'delivered', 'bounced') END
RETURNING m.id, m.customer_id, m.campaign_id, m.state, c.campaign_type
"""


async def heard(ctx: Context, told: Sequence[Heard]) -> int:
    """Move the ledger by what a provider told, and tell of what turned out to be accepted.

    A message that was delivered or bounced stays so. Safe to be told twice.

    Args:
        ctx: the tenant, in a transaction.
        told: at most one a message.

    Returns:
        How many messages moved.
    """
    if not told:
        return 0
    rows = await ctx.db.fetch(
        _HEARD,
        ctx.tenant.id,
        [one.message_id for one in told],
        [one.state for one in told],
        [one.at for one in told],
        [one.provider_id for one in told],
        [one.reason for one in told],
    )
    accepted = sorted(
        (row for row in rows if row["state"] == "accepted"), key=lambda row: row["campaign_id"]
    )
    for (campaign_id, kind), moved in groupby(
        accepted, key=lambda row: (row["campaign_id"], row["campaign_type"])
    ):
        found = list(moved)
        await emit(
            ctx,
            MessagesAccepted(
                occurred_at=ctx.now,
                campaign_id=campaign_id,
                campaign_type=kind,
                message_ids=tuple(row["id"] for row in found),
                customer_ids=tuple(row["customer_id"] for row in found),
            ),
        )
    return len(rows)
