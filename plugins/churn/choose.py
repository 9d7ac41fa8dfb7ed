"""Which method a shop gets: all candidates are tried on days they did not learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from kernel.sdk import History, features, losses
from plugins.churn import bgnbd, learners
from plugins.churn.bgnbd import Floats, Rhythm
from plugins.churn.learners import METHODS, chance, log_odds
from plugins.churn.snapshots import NEWEST, Snapshot, closed_windows, snapshot, stacked

FEWEST, FEWEST_EACH = 300, 50
"""Customers whose window is over, of which so many ordered and so many did not."""
FOLDS, FOLDED = 5, 12_000
"""Folds where there is no earlier window, and the customers they are made of at most."""
PREFERRED, SIMPLER, BOTH = "blend", "bgnbd", "blend and bgnbd"
"""Where the simpler one predicts best, both are averaged: by now there are more windows to learn from than when
it was tried.
"""
FEW = 100
"""Of so few who ordered, or who did not, much is not learned: the simpler method wins a draw."""
YEAR, SEASON_NEEDS = 365, 30
"""A season is last year's; the history must be so many days older than it."""
SEASON_FEWEST, SEASON_EACH = 100, 10
"""Customers known then, of which so many ordered and so many did not. Fewer than it takes to learn from: there is
one number to be found, and what it is worth is reckoned with.
"""
_SURE, _YEARS = 0.25, 0.02
"""Squared log-odds by which seasons of a shop differ usually, and the same season of two years: a season
measured on few customers counts less."""
_OFF, _DEVIATIONS = 0.2, 2.0
"""Log-odds, and standard errors, by which last year's season may have been further off than no season at
all, on the last window: where there was next to none to see, that says nothing.
"""
_WORDS = {
    "bgnbd": "BG/NBD",
    "logistic": "the logistic regression",
    "forest": "the forest",
    "boosting": "gradient boosting",
    "blend": "the blend of logistic regression and forest",
}

