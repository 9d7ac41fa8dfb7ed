"""What the traits say of all customers together, and who among them is at risk with how much money."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from kernel.sdk import Frozen, traits_of
from plugins.churn import worth
from plugins.churn.model import NEXT_ORDER, PROBABILITY, REASONS, VALUE

if TYPE_CHECKING:
    from kernel.sdk import Context
    from plugins.churn.manifest import ChurnSettings

BINS = 10
WEEKS = 12
"""Weeks of the calendar at most."""
_CERTAIN = 0.01
"""The chance of an order is taken for no less: what is at stake is divided by it."""

# One pass that groups, and no join: right after a first scoring the database knows nothing of how many
# rows a trait has, and joins them one by one.
_SCORED = f"""
  SELECT customer_id, gone, worth, next_at, gone * worth / greatest(1 - gone, {_CERTAIN}) AS stake
  FROM (
    SELECT customer_id, max(value::float8) FILTER (WHERE name = '{PROBABILITY}') AS gone,
      coalesce(max(value::float8) FILTER (WHERE name = '{VALUE}'), 0) AS worth,
      max(value #>> '{{}}') FILTER (WHERE name = '{NEXT_ORDER}') AS next_at
    FROM profiles_trait
    WHERE tenant_id = $1 AND name IN ('{PROBABILITY}', '{VALUE}', '{NEXT_ORDER}')
    GROUP BY customer_id) each_of_them
  WHERE gone IS NOT NULL
"""
_SUMMED = f"""
SELECT round(gone * 100)::int AS hundredth, next_at, count(*) AS customers,
  sum(1 - gone) AS ordering, sum(worth) AS worth, sum(stake) AS stake
FROM ({_SCORED}) scored
GROUP BY 1, 2
"""
_PAGE = f"""
SELECT s.*, c.first_name, c.last_name, c.email
FROM (SELECT * FROM ({_SCORED}) scored WHERE gone BETWEEN $2 AND $3
  ORDER BY stake DESC, customer_id LIMIT $4 OFFSET $5) s
JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.customer_id
ORDER BY s.stake DESC, s.customer_id
"""


class Group(Frozen):
    """Customers whose chance of no order lies from `low` to `high`, both included, in hundredths."""

    name: str
    title: str
    low: int
    high: int
    customers: int = 0
    worth: float = 0.0
    """Money to expect of them within the horizon."""
    stake: float = 0.0
    """Money that would come if all ordered, less what is expected."""
    bars: tuple[int, ...] = (0,) * BINS
    """Customers by tenth of the chance."""


class Overview(Frozen):
    """All customers of the shop."""

    groups: tuple[Group, ...]
    weeks: tuple[float, ...]
    """Customers expected to order in each of the coming weeks."""
    ordering: float
    """Customers expected to order within the horizon."""

    @property
    def customers(self) -> int:
        return sum(one.customers for one in self.groups)

    @property
    def worth(self) -> float:
        return sum(one.worth for one in self.groups)


class Row(Frozen):
    """A customer of the table."""

    customer_id: int
    name: str
    email: str
    gone: float
    worth: float
    stake: float
    reasons: tuple[str, ...]
    next_at: datetime | None


def groups(settings: ChurnSettings) -> tuple[Group, ...]:
    """The three groups by the merchant's own borders, the likeliest to order first."""
    risk = round(settings.at_risk * 100)
    lost = max(round(settings.lost * 100), risk)
    return (
        Group(name="likely", title="Likely to order", low=0, high=risk - 1),
        Group(name="risk", title="At risk", low=risk, high=lost),
        Group(name="lost", title="Lost", low=lost + 1, high=100),
    )


async def overview(ctx: Context, settings: ChurnSettings, horizon: int) -> Overview:
    """Everybody, counted in one pass.

    Args:
        ctx: the tenant.
        settings: where risk begins and ends.
        horizon: days the chances are of.
    """
    rows = await ctx.db.fetch(_SUMMED, ctx.tenant.id)
    found = []
    for group in groups(settings):
        mine = [row for row in rows if group.low <= row["hundredth"] <= group.high]
        bars = [0] * BINS
        for row in mine:
            bars[min(row["hundredth"] * BINS // 100, BINS - 1)] += row["customers"]
        found.append(
            Group(
                name=group.name,
                title=group.title,
                low=group.low,
                high=group.high,
                customers=sum(row["customers"] for row in mine),
                worth=sum(row["worth"] for row in mine),
                stake=sum(row["stake"] for row in mine),
                bars=tuple(bars),
            )
        )
    return Overview(
        groups=tuple(found),
        weeks=calendar(rows, ctx.now, horizon),
        ordering=sum(row["ordering"] for row in rows),
    )


def calendar(rows: Any, now: datetime, horizon: int) -> tuple[float, ...]:
    """How many customers to expect in each of the coming weeks that end within the horizon.

    A customer's chance to order is spread over the horizon so that half of it lies before the date
    their next order is expected at, evenly where there is none.

    Args:
        rows: `next_at`, as text or None, and how many customers are expected to order (`ordering`).
        now: where the first week begins.
        horizon: days.
    """
    ends = np.arange(min(horizon // 7, WEEKS) + 1) * 7 / horizon
    total = np.zeros(len(ends))
    for row in rows:
        half = 0.5
        if row["next_at"]:
            # It stands for the week that ends with it.
            middle = datetime.fromisoformat(row["next_at"]) - timedelta(days=worth.WEEK / 2)
            half = (middle - now) / timedelta(days=horizon)
        total += row["ordering"] * _spread(ends, half)
    return tuple(np.round(np.diff(total), 6).tolist())


def _spread(share: Any, half: float) -> Any:
    """Of what comes within the horizon, what has come after each share of it: a waiting time that
    fades exponentially, half of it over at `half`.
    """
    half = float(np.clip(half, 0.02, 0.499))
    # (1 - exp(-k half)) / (1 - exp(-k)) = 1/2, solved for how fast it fades.
    low, high = 1e-3, 200.0
    for _ in range(40):
        k = (low + high) / 2
        low, high = (low, k) if -np.expm1(-k * half) > -np.expm1(-k) / 2 else (k, high)
    return np.expm1(-k * share) / np.expm1(-k)


async def page(ctx: Context, group: Group, start: int, count: int) -> list[Row]:
    """The customers of a group, those with the most at stake first."""
    low, high = group.low / 100 - 0.005, group.high / 100 + 0.005
    rows = await ctx.db.fetch(_PAGE, ctx.tenant.id, low, high, count, start)
    traits = await traits_of(ctx, [row["customer_id"] for row in rows])
    return [_row(row, traits.get(row["customer_id"], {})) for row in rows]


def _row(row: Any, traits: dict[str, Any]) -> Row:
    name = f"{row['first_name']} {row['last_name']}".strip()
    return Row(
        customer_id=row["customer_id"],
        name=name or row["email"] or f"Customer {row['customer_id']}",
        email=row["email"] or "",
        gone=row["gone"],
        worth=row["worth"],
        stake=row["stake"],
        reasons=tuple(traits.get(REASONS) or ()),
        next_at=datetime.fromisoformat(row["next_at"]) if row["next_at"] else None,
    )
