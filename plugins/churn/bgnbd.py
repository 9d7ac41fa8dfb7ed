"""How long customers go on buying: the modified BG/NBD model, which needs no labels.

While active, a customer orders at random at a rate of their own; after each order, the first included,
they may stop for good. Rates differ between customers like a gamma distribution, the chance to stop like
a beta distribution. (The unmodified model lets nobody stop after a first order; on the shops we have, this
one is as likely or likelier, and ranks better.)

What makes a churn risk of it is not P(active), which is highest for those who just came, but
P(no order in H) = 1 - P(active) * (1 - ((alpha + T) / (alpha + T + H)) ^ (r + x)).

Source: Batislam, Denizel, Filiztekin 2007, "Empirical validation and comparison of models for customer
base analysis"; Fader, Hardie, Lee 2005 for the BG/NBD model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kernel.sdk import Frozen

Floats = NDArray[np.float64]

SAMPLE = 50_000
"""Customers it is fitted on; the first of a frame whose order is as good as shuffled."""
_USUAL = np.log([0.7, 60.0, 0.7, 1.5])
"""What is likely before anything was seen: r, alpha (days), a, b."""
_SPREAD = 1.5


class Rhythm(Frozen):
    """The four parameters; `alpha` is in days."""

    r: float
    alpha: float
    a: float
    b: float


def counts(frame: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """Of each customer: order days after the first, days from the first order to the last, and days
    from the first order to now.
    """
    again = frame["order_days"].to_numpy() - 1.0
    known = np.maximum(frame["days_since_first_order"].to_numpy(), 1e-3)
    last = known - frame["days_since_order"].to_numpy()
    return again, np.where(again > 0, np.clip(last, 0.0, known), 0.0), known


def fit(frame: pl.DataFrame) -> Rhythm:
    """The likeliest parameters for the customers of a feature frame, held lightly to usual ones, so
    that few customers do not make extreme ones.
    """
    from scipy.optimize import minimize
    from scipy.special import gammaln, psi

    again, last, known = counts(frame.head(SAMPLE))
    levels, place = np.unique(again, return_inverse=True)
    n = len(again)

    def loss(logs: Any) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(logs)
        # Functions of the count alone are computed once for each count that occurs.
        of_count = gammaln(r + levels) + gammaln(b + levels + 1) - gammaln(a + b + levels + 1)
        constant = -gammaln(r) + r * logs[1] - gammaln(b) + gammaln(a + b)
        shape = r + again
        log_known, log_last = np.log(alpha + known), np.log(alpha + last)
        active = -shape * log_known
        stopped = logs[2] - np.log(b + levels)[place] - shape * log_last
        both = np.logaddexp(active, stopped)
        share = np.exp(stopped - both)
        slope = np.array(
            [
                (psi(r + levels)[place] - (1 - share) * log_known - share * log_last).sum()
                + n * (logs[1] - psi(r)),
                n * r / alpha
                - (shape * ((1 - share) / (alpha + known) + share / (alpha + last))).sum(),
                n * psi(a + b) - psi(a + b + levels + 1)[place].sum() + share.sum() / a,
                n * (psi(a + b) - psi(b))
                + (psi(b + levels + 1) - psi(a + b + levels + 1))[place].sum()
                - (share / (b + again)).sum(),
            ]
        )
        off = (logs - _USUAL) / _SPREAD
        value = -(of_count[place].sum() + n * constant + both.sum()) + (off**2).sum() / 2
        return value / n, (-slope * np.exp(logs) + off / _SPREAD) / n

    found = minimize(loss, _USUAL, jac=True, method="L-BFGS-B", bounds=[(-9.0, 9.0)] * 4)
    r, alpha, a, b = np.exp(found.x).tolist()
    return Rhythm(r=r, alpha=alpha, a=a, b=b)


def active(rhythm: Rhythm, frame: pl.DataFrame) -> Floats:
    """The chance that each customer has not stopped."""
    again, last, known = counts(frame)
    odds = np.log(rhythm.a / (rhythm.b + again)) + (rhythm.r + again) * np.log(
        (rhythm.alpha + known) / (rhythm.alpha + last)
    )
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(odds, 700.0))))


def no_order(rhythm: Rhythm, frame: pl.DataFrame, horizon: float) -> Floats:
    """The chance that each customer does not order in the next `horizon` days."""
    again, _, known = counts(frame)
    quiet = np.exp(
        (rhythm.r + again) * np.log((rhythm.alpha + known) / (rhythm.alpha + known + horizon))
    )
    return np.asarray(1.0 - active(rhythm, frame) * (1.0 - quiet))


def order_days(rhythm: Rhythm, frame: pl.DataFrame, horizon: float) -> Floats:
    """About how many days with an order to expect of each customer in the next `horizon` days; a little
    too many, since nobody stops on the way.
    """
    again, _, known = counts(frame)
    rate = (rhythm.r + again) / (rhythm.alpha + known)
    return np.asarray(active(rhythm, frame) * rate * horizon)
