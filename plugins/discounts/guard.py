"""What any decider asks is brought within the guardrails; what may be offered gets its code and its money."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from kernel.sdk import Code, Grant, emit
from plugins.discounts import budget, limits, repo
from plugins.discounts.book import BOOK, new_code
from plugins.discounts.closing import close
from plugins.discounts.events import DiscountsGranted
from plugins.discounts.limits import Ask, Known
from plugins.discounts.manifest import MANIFEST, DiscountsSettings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.sdk import Candidate, Context, DecideContext, Guarded
    from plugins.discounts.budget import Purse
    from plugins.discounts.repo import Made


async def adjust(
    ctx: Context,
    given: DecideContext,
    candidates: Sequence[Candidate],
    decisions: Sequence[Guarded],
) -> Sequence[Guarded]:
    """The decisions with every offer allowed, lowered or dropped, in a fixed number of queries a batch.

    Today's settings count, not those of the frame: a merchant who tightens a guardrail means at once.
    """
    asking = {
        place: candidate
        for place, (candidate, decision) in enumerate(zip(candidates, decisions, strict=True))
        if decision.action.send and decision.action.offer and not decision.held_out
    }
    if not asking:
        return decisions
    s = ctx.settings(DiscountsSettings)
    people = sorted({candidate.customer_id for candidate in asking.values()})
    messages = [candidate.message_id for candidate in asking.values()]
    over = await repo.due(ctx, people)
    await close(ctx, over, "expired", "It was not used in time.", {budget.today(ctx)})
    purse = budget.Purse(await budget.lines(ctx, s))
    past = await repo.past(ctx, people, messages, s.ceiling_days)
    made = await repo.made(ctx, messages)
    shares = await repo.cost_shares(ctx, people) if s.margin_floor else {}
    answer, codes = list(decisions), dict[int, Code]()
    asks: dict[int, Ask] = {}
    taken: set[int] = set()
    for place, candidate in asking.items():
        ask = asks[place] = _ask(given, decisions[place])
        who = candidate.customer_id
        known = _known(ctx, candidate, past.get(who), shares.get(who))
        grant = None
        old = made.get(candidate.message_id)
        limits.size(ask, known, s)
        if ask.action.offer:
            limits.who(ask, known, s)
        if ask.action.offer and old is not None:
            grant = _again(ask, old, ctx.now)
        elif ask.action.offer and who in taken:
            ask.drop("open_code", "They get a code by another message of this batch.")
        elif ask.action.offer:
            limits.often(ask, known, s, ctx.now)
            if ask.action.offer:
                reserved = limits.afford(ask, known, s, purse)
            if ask.action.offer:
                taken.add(who)
                codes[place] = _code(ctx, given, candidate, ask, reserved, s)
        answer[place] = _answer(decisions[place], ask, grant)
    await _issue(ctx, given, decisions, answer, asks, codes, purse)
    return answer


async def _issue(
    ctx: Context,
    given: DecideContext,
    decisions: Sequence[Guarded],
    answer: list[Guarded],
    asks: dict[int, Ask],
    codes: dict[int, Code],
    purse: Purse,
) -> None:
    """Codes into the book, their cost into the budgets, and a grant into each of their decisions."""
    issued: set[UUID] = await BOOK.issue(ctx, list(codes.values())) if codes else set()
    for place, code in codes.items():
        grant = None
        if code.message_id in issued:
            grant = Grant(
                plugin=MANIFEST.name,
                offer=code.offer,
                reserved=float(code.reserved),
                expires_at=code.expires_at,
            )
        else:
            purse.take(-code.reserved)
            asks[place].drop("open_code", "They got a code of another campaign at this moment.")
        answer[place] = _answer(decisions[place], asks[place], grant)
    if issued:
        await budget.move(ctx, {budget.today(ctx): (purse.taken, Decimal(0))})
        await emit(
            ctx,
            DiscountsGranted(
                occurred_at=ctx.now,
                campaign_id=given.campaign.id,
                campaign_type=given.campaign.campaign_type,
                codes=tuple(c.code for c in codes.values() if c.message_id in issued),
                reserved=purse.taken,
            ),
        )


def _ask(given: DecideContext, decision: Guarded) -> Ask:
    action = decision.action
    listed = [
        one.offer
        for one in given.actions
        if one.send
        and one.offer
        and (one.campaign_type, one.tone) == (action.campaign_type, action.tone)
    ]
    return Ask(action=action, listed=listed, currency=given.tenant.currency)


def _known(ctx: Context, candidate: Candidate, past: Any, share: float | None) -> Known:
    if past is None:
        return Known(features=candidate.features, cost_share=share)
    until = past["open_until"]
    if until is not None:
        until = (until - timedelta(seconds=1)).astimezone(ZoneInfo(ctx.tenant.timezone))
    return Known(
        features=candidate.features,
        open_until=until,
        last_at=past["last_at"],
        offers=past["offers"],
        cost_share=share,
    )


def _again(ask: Ask, old: Made, now: datetime) -> Grant | None:
    """The grant of a message that has its code already: decided again after a crash, it is the same."""
    offer = ask.offer
    assert offer is not None
    allowed = {one.name for one in limits.smaller([old.offer], offer)}
    if not old.valid(now) or old.offer not in allowed:
        ask.drop(
            "same_code", f"This message had a code of {old.offer}, which cannot be used again."
        )
        return None
    if old.offer != ask.action.offer:
        ask.put("same_code", old.offer, f"This message has a code of {old.offer} already.")
    return Grant(
        plugin=MANIFEST.name,
        offer=old.offer,
        reserved=float(old.reserved),
        expires_at=old.expires_at,
    )


def _code(
    ctx: Context,
    given: DecideContext,
    candidate: Candidate,
    ask: Ask,
    reserved: Decimal,
    s: DiscountsSettings,
) -> Code:
    return Code(
        code=new_code(s.prefix),
        offer=ask.action.offer,
        message_id=candidate.message_id,
        customer_id=candidate.customer_id,
        campaign_id=given.campaign.id,
        campaign_type=given.campaign.campaign_type,
        reserved=reserved,
        expires_at=_ends(ctx, ask.action.send_at, s.valid_days),
        combines=s.combines,
    )


def _ends(ctx: Context, send_at: datetime | None, days: int) -> datetime:
    """Midnight after so many whole days, in the tenant's zone."""
    zone = ZoneInfo(ctx.tenant.timezone)
    start = max(ctx.now, send_at or ctx.now).astimezone(zone).date()
    return datetime.combine(start + timedelta(days=days + 1), time.min, zone).astimezone(UTC)


def _answer(decision: Guarded, ask: Ask, grant: Grant | None) -> Guarded:
    return msgspec.structs.replace(
        decision,
        action=ask.action,
        changes=(*decision.changes, *ask.changes),
        grant=grant if grant is not None else decision.grant,
    )
