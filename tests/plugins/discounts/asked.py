"""Decisions as any decider might ask them, put through the plugboard as the pipeline does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec

from kernel.contracts.base import new_id
from kernel.contracts.campaigns import Campaign
from kernel.sdk import Action, Candidate, DecideContext, Decision, Guarded, Option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.tenancy.scope import TenantScope

OFFERS = (
    "percent/5",
    "percent/10",
    "percent/15",
    "percent/20",
    "amount/5",
    "amount/8.5",
    "amount/12",
)
FREE: dict[str, Any] = {
    "max_percent": 100.0, "max_amount": 1000.0, "cooldown_days": 0.0, "ceiling_offers": 1000,
    "never_segments": (), "daily_budget": 0.0, "monthly_budget": 0.0,
}  # fmt: skip
"""Settings with hardly any limit, for tests of one guardrail at a time."""


async def settings(ctx: TenantScope, **said: Any) -> None:
    """Set the plugin's settings in the database and in the open scope."""
    raw = {**FREE, **said}
    await ctx.db.execute(
        "UPDATE tenancy_plugin SET settings = $2 WHERE tenant_id = $1 AND plugin = 'discounts'",
        ctx.tenant.id,
        msgspec.json.encode(raw).decode(),
    )
    ctx.tenant = msgspec.structs.replace(
        ctx.tenant, plugins={**ctx.tenant.plugins, "discounts": msgspec.to_builtins(raw)}
    )
    ctx._settings.clear()


def frame(ctx: TenantScope, offers: Sequence[str] = OFFERS) -> DecideContext:
    """A campaign of the type `winback` that lists these offers."""
    return DecideContext(
        tenant=ctx.tenant,
        campaign=Campaign(
            id=new_id(ctx.now), key=f"winback:{uuid4()}", campaign_type="winback", plugin="winback",
            title="Win back", status="deciding", proposed_at=ctx.now,
        ),
        now=ctx.now,
        actions=(Action(send=False), *(send(offer) for offer in ("", *offers))),
        settings={},
    )  # fmt: skip


def send(offer: str = "", **fields: Any) -> Action:
    return Action(send=True, campaign_type="winback", tone="friendly", offer=offer, **fields)


def candidate(customer_id: int, message_id: UUID | None = None, **features: Any) -> Candidate:
    """One who orders for 100 on average."""
    known = {"average_order_value": 100.0, "orders_count": 3, **features}
    known = {name.replace("__", ":").replace("_dot_", "."): value for name, value in known.items()}
    return Candidate(
        message_id=message_id or uuid4(),
        customer_id=customer_id,
        step=1,
        occasion=f"test/{customer_id}",
        features=known,
    )


def guarded(action: Action, **fields: Any) -> Guarded:
    decision = Decision(
        chosen=action,
        options=(Option(action=action, probability=1.0),),
        reasons=("Because.",),
        policy="adversary/1",
    )
    return Guarded(decision=decision, action=action, **fields)


async def adjust(
    ctx: TenantScope,
    given: DecideContext,
    candidates: Sequence[Candidate],
    asked: Sequence[Guarded],
) -> list[Guarded]:
    """The answer of this plugin alone, through the dispatcher; a failure of it fails the test."""
    failures: list[Any] = []
    before, ctx.core.board.report = ctx.core.board.report, failures.append
    try:
        answer = await ctx.core.board.chain(
            "adjust_decisions", frozenset({"discounts"}), "decisions", asked,
            ctx=ctx, given=given, candidates=candidates,
        )  # fmt: skip
    finally:
        ctx.core.board.report = before
    assert not failures, failures
    return list(answer)


async def ask(ctx: TenantScope, offer: str, customer_id: int = 1, **features: Any) -> Guarded:
    """One customer, one offer asked."""
    [answer] = await adjust(
        ctx, frame(ctx), [candidate(customer_id, **features)], [guarded(send(offer))]
    )
    return answer


def changes(answer: Guarded) -> list[tuple[str, str, str]]:
    return [(one.guardrail, one.asked.offer, one.allowed.offer) for one in answer.changes]


async def rows(ctx: TenantScope, columns: str = "*") -> list[Any]:
    return await ctx.db.fetch(
        f"SELECT {columns} FROM discounts_code WHERE tenant_id = $1 ORDER BY id", ctx.tenant.id
    )


async def budgets(ctx: TenantScope) -> dict[str, tuple[float, float]]:
    found = await ctx.db.fetch(
        "SELECT kind, sum(reserved) AS r, sum(settled) AS s FROM discounts_budget "
        "WHERE tenant_id = $1 GROUP BY kind",
        ctx.tenant.id,
    )
    return {row["kind"]: (float(row["r"]), float(row["s"])) for row in found}


def days(count: float) -> timedelta:
    return timedelta(days=count)
