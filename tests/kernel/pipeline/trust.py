"""A merchant's history for tests of autonomy: campaigns that people approved, edited or rejected."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.contracts.base import new_id
from kernel.pipeline import run
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.contracts.context import Context
    from kernel.tenancy.core import Core

NOBODY = 1_000_000
"""No customer has so high an id: who was written to then is not written to now."""
ACTION = {"approved": "approve", "edited": "approve", "rejected": "reject"}


async def judge(
    ctx: Context,
    verdict: str,
    count: int = 1,
    *,
    campaign_type: str = "welcome",
    raw: float | None = None,
    actor: str = "merchant",
    would_send: bool | None = None,
    at_once: bool = False,
) -> list[UUID]:
    """Campaigns of last month with a person's word on each; by default their confidence goes
    evenly from 0 to 1, and shadow mode saw none of them.
    """
    at = ctx.now - timedelta(days=30)
    ids = [new_id(ctx.now) for _ in range(count)]
    said = [(number % 10 + 0.5) / 10 if raw is None else raw for number in range(count)]
    await ctx.db.execute(
        """INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version,
             title, rationale, confidence, status, audience_rule, context, proposed_at, decided_at,
             expires_at, approved_at, approved_by)
           SELECT $1, u.id, u.id::text, $2, $2, '1', 'Earlier', '', u.said, $3, '{}', '', $4, $4, $4,
             $4, $5 FROM unnest($6::uuid[], $7::float8[]) u (id, said)""",
        ctx.tenant.id,
        campaign_type,
        "rejected" if verdict == "rejected" else "finished",
        at,
        actor,
        ids,
        said,
    )
    for action in [*(["edit"] if verdict == "edited" else []), ACTION[verdict]]:
        await ctx.db.execute(
            """INSERT INTO pipeline_approval (tenant_id, campaign_id, at, actor, action, reason, detail)
               SELECT $1, id, $2, $3, $4, 'because', $5 FROM unnest($6::uuid[]) id""",
            ctx.tenant.id,
            at,
            actor,
            action,
            '{"at_once": true}' if at_once else "{}",
            ids,
        )
    if would_send is not None:
        await ctx.db.execute(
            """INSERT INTO pipeline_shadow SELECT $1, u.id, $2, $3, 'one_click', 10, 10, 0, 0, 0, u.said,
                 u.said, 0.8, $4, 'because' FROM unnest($5::uuid[], $6::float8[]) u (id, said)""",
            ctx.tenant.id,
            campaign_type,
            at,
            would_send,
            ids,
            said,
        )
    return ids


async def earn(core: Core, count: int = 100, **fields: object) -> None:
    """So many campaigns approved as they were."""
    async with core.tenant_scope("alpha") as ctx:
        await judge(ctx, "approved", count, **fields)  # type: ignore[arg-type]


async def write_wish(core: Core, sql: str, *args: object) -> None:
    """Write around every service, as somebody with a database console would."""
    async with core.system_scope("test") as unit:
        await unit.execute(sql, *args)


async def new_campaign(core: Core, customers: int = 4) -> UUID:
    """Today's campaign of newcomers, decided; whatever autonomy does to it is done."""
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, customers, created_at=ctx.now - timedelta(days=2))
    [campaign_id] = await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    return campaign_id


async def status(core: Core, campaign_id: UUID) -> tuple[str, str]:
    """The campaign's status, and who approved it."""
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow(
            "SELECT status, approved_by FROM pipeline_campaign WHERE id = $1", campaign_id
        )
    return row["status"], row["approved_by"]


async def states(core: Core, campaign_id: UUID) -> Sequence[str]:
    """The states of its messages, by customer."""
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch(
            "SELECT state FROM pipeline_message WHERE campaign_id = $1 ORDER BY customer_id",
            campaign_id,
        )
    return [row["state"] for row in rows]


async def sent(
    core: Core,
    count: int,
    *,
    campaign_type: str = "welcome",
    days: float = 1,
    approved_by: str = "merchant",
    status: str = "finished",
    **outcomes: int,
) -> UUID:
    """A campaign approved so many days ago with `count` accepted messages; of these so many were
    `complained`, `bounced` or `unsubscribed`.
    """
    async with core.tenant_scope("alpha") as ctx:
        key = new_id(ctx.now)
        at = ctx.now - timedelta(days=days)
        await ctx.db.execute(
            """INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version,
                 title, rationale, confidence, status, audience_rule, context, proposed_at, expires_at,
                 approved_at, approved_by)
               VALUES ($1, $2::uuid, $2::uuid::text, $3, $3, '1', 'Sent', '', 0.5, $4, '{}', '', $5, $6,
                 $5, $7)""",
            ctx.tenant.id, key, campaign_type, status, at, at + timedelta(days=30), approved_by,
        )  # fmt: skip
        await ctx.db.execute(
            """INSERT INTO pipeline_message (tenant_id, campaign_id, customer_id, id, created_at, state)
               SELECT $1, $2, $5 + n, gen_random_uuid(), $3, 'accepted' FROM generate_series(1, $4::int) n""",
            ctx.tenant.id, key, at, count, NOBODY,
        )  # fmt: skip
        for kind, number in outcomes.items():
            await ctx.db.execute(
                """INSERT INTO pipeline_outcome (tenant_id, message_id, kind, at, customer_id)
                   SELECT $1, id, $2, $3, customer_id FROM pipeline_message
                   WHERE campaign_id = $4 AND customer_id <= $5""",
                ctx.tenant.id, kind, at + timedelta(minutes=5), key, NOBODY + number,
            )  # fmt: skip
    return key