Odds = Callable[[Snapshot], Floats]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The method, and how the candidates did: log-loss by method, their level set to the truth."""

    method: str
    why: str
    compared: dict[str, float] = field(default_factory=dict)
    season_helps: bool | None = None
    """False: on the last window it was far off. None where that could not be tried."""


def enough(windows: list[Snapshot], fewest: int = FEWEST, each: int = FEWEST_EACH) -> bool:
    """Whether the newest of the windows can teach by itself."""
    if not windows or windows[0].gone is None:
        return False
    n, gone = windows[0].frame.height, windows[0].gone.sum()
    return n >= fewest and min(gone, n - gone) >= each


def choose(
    history: History, as_of: datetime, horizon: int, start: datetime, windows: list[Snapshot]
) -> Choice:
    """The method that ranks and spreads best on the last closed window, if it is better than the
    preferred one by more than chance.

    Candidates are compared after the level of each is set to what came: the season moves the level from
    window to window, whatever the method, and would decide by accident.

    Args:
        history: of a sample of customers, before `as_of`.
        start: when the history began.
        windows: the closed windows the final model will learn from.
    """
    then = as_of - timedelta(days=horizon)
    rhythm = bgnbd.fit(features(history, then))
    earlier = closed_windows(history, then, rhythm, horizon, start)
    if enough(earlier):
        judged = snapshot(history, then, rhythm, horizon, NEWEST)
        learned = learners.learn(("line", "forest", "boosting"), *stacked(earlier))
        said = {name: learners.predict(learners.only(learned, name), judged.x) for name in METHODS}
        where = f"On the {horizon} days to {as_of:%Y-%m-%d}, learned from the days before,"
    else:
        judged = _first(windows[0], FOLDED)
        said = _folded(judged)
        learned = None
        where = f"In {FOLDS} folds of customers (there is no earlier window to learn from),"
    said["bgnbd"] = log_odds(bgnbd.no_order(rhythm, judged.frame, horizon))
    assert judged.gone is not None
    of_each = {
        name: losses(judged.gone, chance(odds + level(judged.gone, odds)))
        for name, odds in said.items()
    }
    compared = {name: round(float(loss.mean()), 5) for name, loss in of_each.items()}
    best = min(compared, key=lambda name: compared[name])
    few = min(judged.gone.sum(), len(judged.gone) - judged.gone.sum()) < FEW
    preferred = SIMPLER if few and compared[SIMPLER] <= compared[PREFERRED] else PREFERRED
    gap = of_each[preferred] - of_each[best]
    chosen = best if gap.mean() > gap.std() / np.sqrt(len(gap)) else preferred
    figures = ", ".join(f"{name} {loss:.4f}" for name, loss in compared.items())
    verb = "predicted best" if chosen == best else "was not measurably worse than the best"
    why = f"{where} {_WORDS[chosen]} {verb} (log-loss at the true level: {figures})."
    if chosen == SIMPLER and not few:
        chosen, said[BOTH] = BOTH, (said[SIMPLER] + said[PREFERRED]) / 2
        why += " It is averaged with the blend, which has more windows to learn from by now."
    helps = None
    if learned is not None:
        helps = _helps(history, judged, said[chosen], start, rhythm, horizon, chosen, learned)
    return Choice(method=chosen, why=why, compared=compared, season_helps=helps)


def level(gone: Floats, odds: Floats, doubt: float = 0.0) -> float:
    """What to add to log-odds so that their mean probability is the share that is gone.

    Args:
        gone: 0 or 1 of each customer.
        odds: what is said of them.
        doubt: so many customers more, of whom what is said is true.
    """
    said = chance(odds).mean()
    share = (gone.sum() + doubt * said) / (len(gone) + doubt)
    least = min(0.5 / len(gone), said, 1 - said) if doubt else 0.5 / len(gone)
    share = np.clip(share, least, 1 - least)
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(odds + middle).mean() < share else (low, middle)
    return (low + high) / 2


@dataclass(frozen=True)
class Season:
    """How much more (in log-odds) than the model says customers were gone in a season of last year."""

    shift: float
    noise: float
    """Its variance by the number of customers."""


def season(
    history: History, at: datetime, horizon: int, start: datetime, rhythm: Rhythm, odds: Odds
) -> Season | None:
    """The same season of last year; None where the history does not reach back so far.

    Args:
        odds: what the model says of a snapshot.
    """
    ago = at - timedelta(days=YEAR)
    if ago - start < timedelta(days=SEASON_NEEDS) or horizon > YEAR:
        return None
    last = snapshot(history, ago, rhythm, horizon, NEWEST)
    if last.gone is None or not enough([last], SEASON_FEWEST, SEASON_EACH):
        return None
    noise = _noise(last.gone)
    shift = np.clip(level(last.gone, odds(last)), -2, 2) * _SURE / (_SURE + _YEARS + noise)
    return Season(float(shift), noise)


def _noise(gone: Floats) -> float:
    share = float(gone.mean())
    return 1 / (len(gone) * share * (1 - share))


def _helps(
    history: History,
    judged: Snapshot,
    said: Floats,
    start: datetime,
    rhythm: Rhythm,
    horizon: int,
    method: str,
    learned: learners.Learned,
) -> bool | None:
    def odds(one: Snapshot) -> Floats:
        found = []
        if method in (SIMPLER, BOTH):
            found.append(log_odds(bgnbd.no_order(rhythm, one.frame, horizon)))
        if method != SIMPLER:
            found.append(learners.predict(learners.only(learned, method), one.x))
        return np.asarray(np.mean(found, axis=0))

    found = season(history, judged.at, horizon, start, rhythm, odds)
    if found is None or judged.gone is None:
        return None
    truth = level(judged.gone, said)
    accident = _DEVIATIONS * np.sqrt(found.noise + _noise(judged.gone))
    return bool(abs(found.shift - truth) <= abs(truth) + _OFF + accident)


def _first(window: Snapshot, most: int) -> Snapshot:
    assert window.gone is not None
    return replace(
        window, frame=window.frame.head(most), x=window.x[:most], gone=window.gone[:most]
    )


def _folded(window: Snapshot) -> dict[str, Floats]:
    """What each method says of customers it did not learn from, within one window."""
    assert window.gone is not None
    fold = np.arange(window.frame.height) % FOLDS
    said = {name: np.zeros(window.frame.height) for name in METHODS}
    for number in range(FOLDS):
        rest, mine = fold != number, fold == number
        weight = np.ones(int(rest.sum()))
        learned = learners.learn(
            ("line", "forest", "boosting"), window.x[rest], window.gone[rest], weight
        )
        for name in METHODS:
            said[name][mine] = learners.predict(learners.only(learned, name), window.x[mine])
    return said
