"""A pretend merchant: looks in, reads what is proposed, and says yes, no, or yes with other words."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

import msgspec

from kernel.sdk import Context, Engine, approvals, campaigns, variants

MORNING = 10
REJECTION = "Too close to our own newsletter this week. Please try again later."
GREETING = "From us to you: "
EDITED, REJECTED = 2, 4
"""Which campaign gets another subject, and which is refused, counted from the first."""


class Merchant:
    """Decides at ten in the morning. From the day `rests_from` on it leaves campaigns waiting, so
    that a person finds something to do.
    """

    def __init__(self, engine: Engine, rests_from: date) -> None:
        self.engine = engine
        self.rests_from = rests_from
        self.seen = 0

    async def visit(self, tenant_id: str, at: datetime) -> None:
        """What the merchant does when the clock stops at `at` (the shop's time)."""
        if at.hour != MORNING or at.date() >= self.rests_from:
            return
        async with self.engine.core.tenant_scope(tenant_id, "pretend merchant") as ctx:
            waiting = await campaigns.page(ctx, "waiting", limit=1000)
            # The largest first: two runs refuse the same one, and a small one.
            for campaign in sorted(waiting, key=lambda one: (-one.law.audience, one.campaign_type)):
                self.seen += 1
                if self.seen == REJECTED:
                    await approvals.reject(ctx, campaign.id, REJECTION)
                    continue
                if self.seen == EDITED:
                    await edit_subjects(ctx, campaign.id)
                await approvals.approve(ctx, campaign.id)


async def edit_subjects(ctx: Context, campaign_id: UUID) -> None:
    """Puts a warmer word before the subject of every variant."""
    for variant, copy in (await variants.copies(ctx, campaign_id)).items():
        warmer = msgspec.structs.replace(copy, subject=f"{GREETING}{copy.subject}"[:150])
        await approvals.edit(ctx, campaign_id, variant, warmer)
