"""A believable shop from a seed: who joined, who bought what and when, and what went wrong.

Pure: the same arguments give the same frames, to the byte. Formulas and figures: docs/sandbox.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from plugins.sandbox.baskets import DRAWS, make_baskets
from plugins.sandbox.catalogue import CATEGORIES, Catalogue, make_catalogue
from plugins.sandbox.people import People, external_ids, make_people, seen
from plugins.sandbox.seasons import (
    Floats,
    Ints,
    day_number,
    season,
    seconds_of_day,
    stream,
    to_utc,
)

GROWTH = 0.45
"""New customers grow by this share a year."""
VISITOR_RATE = 1 / 160
"""Chance a day that somebody on the list who never bought does."""
FIRST_SAME_DAY, FIRST_DELAY = 0.8, 5.0
"""Most buyers join by buying; the others follow after some days (mean)."""
CANCELLED, TEST, GUESTS = 0.012, 0.001, 0.02
RETURNED, RETURN_DAYS = 0.045, (4, 24)
MAX_ROUNDS = 400


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A shop's whole past. Times are UTC, money is in the shop's currency.

    The frames have the canonical columns of an import (docs/import.md), but for currency and source:
    customers: external_id, email, first_name, last_name, country, timezone, locale, tags, consent,
        consent_at, consent_source, created_at.
    products: sku, title, vendor, product_type, tags, price, status, inventory.
    orders: external_id, customer, ordered_at, amount, kind, status, is_test.
    lines: order, sku, title, quantity, unit_price, is_product.
    lost, bought: one place a customer: whether drop-out has come, whether they ever ordered.
    """

    people: People
    catalogue: Catalogue
    customers: pl.DataFrame
    products: pl.DataFrame
    orders: pl.DataFrame
    lines: pl.DataFrame
    lost: np.ndarray
    bought: np.ndarray


def make_shop(
    *,
    seed: int = 1,
    customers: int = 5000,
    until: date,
    days: int = 730,
    products: int = 120,
    country: str = "GB",
    timezone: str = "Europe/London",
) -> Shop:
    """The shop as it stands at midnight (its own) before the day `until`.

    Args:
        customers: how many people joined in those days.
        days: the length of the past.
    """
    people = make_people(seed, customers, country, timezone)
    catalogue = make_catalogue(seed, products)
    last = day_number(until)
    joined = _joined(seed, customers, last - days, last)
    who, when, lost, bought = _purchases(seed, people, joined, last)
    guests = int(len(who) * GUESTS)
    who = np.concatenate([who, np.full(guests, -1)])
    when = np.concatenate([when, _spread(stream(seed, "guests").random(guests), last - days, last)])
    orders, lines = _orders(seed, people, catalogue, who, when, timezone)
    returns, return_lines = _returns(seed, orders, lines, until, timezone)
    return Shop(
        people=people,
        catalogue=catalogue,
        customers=customer_rows(seen(people), joined, until, timezone),
        products=product_rows(catalogue),
        orders=pl.concat([orders, returns]).sort("ordered_at", "external_id"),
        lines=pl.concat([lines, return_lines]),
        lost=lost,
        bought=bought,
    )


def times(people: People, who: Ints, days: Ints | int, chance: Floats) -> Floats:
    """When on their day each customer orders: days since 1970, in the shop's own time.

    A customer elsewhere keeps the hours of their own clock, folded into the shop's day.
    """
    known = who >= 0
    habit = np.where(known, people.habit[who], 20.0)
    hours = seconds_of_day(chance, habit) / 3600.0 - np.where(known, people.shift[who], 0.0)
    moments: Floats = np.add(days, np.minimum((hours % 24.0) / 24.0, 1 - 1 / 86400), dtype=float)
    return moments


def customer_rows(known: pl.DataFrame, joined: Floats, until: date, timezone: str) -> pl.DataFrame:
    """What an import of customers would hold. A consent that would come later than `until` has
    not come: such a customer is still subscribed.

    Args:
        known: rows of `people.seen`.
        joined: when each of them joined, in days since 1970, in the shop's time.
    """
    delay = known["consent_delay"].to_numpy()
    late = joined + delay >= day_number(until)
    evidence = to_utc(np.where(late, joined, joined + delay), timezone)
    told = pl.col("consent").is_in(["subscribed", "unsubscribed", "pending"])
    frame = known.with_columns(
        created_at=to_utc(joined, timezone),
        consent_at=evidence,
        late=pl.Series(late) & (pl.col("consent") == "unsubscribed"),
    ).with_columns(
        consent=pl.when("late").then(pl.lit("subscribed")).otherwise("consent"),
        consent_source=pl.when("late").then(pl.lit("checkout")).otherwise("consent_source"),
        consent_at=pl.when(told).then("consent_at"),
    )
    return frame.drop("consent_delay", "late")


def product_rows(catalogue: Catalogue) -> pl.DataFrame:
    """What an import of products would hold."""
    return pl.DataFrame({
        "sku": catalogue.sku,
        "title": catalogue.title,
        "vendor": catalogue.vendor,
        "product_type": [CATEGORIES[c].name for c in catalogue.category],
        "tags": [",".join(tags) for tags in catalogue.tags],
        "price": np.round(catalogue.price, 2),
        "status": "active",
        "inventory": catalogue.stock,
    })  # fmt: skip


def newcomers(days: Ints, began: int) -> Floats:
    """How many join on each day, in shares of an unknown whole: growing over the years, and with
    the seasons.
    """
    weight: Floats = (1 + GROWTH) ** ((days - began) / 365.25) * season(days)
    return weight


