"""One campaign type from the proposal to the outbox, with the shop's other types standing by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.pipeline import approvals, campaigns, run

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core

CONSENT = """
UPDATE profiles_customer SET email_consent = 'subscribed', consent_source = 'checkout',
  consent_at = $1::timestamptz - interval '500 days', created_at = $1::timestamptz - interval '500 days'
"""


async def propose(core: Core, kind: str) -> UUID:
    """The decided campaign of this type; those of other types are cancelled first."""
    await run.propose_due(core, "alpha")
    async with core.tenant_scope("alpha") as ctx:
        for row in await ctx.db.fetch(
            "SELECT id FROM pipeline_campaign WHERE campaign_type <> $1", kind
        ):
            await approvals.cancel(ctx, row["id"])
        campaign: UUID = await ctx.db.fetchval(
            "SELECT id FROM pipeline_campaign WHERE campaign_type = $1", kind
        )
    while await run.advance(core, "alpha"):
        pass
    return campaign


async def send(core: Core, campaign: UUID) -> list[Any]:
    """Approved and sent: the outbox's mails, by customer."""
    async with core.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign)
    while await run.advance(core, "alpha"):
        pass
    async with core.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, campaign)).law.holds
        rows: list[Any] = await ctx.db.fetch(
            """SELECT o.*, m.customer_id AS customer FROM outbox_mail o
               JOIN pipeline_message m ON m.id = o.message_id ORDER BY m.customer_id"""
        )
    return rows


async def states(core: Core, campaign: UUID) -> dict[int, tuple[str, str]]:
    """Customer -> state and reason in the ledger."""
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch(
            "SELECT customer_id, state, reason FROM pipeline_message WHERE campaign_id = $1",
            campaign,
        )
    return {row["customer_id"]: (row["state"], row["reason"]) for row in rows}


async def silent_in_bravo(core: Core) -> None:
    """The other tenant has neither campaigns nor mails nor traits."""
    async with core.tenant_scope("bravo") as ctx:
        for name in ("pipeline_campaign", "outbox_mail", "profiles_trait"):
            assert await ctx.db.fetchval(f"SELECT count(*) FROM {name}") == 0
