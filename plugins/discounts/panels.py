"""What other pages show: budgets, the offers of a campaign, the code of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel
from plugins.discounts import budget, pages
from plugins.discounts.manifest import DiscountsSettings

if TYPE_CHECKING:
    from kernel.sdk import Context

PATH = "/app/x/discounts"


async def budgets(ctx: Context, _: object) -> dict[str, Any]:
    """What offers of today and of this month cost, beside what they may."""
    return {
        "f": Formats(ctx),
        "lines": await budget.lines(ctx, ctx.settings(DiscountsSettings)),
        "open": await pages.open_codes(ctx),
        "path": PATH,
    }


async def campaign(ctx: Context, subject: Any) -> dict[str, Any] | None:
    """How many codes a campaign has, and what they may cost; left out where it has none."""
    rows = await pages.of_campaign(ctx, subject.id)
    if not rows:
        return None
    return {
        "f": Formats(ctx),
        "rows": [{**row, "words": pages.said(row["offer"], ctx.tenant.currency)} for row in rows],
        "path": PATH,
    }


async def message(ctx: Context, subject: Any) -> dict[str, Any] | None:
    """The code of a message; left out where it has none."""
    row = await pages.of_message(ctx, subject.id)
    if row is None:
        return None
    words = pages.said(row["offer"], ctx.tenant.currency)
    return {"f": Formats(ctx), "one": row, "words": words}


BUDGET = Panel(
    name="budget",
    title="Offers",
    place="home",
    template="discounts/budget.html",
    data=budgets,
    order=40,
)
CAMPAIGN = Panel(
    name="campaign",
    title="Offers and their cost",
    place="campaign",
    template="discounts/campaign.html",
    data=campaign,
    order=20,
)
MESSAGE = Panel(
    name="code",
    title="Offer",
    place="message",
    template="discounts/message.html",
    data=message,
    order=20,
)