def _joined(seed: int, count: int, first: int, last: int) -> Floats:
    """When each customer joined, in days since 1970."""
    weight = newcomers(np.arange(first, last), first)
    edges = np.concatenate([[0.0], np.cumsum(weight) / weight.sum()])
    return np.interp(stream(seed, "joined").random(count), edges, np.arange(first, last + 1.0))


def _spread(chance: Floats, first: int, last: int) -> Ints:
    return (first + chance * (last - first)).astype(np.int64)


def _purchases(
    seed: int, people: People, joined: Floats, last: int
) -> tuple[Ints, Ints, np.ndarray, np.ndarray]:
    """Who ordered on which day, one place an order; and who is lost, who ever bought.

    Gaps are exponential in the shop's own time, in which a day in December is longer than one in
    January; the calendar is read back from it.
    """
    rng = stream(seed, "purchases")
    first = int(joined.min())
    edges = np.arange(first, last + 1)
    warped = np.concatenate([[0.0], np.cumsum(season(edges[:-1]))])
    count = len(people)
    delay = np.where(rng.random(count) < FIRST_SAME_DAY, 0.0, rng.exponential(FIRST_DELAY, count))
    visit = rng.exponential(1 / VISITOR_RATE, count)
    start = np.interp(joined, edges, warped)
    at = start + np.where(people.visitor, visit, delay)
    lost = np.zeros(count, dtype=bool)
    bought = np.zeros(count, dtype=bool)
    active = np.flatnonzero(at < warped[-1])
    who, when = [], []
    for _ in range(MAX_ROUNDS):
        if not len(active):
            break
        who.append(active)
        when.append(np.floor(np.interp(at[active], warped, edges)).astype(np.int64))
        bought[active] = True
        gone = rng.random(len(active)) < people.drop[active]
        lost[active[gone]] = True
        active = active[~gone]
        # Never the same day again: two orders of one day are one decision.
        at[active] += 0.5 + rng.exponential(1.0, len(active)) / people.rate[active]
        active = active[at[active] < warped[-1]]
    return np.concatenate(who), np.concatenate(when), lost, bought


def _orders(
    seed: int, people: People, catalogue: Catalogue, who: Ints, days: Ints, timezone: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    count = len(who)
    moments = times(people, who, days, stream(seed, "hours").random(count))
    order = np.lexsort((who, moments))
    who, days, moments = who[order], days[order], moments[order]
    fate = stream(seed, "fate").random((count, 2))
    lines = make_baskets(
        people, who, days, catalogue, stream(seed, "baskets").random((count, DRAWS))
    )
    ids = pl.Series([f"sandbox-{10_000 + i}" for i in range(count)])
    orders = order_rows(who, ids, to_utc(moments, timezone), lines).with_columns(
        status=pl.when(pl.Series(fate[:, 0] < CANCELLED))
        .then(pl.lit("cancelled"))
        .otherwise("status"),
        is_test=pl.Series(fate[:, 1] < TEST),
    )
    return orders, named_lines(lines, ids)


def order_rows(who: Ints, ids: pl.Series, moments: pl.Series, lines: pl.DataFrame) -> pl.DataFrame:
    """One row an order, with the amount its lines come to; guests have no customer."""
    amounts = (
        lines.group_by("order")
        .agg(amount=(pl.col("quantity") * pl.col("unit_price")).sum().round(2))
        .sort("order")
    )
    return pl.DataFrame(
        {
            "external_id": ids,
            "customer": external_ids(who),
            "ordered_at": moments,
            "amount": amounts["amount"],
        }
    ).with_columns(
        customer=pl.when(pl.Series(who >= 0)).then("customer"),
        kind=pl.lit("order"),
        status=pl.lit("placed"),
        is_test=pl.lit(False),
    )


def named_lines(lines: pl.DataFrame, ids: pl.Series) -> pl.DataFrame:
    """`lines` with the order's id in place of its index."""
    return lines.with_columns(order=pl.lit(ids).gather("order"))


def _returns(
    seed: int, orders: pl.DataFrame, lines: pl.DataFrame, until: date, timezone: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Some orders come back, whole, some days later; as a shop's own record of a return."""
    draws = stream(seed, "returns").random((orders.height, 2))
    low, high = RETURN_DAYS
    wait = (low + draws[:, 1] * (high - low)) * 86_400_000_000
    end = to_utc(np.array([float(day_number(until))]), timezone)[0]
    chosen = orders.with_columns(
        ordered_at=pl.col("ordered_at") + pl.Series(wait.astype(np.int64)).cast(pl.Duration("us")),
        back=pl.Series(draws[:, 0] < RETURNED),
    ).filter(
        "back", pl.col("status") == "placed", ~pl.col("is_test"),
        pl.col("customer").is_not_null(), pl.col("ordered_at") < end,
    ).drop("back")  # fmt: skip
    back = lines.filter("is_product").join(
        chosen, left_on="order", right_on="external_id", how="semi", maintain_order="left"
    )
    back = back.with_columns(order=pl.col("order") + "-return", quantity=-pl.col("quantity"))
    amounts = back.group_by(external_id="order").agg(
        amount=(pl.col("quantity") * pl.col("unit_price")).sum().round(2)
    )
    returns = (
        chosen.drop("amount")
        .with_columns(external_id=pl.col("external_id") + "-return", kind=pl.lit("return"))
        .join(amounts, on="external_id", how="left", maintain_order="left")
        .select(orders.columns)
    )
    return returns, back
