"""What a campaign may bring and cost, from what earlier campaigns of its type did.

The hold-out group is what makes it more than a guess: those who were left out by the hash stand in the same
audiences. Expected extra orders = messages x (share of the written-to who ordered within WITHIN, less that of
the held-out), with a 95 % interval. Until both groups are large enough the answer is "unknown yet".

Source of the interval: Newcombe (1998), method 10: the difference of two shares by their Wilson intervals.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen
from kernel.contracts.errors import NotFound

if TYPE_CHECKING:
    from uuid import UUID

    from kernel.contracts.context import Context

WITHIN = timedelta(days=7)
LOOK_BACK = timedelta(days=180)
CAMPAIGNS = 10
SAMPLE = 2000
"""Customers looked at of each group of a campaign, so that a page waits for no big campaign. Ids of
messages are random, so the first ones by id are a fair sample."""
LEAST_WRITTEN, LEAST_HELD_OUT = 200, 50
Z = 1.959964

_NOW = """
SELECT c.campaign_type, coalesce(s.offers, 0) AS offers, coalesce(s.reserved, 0) AS reserved,
  (SELECT count(*) FROM pipeline_message m WHERE m.tenant_id = $1 AND m.campaign_id = $2
     AND m.state IN ('planned', 'deferred')) AS sends
FROM pipeline_campaign c
LEFT JOIN pipeline_shadow s ON s.tenant_id = c.tenant_id AND s.campaign_id = c.id
WHERE c.tenant_id = $1 AND c.id = $2
"""
# Written to is who was meant to be: leaving out those who bounced would compare unequal groups.
_BEFORE = """
SELECT g.held, count(*) AS n, count(*) FILTER (WHERE EXISTS (SELECT FROM profiles_order o
    WHERE o.tenant_id = $1 AND o.customer_id = g.customer_id AND o.kind = 'order'
      AND o.status = 'placed' AND NOT o.is_test AND o.ordered_at > g.approved_at
      AND o.ordered_at <= g.approved_at + $5::interval)) AS ordered
FROM (SELECT id, approved_at FROM pipeline_campaign WHERE tenant_id = $1 AND campaign_type = $2
        AND approved_at > $3 AND approved_at <= $4 ORDER BY approved_at DESC LIMIT $6) c
CROSS JOIN (VALUES (true), (false)) h (held)
CROSS JOIN LATERAL (SELECT m.customer_id, h.held, c.approved_at FROM pipeline_message m
   WHERE m.tenant_id = $1 AND m.campaign_id = c.id AND m.state = ANY (CASE WHEN h.held
     THEN ARRAY['held_out'] ELSE ARRAY['accepted', 'delivered', 'bounced', 'unknown'] END)
   ORDER BY m.id LIMIT $7) g
GROUP BY 1
"""


class Effect(Frozen):
    """What the approvals page says a campaign may bring."""

    sends: int
    """Messages that would go out."""
    known: bool
    """False: unknown yet, and the numbers of orders are 0."""
    orders: float
    """Extra orders to expect within a week, beside those that come anyway."""
    low: float
    high: float
    """The 95 % interval of it; below zero means that mails may also have kept people from ordering."""
    rate: float
    """Share of those written to who ordered, in earlier campaigns of the type."""
    base: float
    """The same of the held-out."""
    written: int
    held_out: int
    """How many customers these shares are of."""
    offers: int
    """Messages that make an offer."""
    offer_cost: float
    """What is set aside for them, in the tenant's currency, as of when it was decided."""
    said: str
    """All of it in a sentence."""


async def expected(ctx: Context, campaign_id: UUID) -> Effect:
    """What the campaign may bring; raises NotFound."""
    row = await ctx.db.fetchrow(_NOW, ctx.tenant.id, campaign_id)
    if row is None:
        raise NotFound("There is no such campaign.", "See the list of campaigns.")
    found = await ctx.db.fetch(
        _BEFORE,
        ctx.tenant.id,
        row["campaign_type"],
        ctx.now - LOOK_BACK,
        ctx.now - WITHIN,
        WITHIN,
        CAMPAIGNS,
        SAMPLE,
    )
    groups = {one["held"]: (one["ordered"], one["n"]) for one in found}
    return effect(
        row["sends"],
        groups.get(False, (0, 0)),
        groups.get(True, (0, 0)),
        row["offers"],
        row["reserved"],
    )


def effect(
    sends: int, written: tuple[int, int], held: tuple[int, int], offers: int = 0, cost: float = 0.0
) -> Effect:
    """The expectation that follows from these figures.

    Args:
        sends: messages that would go out.
        written: of those written to before, how many ordered, and how many there were.
        held: the same of the held-out.
        offers: messages with an offer.
        cost: what is set aside for them.
    """
    known = written[1] >= LEAST_WRITTEN and held[1] >= LEAST_HELD_OUT
    rate, base = _share(*written), _share(*held)
    low, high = _difference(written, held) if known else (0.0, 0.0)
    orders = sends * (rate - base) if known else 0.0
    if known:
        said = (
            f"About {orders:.0f} extra orders within a week ({sends * low:.0f} to {sends * high:.0f}): "
            f"{rate:.1%} of {written[1]:,} written to ordered, and {base:.1%} of {held[1]:,} held out."
        )
    else:
        said = (
            f"Unknown yet: it takes {LEAST_WRITTEN} customers written to and {LEAST_HELD_OUT} held out, a "
            f"week ago or longer; there are {written[1]:,} and {held[1]:,}."
        )
    return Effect(
        sends=sends,
        known=known,
        orders=orders,
        low=sends * low,
        high=sends * high,
        rate=rate,
        base=base,
        written=written[1],
        held_out=held[1],
        offers=offers,
        offer_cost=cost,
        said=said,
    )


def _difference(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    first, second = _share(*one), _share(*other)
    low_1, high_1 = _wilson(*one)
    low_2, high_2 = _wilson(*other)
    gap = first - second
    low = gap - math.hypot(first - low_1, high_2 - second)
    return low, gap + math.hypot(high_1 - first, second - low_2)


def _wilson(part: int, whole: int) -> tuple[float, float]:
    share = part / whole
    middle = (share + Z * Z / (2 * whole)) / (1 + Z * Z / whole)
    spread = math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    half = Z * spread / (1 + Z * Z / whole)
    return middle - half, middle + half


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
