"""Kinds of customers: features in bands, on three grids, so that one campaign has at most 500 of them.

The bands are the table of the README. The finest grid is used while there is room, then the coarser
ones; the coarsest is small enough that it always fits. Pure: the same customers in the same order end
in the same buckets.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence

from kernel.sdk import Scalar
from plugins.claude.facts import types_of

Features = Mapping[str, Scalar]

SEGMENTS = ("Champions", "Loyal", "Promising", "At Risk", "Lost", "Everyone")
"""Segments by name; any other text is `other`, so that no text from outside names a bucket."""
RHYTHM = ((0.5, 1.0, 1.5, 2.5), ("under 0.5", "0.5 to 1", "1 to 1.5", "1.5 to 2.5", "over 2.5"))
DAYS = ((30.0, 90.0, 180.0), ("under 30", "30 to 90", "90 to 180", "over 180"))
CHURN = ((0.3, 0.6, 0.85), ("under 0.3", "0.3 to 0.6", "0.6 to 0.85", "over 0.85"))
ORDERS = ((1, 2, 3, 6), ("0", "1", "2", "3 to 5", "6 or more"))
MAILS = ((1, 4), ("none", "1 to 3", "4 or more"))
REST_DAYS = 3.0

FINE, COARSE = 0.6, 72
"""The finest grid is used up to this share of all buckets; for the coarsest so many are kept free."""


def number(features: Features, name: str) -> float | None:
    """The feature as a number, or None."""
    value = features.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < 1e15 else None  # not what is no number either


def band(bands: tuple[Sequence[float], Sequence[str]], value: float | None) -> str:
    """The name of the band that holds `value`; its lower bound belongs to it."""
    return "unknown" if value is None else bands[1][bisect.bisect_right(bands[0], value)]


def segment(features: Features) -> str:
    """The customer's segment."""
    value = features.get("trait:rfm.segment")
    if value is None:
        return "unknown"
    return str(value) if value in SEGMENTS else "other"


def rhythm(features: Features) -> str:
    """Time since the last order, against the usual pause or, with one order, in days."""
    since, pause = number(features, "days_since_order"), number(features, "mean_gap_days")
    if since is None:
        return "no order"
    if pause:
        return f"{band(RHYTHM, since / pause)} of the usual pause"
    return f"{band(DAYS, since)} days"


def due(features: Features) -> str:
    """The same in three: not yet, about now, long ago."""
    since, pause = number(features, "days_since_order"), number(features, "mean_gap_days")
    if since is None:
        return "no order"
    late = since / pause if pause else since / 90.0
    return "not yet" if late < 0.8 else "about now" if late < 1.8 else "long ago"


def interest(features: Features) -> str:
    """Mails of 30 days, or whether any of 90 was clicked."""
    if number(features, "clicks_90d"):
        return "clicks"
    return f"{band(MAILS, number(features, 'mails_30d') or 0.0)}, no click"


def rested(features: Features) -> str:
    """Whether the last mail was days ago."""
    since = number(features, "days_since_mail")
    return "yes" if since is None or since >= REST_DAYS else "no"


def subscriber(features: Features) -> str:
    """Whether the customer subscribed."""
    return "yes" if features.get("is_subscriber") else "no"


Grid = tuple[tuple[str, Callable[[Features], str]], ...]
_OTHERS: Grid = (("other_types", lambda features: ",".join(types_of(features))),)
GRIDS: tuple[Grid, ...] = (
    (
        ("segment", segment),
        ("since_order", rhythm),
        ("churn", lambda features: band(CHURN, number(features, "trait:churn.probability"))),
        ("orders", lambda features: band(ORDERS, number(features, "orders_count") or 0.0)),
        ("mails", interest),
        ("rested", rested),
        ("subscriber", subscriber),
        *_OTHERS,
        ("planned_type", lambda features: str(features.get("planned_type") or "")),
    ),
    (
        ("segment", segment),
        ("since_order", due),
        ("mails", interest),
        ("rested", rested),
        ("subscriber", subscriber),
        *_OTHERS,
    ),
    (("segment", segment), ("since_order", due), ("subscriber", subscriber)),
)
"""Finest first. The coarsest has 8 x 4 x 2 = 64 buckets."""


def told(features: Features, grid: int) -> dict[str, str]:
    """What is told of the bucket that holds this customer, and its key at the same time."""
    return {name: of(features) for name, of in GRIDS[grid]}


def key(facts: Mapping[str, str], grid: int) -> str:
    """One spelling for one bucket."""
    return f"{grid}|" + "|".join(f"{name}={value}" for name, value in facts.items())


def assign(
    known: Sequence[str], customers: Sequence[Features], most: int
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """A bucket for each customer.

    Args:
        known: keys of the buckets that the campaign has already.
        customers: their features.
        most: the most buckets of a campaign, at least 100.

    Returns:
        The key for each customer, in order, and of each new bucket what is told of it.
    """
    there, new, keys = set(known), {}, []
    room = (min(int(most * FINE), most - COARSE), most - COARSE, most)
    for features in customers:
        for grid, limit in enumerate(room):
            facts = told(features, grid)
            name = key(facts, grid)
            if name in there or len(there) < limit:
                break
        if name not in there:
            there.add(name)
            new[name] = facts
        keys.append(name)
    return keys, new


def words(facts: Mapping[str, str]) -> str:
    """A bucket in words, for the merchant."""
    names = {
        "since_order": "last order",
        "other_types": "other campaigns",
        "planned_type": "planned",
    }
    return ", ".join(f"{names.get(name, name)} {value}" for name, value in facts.items() if value)


def facts_of(name: str) -> dict[str, str]:
    """What is told of the bucket with this key."""
    return dict(part.partition("=")[::2] for part in name.split("|")[1:])
