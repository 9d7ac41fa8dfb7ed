"""The simplest method, for shops too small for a model: how long pauses last here.

P(no order in H | silent for s) = S(s + H) / S(s), where S(t) is the share of pauses longer than t days,
estimated from all pauses between orders and from those that still last (Kaplan and Meier 1958).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kernel.sdk import Frozen, InvalidInput
from plugins.churn.bgnbd import Floats

FLOOR = 0.01
"""The share of pauses that might still end after the longest one seen."""


class Silence(Frozen):
    """S(t): after each of `days`, which share of pauses still lasts."""

    days: list[float]
    lasts: list[float]


def fit(ended: Floats, lasting: Floats) -> Silence:
    """The curve.

    Args:
        ended: lengths of pauses that an order ended, in days.
        lasting: how long each customer has been silent now.
    """
    days = np.unique(ended)
    still = len(ended) + len(lasting)
    at_risk = still - np.searchsorted(np.sort(np.concatenate([ended, lasting])), days, side="left")
    ends = np.bincount(np.searchsorted(days, ended), minlength=len(days))
    # Half an ending less in each place: so few customers prove nothing for certain.
    lasts = np.cumprod(1 - ends / (at_risk + 1.0))
    return Silence(days=days.tolist(), lasts=lasts.tolist())


def no_order(silence: Silence, frame: pl.DataFrame, horizon: float) -> Floats:
    """The chance that each customer does not order in the next `horizon` days."""
    days, lasts = np.array(silence.days), np.array([1.0, *silence.lasts])
    fits = len(lasts) == len(days) + 1 and (np.diff(days) > 0).all()
    if not fits or not (
        np.isfinite(lasts).all() and (np.diff(lasts) <= 0).all() and lasts[-1] >= 0
    ):
        raise InvalidInput("The curve of pauses in the artefact is broken.")
    silent = frame["days_since_order"].to_numpy()

    def share(after: Floats) -> Floats:
        return np.asarray(lasts[np.searchsorted(days, after, side="right")])

    return np.asarray((share(silent + horizon) + FLOOR) / (share(silent) + FLOOR))
