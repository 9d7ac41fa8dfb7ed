"""What the page of a customer shows: the risk, within which days, why, and what is to be expected."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from kernel.sdk import Formats, Panel, card, traits_of
from plugins.churn import risks, words
from plugins.churn.manifest import MANIFEST, ChurnSettings
from plugins.churn.model import NEXT_ORDER, PROBABILITY, REASONS, VALUE
from plugins.churn.routes import horizon_of

if TYPE_CHECKING:
    from kernel.sdk import Context, Customer


async def risk(ctx: Context, customer: Customer) -> dict[str, Any] | None:
    """All four traits in words; left out where nothing was computed for the customer."""
    traits = (await traits_of(ctx, [customer.id])).get(customer.id, {})
    gone, horizon = traits.get(PROBABILITY), horizon_of(await card(ctx, MANIFEST.name))
    if gone is None or horizon is None:
        return None
    hundredth = round(gone * 100)
    at = traits.get(NEXT_ORDER)
    return {
        "f": Formats(ctx),
        "gone": gone,
        "horizon": horizon,
        "group": next(
            one
            for one in risks.groups(ctx.settings(ChurnSettings))
            if one.low <= hundredth <= one.high
        ),
        "worth": traits.get(VALUE),
        "next_at": datetime.fromisoformat(at) if at else None,
        "reasons": [
            words.today(one, ctx.now, ctx.tenant.timezone) for one in traits.get(REASONS) or ()
        ],
    }


RISK = Panel(
    name="churn_risk",
    title="Do they order again?",
    place="customer",
    template="churn/customer.html",
    data=risk,
    order=20,
)
