"""A churn model for a shop: the best method its history can carry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import polars as pl

from kernel.sdk import Abstained, History, features
from plugins.churn import bgnbd, choose, learners, worth
from plugins.churn.artefact import Churn
from plugins.churn.bgnbd import Floats
from plugins.churn.learners import chance, log_odds
from plugins.churn.pauses import pauses
from plugins.churn.snapshots import (
    YOUNGEST,
    Snapshot,
    began,
    closed_windows,
    columns,
    matrix,
    sampled,
    stacked,
)

FEWEST = 20
"""Customers; below it nothing is said."""
DOUBT, TRUSTED = 30, 0.5
"""The last window says by how much BG/NBD's level was off. Its word counts against that of so many customers,
and of what is left so much: the next window is another one."""
_SEASON = "{:+.2f} in log-odds, from last year's same season"
_NO_SEASON = (
    f"unknown: that takes 13 months of history, and {choose.SEASON_FEWEST} customers a year ago"
)


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A model with what there is to say about it."""

    churn: Churn
    why: str
    n: int
    start: datetime
    facts: dict[str, Any]


def missing(frame: pl.DataFrame, first: datetime | None, as_of: datetime) -> tuple[str, ...]:
    """What a shop lacks before anything can be said, a sentence each.

    Args:
        frame: the feature frame.
        first: when the history began.
    """
    lacks = []
    if frame.height < FEWEST:
        count = "there is 1" if frame.height == 1 else f"there are {frame.height or 'none'}"
        lacks.append(f"It needs {FEWEST} customers who ordered before {as_of:%Y-%m-%d}; {count}.")
    if first is None or as_of - first < timedelta(days=YOUNGEST):
        days = 0 if first is None else (as_of - first).days
        lacks.append(f"It needs {YOUNGEST} days of orders; there are {days}.")
    if not frame.height or (frame["order_days"] < 2).all():
        lacks.append(
            "It needs customers who came back: nobody has ordered on a second day yet, so nothing "
            "tells when they do."
        )
    return tuple(lacks)


def fit(history: History, as_of: datetime, horizon: int) -> Fitted | Abstained:
    """The model of what happened before `as_of`, for the chance of no order in `horizon` days."""
    past = sampled(history, as_of)
    frame, gaps, start = features(past, as_of), pauses(past, as_of), began(past, as_of)
    if lacks := missing(frame, start, as_of):
        return Abstained(missing=lacks)
    assert start is not None
    # The customers that are known, not those of the sample.
    n = history.orders.filter(pl.col("ordered_at") < as_of, ~pl.col("is_return"))["customer_id"].n_unique()  # fmt: skip
    rhythm = bgnbd.fit(frame)
    churn = Churn(
        method="bgnbd",
        horizon=horizon,
        usual_gap=float(np.median(gaps)),
        rhythm=rhythm,
        worth=worth.usual(frame),
    )
    again = int((frame["order_days"] > 1).sum())
    windows = closed_windows(past, as_of, rhythm, horizon, start)
    facts: dict[str, Any] = {
        "usual_gap_days": churn.usual_gap,
        "came_back": again,
        "sample": frame.height,
    }
    if not choose.enough(windows):
        why = (
            f"No window of {horizon} days with {choose.FEWEST} customers, {choose.FEWEST_EACH} who ordered "
            f"and {choose.FEWEST_EACH} who did not, is over yet; BG/NBD learns without one."
        )
        season = choose.season(
            past, as_of, horizon, start, rhythm, lambda one: odds(churn, one.frame)
        )
        if season is not None:
            churn = msgspec.structs.replace(churn, shift=season.shift)
            facts["season"] = _SEASON.format(season.shift)
        elif windows:
            churn = msgspec.structs.replace(churn, shift=_off(churn, windows[0]))
            facts["level"] = f"{churn.shift:+.2f} in log-odds, from the last window"
    else:
        choice = choose.choose(past, as_of, horizon, start, windows)
        why, facts = choice.why, facts | {"compared": choice.compared}
        churn = msgspec.structs.replace(churn, method=choice.method)
        if choice.method != "bgnbd":
            learned = learners.learn(learners.parts_of(choice.method), *stacked(windows))
            churn = msgspec.structs.replace(churn, learned=learned, columns=columns())
            facts["importance"] = learners.importance(learned, columns())
            facts["window_rows"] = sum(one.frame.height for one in windows)
        season = choose.season(
            past, as_of, horizon, start, rhythm, lambda one: odds(churn, one.frame, one.x)
        )
        if season is not None and choice.season_helps is not False:
            churn = msgspec.structs.replace(churn, shift=season.shift)
            facts["season"] = _SEASON.format(season.shift)
        elif season is not None:
            facts["season"] = "left out: on the last window last year's season made it worse"
        else:
            facts["season"] = _NO_SEASON
    if windows:
        churn = msgspec.structs.replace(churn, worth=_settled(churn, windows[0]))
    return Fitted(churn=churn, why=why, n=n, start=start, facts=facts)


def odds(churn: Churn, frame: pl.DataFrame, x: Floats | None = None) -> Floats:
    """The log-odds of no order in the horizon of each row of a feature frame, without the season.

    Args:
        x: the frame's matrix, where it is at hand.
    """
    found = []
    if churn.learned is None or churn.method == choose.BOTH:
        found.append(log_odds(bgnbd.no_order(churn.rhythm, frame, churn.horizon)))
    if churn.learned is not None:
        x = matrix(frame, churn.rhythm, churn.horizon) if x is None else x
        found.append(learners.predict(churn.learned, x))
    return np.asarray(np.mean(found, axis=0))


def probability(churn: Churn, frame: pl.DataFrame) -> Floats:
    """The chance of no order in the horizon, of each row of a feature frame."""
    if not frame.height:
        return np.zeros(0)
    return chance(odds(churn, frame) + churn.shift)


def _off(churn: Churn, window: Snapshot) -> float:
    """How far the level was off on a window too small to learn more from, as far as that is to be believed."""
    assert window.gone is not None
    return TRUSTED * choose.level(window.gone, odds(churn, window.frame), DOUBT)


def _settled(churn: Churn, window: Snapshot) -> worth.Worth:
    said = worth.value(
        churn.worth,
        churn.rhythm,
        window.frame,
        chance(odds(churn, window.frame, window.x)),
        churn.horizon,
    )
    return worth.settled(churn.worth, said, window.frame["spent"].to_numpy())
