"""One campaign type from the proposal to the outbox, with the shop's other types standing by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.pipeline import approvals, campaigns, run
from kernel.pipeline.suppressing import suppress
from kernel.profiles.rights import erase_customer
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.tenancy.core import Core

CONSENT = """
UPDATE profiles_customer SET email_consent = 'subscribed', consent_source = 'checkout',
  consent_at = $1::timestamptz - interval '500 days', created_at = $1::timestamptz - interval '500 days'
"""


WAYS = ("suppressed", "unsubscribed", "erased")
"""How somebody leaves who waits for a mail."""


async def by_channel(core: Core, channel: str, count: int) -> UUID:
    """A welcome campaign to so many new customers, decided and approved, with no other channel about."""
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """UPDATE tenancy_plugin SET enabled = false
               WHERE tenant_id = 'alpha' AND plugin <> ALL($1::text[])""",
            [channel, "welcome", "rules"],
        )
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, count, created_at=ctx.now, consent_at=ctx.now)
    await run.propose_due(core, "alpha")
    await all_of_it(core)
    async with core.tenant_scope("alpha") as ctx:
        [campaign] = await ctx.db.fetch("SELECT id, channel FROM pipeline_campaign")
        assert campaign["channel"] == channel
        await approvals.approve(ctx, campaign["id"])
    return campaign["id"]


async def all_of_it(core: Core) -> None:
    """Whatever alpha's pipeline has to do now is done."""
    while await run.advance(core, "alpha"):
        pass


async def leaves(core: Core, way: str) -> Any:
    """The first customer leaves in one of WAYS; id and email of before."""
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow("SELECT id, email FROM profiles_customer ORDER BY id LIMIT 1")
        if way == "suppressed":
            await suppress(ctx, row["email"], "manual")
        elif way == "unsubscribed":
            await ctx.db.execute(
                "UPDATE profiles_customer SET email_consent = 'unsubscribed' WHERE id = $1",
                row["id"],
            )
        else:
            await erase_customer(ctx, row["id"])
    return row


async def lawful(core: Core, campaign: UUID) -> bool:
    """Whether the conservation law of the campaign holds."""
    async with core.tenant_scope("alpha") as ctx:
        return (await campaigns.get(ctx, campaign)).law.holds


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
    await all_of_it(core)
    return campaign


async def send(core: Core, campaign: UUID) -> list[Any]:
    """Approved and sent: the outbox's mails, by customer."""
    async with core.tenant_scope("alpha") as ctx:
        await approvals.approve(ctx, campaign)
    await all_of_it(core)
    assert await lawful(core, campaign)
    async with core.tenant_scope("alpha") as ctx:
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
