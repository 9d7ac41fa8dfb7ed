"""How codes end: used by an order, expired, or withdrawn because their mail never arrived."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from kernel.sdk import CampaignFinished, MessagesAccepted, OrderPlaced, emit, offer_of
from plugins.discounts import budget, repo
from plugins.discounts.book import BOOK
from plugins.discounts.events import DiscountsWithdrawn

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from kernel.sdk import Context, Event

UNSENT = "Its mail was not sent, or did not arrive."
EXPIRED = "It was not used in time."
ZERO = Decimal(0)

# In the order of ids, as everybody locks codes.
_USED = """
SELECT id, code, offer, state, reserved, granted_on FROM discounts_code
WHERE tenant_id = $1 AND code = ANY($2::text[]) AND state <> 'used' ORDER BY id FOR UPDATE
"""
_SETTLE = """
UPDATE discounts_code c SET state = 'used', used_at = u.at, order_id = u.order_id,
  settled = u.settled, closed_at = NULL, reason = ''
FROM unnest($2::bigint[], $3::timestamptz[], $4::bigint[], $5::numeric[]) u (id, at, order_id, settled)
WHERE c.tenant_id = $1 AND c.id = u.id
"""


async def close(
    ctx: Context, codes: Sequence[Any], state: str, reason: str, also: Set[date] = frozenset()
) -> None:
    """End open codes, which the caller locked, and free what was set aside for them.

    Args:
        ctx: the tenant.
        codes: rows with code, granted_on and reserved.
        state: `expired` or `withdrawn`.
        reason: a sentence for the merchant.
        also: further days whose budgets the caller needs: all are locked at once.
    """
    if codes or also:
        await budget.lock(ctx, {row["granted_on"] for row in codes} | also)
    if not codes:
        return
    names = [row["code"] for row in codes]
    await BOOK.withdraw(ctx, names, state, reason)
    freed: dict[date, tuple[Decimal, Decimal]] = {}
    for row in codes:
        before, _ = freed.get(row["granted_on"], (ZERO, ZERO))
        freed[row["granted_on"]] = (before - row["reserved"], ZERO)
    await budget.move(ctx, freed)
    await emit(
        ctx,
        DiscountsWithdrawn(
            occurred_at=ctx.now,
            codes=tuple(names),
            released=sum((row["reserved"] for row in codes), ZERO),
            reason=reason,
        ),
    )


async def release(ctx: Context, payload: dict[str, Any]) -> None:
    """Every night: what expired, and what was never sent. Both are locked before any budget is."""
    over, unsent = await repo.due(ctx), await repo.unsent(ctx)
    ended = {row["code"] for row in over}
    unsent = [row for row in unsent if row["code"] not in ended]
    await budget.lock(ctx, {row["granted_on"] for row in (*over, *unsent)})
    await close(ctx, over, "expired", EXPIRED)
    await close(ctx, unsent, "withdrawn", UNSENT)


async def finished(ctx: Context, events: Sequence[Event]) -> None:
    """When a campaign is finished, codes that were not sent are free at once."""
    ids = [event.campaign_id for event in events if isinstance(event, CampaignFinished)]
    await close(ctx, await repo.unsent(ctx, ids), "withdrawn", UNSENT)


async def accepted(ctx: Context, events: Sequence[Event]) -> None:
    """A channel took the mails: their codes are out."""
    ids = [i for event in events if isinstance(event, MessagesAccepted) for i in event.message_ids]
    await repo.sent(ctx, ids)


async def ordered(ctx: Context, events: Sequence[Event]) -> None:
    """Orders that used a code settle it: what it really cost takes the place of what was set aside.

    A code counts once. One that had ended already (the order came late) costs all the same.
    """
    orders: dict[str, OrderPlaced] = {}
    for event in events:
        if isinstance(event, OrderPlaced):
            for code in event.discount_codes:
                orders.setdefault(code.strip().upper(), event)
    if not orders:
        return
    found = await ctx.db.fetch(_USED, ctx.tenant.id, list(orders))
    if not found:
        return
    await budget.lock(ctx, {row["granted_on"] for row in found})
    moves: dict[date, tuple[Decimal, Decimal]] = {}
    settled = []
    for row in found:
        order = orders[row["code"]]
        spent = cost_of(row["offer"], row["reserved"], order, ctx.tenant.currency)
        settled.append(spent)
        freed = row["reserved"] if row["state"] in ("reserved", "sent") else ZERO
        before = moves.get(row["granted_on"], (ZERO, ZERO))
        moves[row["granted_on"]] = (before[0] - freed, before[1] + spent)
    used = [orders[row["code"]] for row in found]
    await ctx.db.execute(
        _SETTLE,
        ctx.tenant.id,
        [row["id"] for row in found],
        [order.occurred_at for order in used],
        [order.order_id for order in used],
        settled,
    )
    await budget.move(ctx, moves)


def cost_of(offer: str, reserved: Decimal, order: OrderPlaced, currency: str) -> Decimal:
    """What an order's discount was, reckoned from what was paid: of 90.00 after 10 %, 10.00.

    In another currency, or where nothing was paid, what was set aside counts.
    """
    given = offer_of(offer)
    if given is None or order.currency != currency:
        return reserved
    if given.kind == "amount":
        return given.value.quantize(budget.CENT)
    if given.value >= 100:
        return reserved
    spent = max(order.amount, ZERO) * given.value / (100 - given.value)
    return spent.quantize(budget.CENT, ROUND_HALF_UP)
