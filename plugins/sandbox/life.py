"""A day in the pretend shop: people join, order, click and leave, as far as the clock has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from kernel.sdk import Context, LinkFollowed, Outcome, emit, record_outcomes
from plugins.sandbox import post, repo, store
from plugins.sandbox.baskets import DRAWS, make_baskets
from plugins.sandbox.catalogue import make_catalogue
from plugins.sandbox.people import People, make_people, seen
from plugins.sandbox.seasons import (
    Floats,
    Ints,
    day_number,
    season,
    seconds_of_day,
    shop_midnight,
    stream,
    to_utc,
)
from plugins.sandbox.shop import (
    FIRST_DELAY,
    FIRST_SAME_DAY,
    VISITOR_RATE,
    customer_rows,
    named_lines,
    newcomers,
    order_rows,
    times,
)

CREDITED_DAYS = 3.0
"""An order within so many days of a click counts as an outcome of that mail, as a tracked link
would have it. That is more than mail has caused; see docs/sandbox.md.
"""


@dataclass(frozen=True, kw_only=True)
class Lived:
    """What happened. `caused`: orders that would not have been without mail."""

    orders: int = 0
    caused: int = 0
    joined: int = 0
    clicks: int = 0
    left_list: int = 0


async def live_day(ctx: Context, day: date) -> Lived:
    """Let happen what happens on `day` up to the tenant's now, and return what was new.

    Call it as often as you like while the clock turns: the world remembers up to when it has lived,
    and what has happened does not happen again. One transaction with the caller's.
    """
    world = await repo.world(ctx)
    begin = max(shop_midnight(day, world.timezone), world.lived_until)
    end = min(shop_midnight(day + timedelta(days=1), world.timezone), ctx.now)
    if end <= begin:
        return Lived()
    joining = _joining(world, day, begin, end)
    world = replace(world, customers=world.customers + len(joining), lived_until=end)
    people = make_people(world.seed, world.customers, world.country, world.timezone)
    if len(joining):
        await _join(ctx, world, people, day, joining)
    due = await repo.take_due(ctx, end)
    clicks = [row for row in due if row["kind"] == "click"]
    await repo.clicked(ctx, clicks)
    state = await repo.state(ctx)
    await _answer(ctx, state, due)
    ordering = _ordering(world, people, state, day, begin, end, joining, due)
    await _order(ctx, world, people, state, day, ordering)
    await repo.save_world(ctx, world)
    lived = Lived(
        orders=len(ordering.who),
        caused=int(ordering.caused.sum()),
        joined=len(joining),
        clicks=len(clicks),
        left_list=sum(row["kind"] in ("unsubscribe", "complain") for row in due),
    )
    await repo.count_day(ctx, day, **lived.__dict__)
    return lived


def _joining(world: repo.World, day: date, begin: datetime, end: datetime) -> Floats:
    """When people join between `begin` and `end`: days since 1970 in the shop's time, sorted."""
    number = day_number(day)
    last = day_number(world.opened_on)
    first = last - world.history_days
    usual = world.began_with / newcomers(np.arange(first, last), first).sum()
    rng = stream(world.seed, "joining", number)
    count = rng.poisson(usual * newcomers(np.array([number]), first)[0])
    at = number + seconds_of_day(rng.random(count), np.full(count, 20.0)) / 86400
    return np.sort(at[_between(at, world.timezone, begin, end)])


def _between(days: Floats, timezone: str, begin: datetime, end: datetime) -> np.ndarray:
    at = to_utc(days, timezone)
    inside: np.ndarray = ((at > begin.astimezone(UTC)) & (at <= end.astimezone(UTC))).to_numpy()
    return inside


async def _join(
    ctx: Context, world: repo.World, people: People, day: date, joining: Floats
) -> None:
    known = seen(people, len(people) - len(joining))
    rows = customer_rows(known, joining, day + timedelta(days=1), world.timezone)
    await store.add_customers(ctx, rows)
    nobody = np.zeros(len(joining), dtype=bool)
    first = world.customers - len(joining) + 1
    await repo.add_customers(ctx, rows["external_id"].to_list(), first, nobody, nobody)


