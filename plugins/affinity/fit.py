"""Learning from a shop's history: links between products, what is popular, when things are bought again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from plugins.affinity.learned import Learned
from plugins.affinity.links import learn, together
from plugins.affinity.ranking import best
from plugins.affinity.rebuy import waits
from plugins.affinity.sales import UNIT, baskets, day_of, sales

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.sdk import History
    from plugins.affinity.sales import Sales

PENALTIES = (30.0, 60.0, 120.0, 200.0, 1000.0)
"""The last one leaves little but popularity: for a shop whose orders have nothing in common."""
PLAIN_PENALTY = 60.0
"""Where there are too few orders to choose by."""
_JUDGED, _LEAST_JUDGED = 2_000, 100
"""Orders by which the penalty is chosen: the last ones, at most and at least."""
_CHOOSING = 1_000
"""Products looked at while choosing: the most sold."""
MONTH, YEAR = 30, 365
_FRESH = 14
"""Days after which an order counts half for what is popular now."""
_SEASON = 0.5


def fit(history: History, as_of: datetime, quiet_days: float = 30.0) -> Learned | None:
    """What was learned from the orders before `as_of`; None where nothing was sold."""
    sold = sales(history, as_of)
    if not sold.items:
        return None
    today = day_of(as_of, history.timezone)
    found = baskets(sold.rows, sold.items, sold.last_day)
    several = bool((np.diff(found.matrix.indptr) > 1).any())
    penalty = choose(sold) if several else 0.0
    wait, usual = waits(sold)
    recent = _orders(sold, today - MONTH, today)
    old = sold.first_day <= today - YEAR - MONTH
    season = _orders(sold, today - YEAR, today - YEAR + MONTH) if old else np.zeros_like(recent)
    return Learned(
        skus=tuple(sold.skus),
        as_of=as_of,
        baskets=sold.baskets,
        penalty=penalty,
        quiet_days=quiet_days,
        orders=sold.orders.astype(np.int32),
        recent=recent,
        season=season,
        popular=_popular(sold, season),
        wait=wait,
        usual=usual,
        links=learn(together(found), penalty or PLAIN_PENALTY),
    )


def _orders(sold: Sales, first: int, last: int) -> Any:
    """By product: orders on the days from `first` until before `last`."""
    rows = sold.rows.filter(pl.col("day") >= first, pl.col("day") < last)
    return np.bincount(rows["item"].to_numpy(), minlength=sold.items).astype(np.int32)


def _popular(sold: Sales, season: Any) -> Any:
    """0 to 1: orders of late, the last weeks counting most, and half of that from last year's season."""
    age = sold.last_day - sold.rows["day"].to_numpy()
    counts = np.round(UNIT * 0.5 ** (age / _FRESH))  # whole numbers: exact sums in any order
    now = np.bincount(sold.rows["item"].to_numpy(), counts, sold.items)
    both = now / max(now.max(), 1) + _SEASON * season / max(season.max(), 1)
    return (both / both.max()).astype(np.float32) if both.max() else both.astype(np.float32)


def hide(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Baskets of two and more products in two parts: what is shown, and one product that is hidden.

    Which one depends on what lies in the basket alone, not on the order of rows.
    """
    rows = rows.sort("basket", "item").filter(pl.len().over("basket") > 1)
    chosen = pl.col("item").sum().over("basket") * 7 % pl.len().over("basket")
    hidden = pl.int_range(pl.len()).over("basket") == chosen
    return rows.filter(~hidden), rows.filter(hidden).select("basket", "item")


def choose(sold: Sales) -> float:
    """The penalty that best finds a hidden product of the last orders, learning from those before."""
    rows = sold.rows.filter(pl.col("item") < _CHOOSING).select("basket", "item", "day")
    items = min(sold.items, _CHOOSING)
    several = rows.filter(pl.len().over("basket") > 1)
    days = several.group_by("day").agg(pl.col("basket").n_unique()).sort("day", descending=True)
    # The last quarter of the orders at most, whole days.
    days = days.with_columns(so_far=pl.col("basket").cum_sum())
    most = min(_JUDGED, days["basket"].sum() // 4)
    days = days.filter(pl.col("so_far") <= most)
    if days["basket"].sum() < _LEAST_JUDGED:
        return PLAIN_PENALTY
    since = int(days["day"].min())  # type: ignore[arg-type]
    pairs = together(baskets(rows.filter(pl.col("day") < since), items, since))
    shown, hidden = hide(several.filter(pl.col("day") >= since))
    shown = shown.with_columns(row=pl.col("basket").rank("dense") - 1)
    answers = hidden.join(shown.select("basket", "row").unique(), on="basket")
    tried = baskets(shown.drop("basket").rename({"row": "basket"}), items, since).matrix
    tried = tried.astype(np.float32)
    scores = []
    for penalty in PENALTIES:
        links = learn(pairs, penalty)
        ranked = best((tried @ links.weight).tocsr(), links.bias, tried, 50)
        ranks = answers.join(ranked, on=["row", "item"])["rank"].to_numpy()
        scores.append(float((1 / np.log2(ranks + 1.0)).sum()))
    return PENALTIES[int(np.argmax(np.round(scores, 6)))]
