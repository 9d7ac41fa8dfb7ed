"""Mails that a provider accepted, with what came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.sdk import Outcome, record_outcomes
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


async def mailed(
    core: Core,
    mailbox: str,
    accepted: int,
    bounces: int = 0,
    complaints: int = 0,
    days_ago: float = 1,
    tenant: str = "alpha",
) -> None:
    """So many mails accepted then, of which so many came back for good or were called spam."""
    async with core.tenant_scope(tenant) as ctx:
        ids = await add_customers(ctx, accepted)
        at = ctx.now - timedelta(days=days_ago)
        sent = await add_messages(
            ctx,
            await add_campaign(ctx),
            ids,
            state="accepted",
            attempted_at=at,
            accepted_at=at,
            mailbox=mailbox,
        )
        kinds = ["bounced"] * bounces + ["complained"] * complaints
        await record_outcomes(
            ctx,
            [
                Outcome(
                    message_id=one.id,
                    customer_id=one.customer_id,
                    kind=kind,  # type: ignore[arg-type]
                    at=at,
                    detail={"hard": 1} if kind == "bounced" else {},
                )
                for one, kind in zip(sent, kinds, strict=False)
            ],
        )