async def _answer(ctx: Context, state: repo.State, due: list[repo.Due]) -> None:
    """Clicks are told of, as a provider that counts them would; who leaves, leaves by the same service as
    the link in the mail.
    """
    kinds = {"click": "clicked", "unsubscribe": "unsubscribed", "complain": "complained"}
    outcomes = [
        Outcome(
            message_id=row["message_id"],
            customer_id=int(state.customer_id[row["number"] - 1]),
            kind=kinds[row["kind"]],  # type: ignore[arg-type]
            at=row["at"],
        )
        for row in due
        if row["kind"] in kinds and state.customer_id[row["number"] - 1] > 0
    ]
    await record_outcomes(ctx, outcomes)
    await post.left(ctx, outcomes)
    home = ctx.tenant.brand.website or f"https://{ctx.tenant.sender.email.partition('@')[2]}"
    clicks = [
        LinkFollowed(occurred_at=o.at, message_id=o.message_id, customer_id=o.customer_id, url=home)
        for o in outcomes
        if o.kind == "clicked"
    ]
    await emit(ctx, *clicks)


@dataclass(frozen=True, kw_only=True)
class _Ordering:
    """Who orders, at what time (days since 1970, the shop's), because of mail or not."""

    who: Ints
    at: Floats
    caused: np.ndarray
    lost: np.ndarray


def _ordering(
    world: repo.World,
    people: People,
    state: repo.State,
    day: date,
    begin: datetime,
    end: datetime,
    joining: Floats,
    due: list[repo.Due],
) -> _Ordering:
    """One order a customer and day at most. The chances of a day are the same whatever mail does,
    so that two runs differ by mail alone.
    """
    number, count = day_number(day), len(people)
    draws = stream(world.seed, "day", number).random((count, 4))
    newest = np.arange(count - len(joining), count)
    today = state.last_order >= shop_midnight(day, world.timezone).timestamp()
    free = ~today & (state.customer_id > 0)
    rate = np.where(people.visitor, VISITOR_RATE, 1 / FIRST_DELAY)
    rate = np.where(state.bought, people.rate, rate) * season(np.array([number]))[0]
    chance = np.where(state.lost | (state.quiet_until > begin.timestamp()), 0.0, 1 - np.exp(-rate))
    at = times(people, np.arange(count), number, draws[:, 1])
    itself = (draws[:, 0] < chance) & _between(at, world.timezone, begin, end)
    # Most people join by ordering.
    itself[newest] = ~people.visitor[newest] & (draws[newest, 3] < FIRST_SAME_DAY)
    at[newest] = joining
    itself &= free
    moved = np.zeros(count, dtype=bool)
    for row in due:
        place = row["number"] - 1
        if row["kind"] == "order" and free[place] and not itself[place]:
            moved[place] = True
            at[place] = repo.shop_days(row["at"], world.timezone)
    who = np.flatnonzero(itself | moved)
    who = who[np.lexsort((who, at[who]))]
    lost = draws[who, 2] < people.drop[who]
    return _Ordering(who=who, at=at[who], caused=moved[who], lost=lost)


async def _order(
    ctx: Context,
    world: repo.World,
    people: People,
    state: repo.State,
    day: date,
    ordering: _Ordering,
) -> None:
    who, number = ordering.who, day_number(day)
    if not len(who):
        return
    draws = np.stack([stream(world.seed, "basket", number, int(w)).random(DRAWS) for w in who])
    catalogue = make_catalogue(world.seed, world.products)
    lines = make_baskets(people, who, np.full(len(who), number), catalogue, draws)
    ids = pl.Series([f"sandbox-{day:%y%m%d}-{w + 1}" for w in who])
    moments = to_utc(ordering.at, world.timezone)
    orders = order_rows(who, ids, moments, lines)
    await store.place_orders(ctx, orders, named_lines(lines, ids))
    times = moments.to_list()
    await repo.ordered(ctx, who + 1, times, ordering.lost)
    window = CREDITED_DAYS * 86400
    credited = [
        Outcome(
            message_id=message,
            customer_id=int(state.customer_id[w]),
            kind="ordered",
            at=at,
            detail={"order": ids[place], "amount": float(orders["amount"][place])},
        )
        for place, (w, at) in enumerate(zip(who.tolist(), times, strict=True))
        if (message := state.clicked_message[w])
        and 0 <= at.timestamp() - state.clicked_at[w] <= window
    ]
    await record_outcomes(ctx, credited)
