"""What the first page of the admin shows: whether Claude can be asked, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel
from plugins.claude import budget, client
from plugins.claude.manifest import ClaudeSettings

if TYPE_CHECKING:
    from kernel.sdk import Context

DAYS = 7
MODES = {
    "bucketed": "one question for each kind of customer",
    "per_customer": "one question for each customer",
    "rules": "none: the rules decide",
}


async def state(ctx: Context, _: object) -> dict[str, Any]:
    """Key, models, circuit, budget and the last days."""
    settings = ctx.settings(ClaudeSettings)
    models = await ctx.db.fetch(
        "SELECT name, good, said, checked_at FROM claude_model WHERE tenant_id = $1 AND name = ANY($2)",
        ctx.tenant.id,
        [settings.model_decide, settings.model_write],
    )
    circuit = await ctx.db.fetchrow(
        """SELECT failures, error, open_until > now() AS open FROM claude_circuit
           WHERE tenant_id = $1 AND open_until IS NOT NULL""",
        ctx.tenant.id,
    )
    batches = await ctx.db.fetchrow(
        """SELECT count(*) AS count, coalesce(sum(size), 0) AS size FROM claude_batch
           WHERE tenant_id = $1 AND state IN ('making', 'sent')""",
        ctx.tenant.id,
    )
    today = await budget.today(ctx)
    return {
        "f": Formats(ctx),
        "no_key": client.NO_KEY if not client.key(ctx.tenant.id) else "",
        "key_variable": client.key_variable(ctx.tenant.id),
        "mode": MODES[settings.mode],
        "budget": f"{settings.daily_budget:,.2f}",
        "spent": f"{(today.spent_micros if today else 0) / 1e6:,.4f}",
        "reserved": f"{(today.reserved_micros if today else 0) / 1e6:,.4f}",
        "circuit": dict(circuit) if circuit else None,
        "models": [dict(row) for row in models],
        "batches": dict(batches),
        "days": [
            {
                "day": day.day.isoformat(),
                "calls": f"{day.calls:,}",
                "tokens": f"{day.tokens_in + day.tokens_cached + day.tokens_out:,}",
                "cost": f"{day.spent_micros / 1e6:,.4f}",
            }
            for day in await budget.days(ctx, DAYS)
        ],
    }


STATE = Panel(
    name="state",
    title="Claude",
    place="home",
    template="claude/state.html",
    data=state,
    order=70,
)
