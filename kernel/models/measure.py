"""How good are probabilities: what came true, the usual figures, and the simple methods to beat."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kernel.contracts.models import Bin
from kernel.models.features import features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from kernel.contracts.models import History

    Floats = NDArray[np.float64]

RFM = ("days_since_order", "order_days", "total_spent")
BASELINES: dict[str, tuple[str, ...]] = {"recency_only": RFM[:1], "rfm_logistic": RFM}
"""The simple methods: a logistic regression on log1p of these features alone."""


def future(history: History, as_of: datetime, horizon: int) -> pl.DataFrame:
    """What those who ordered before `as_of` did in the `horizon` days from it: `customer_id`,
    `ordered` bool, `spent` f64 (orders less returns, not below 0), `next_at` (null: no order).
    """
    orders = history.orders.filter(pl.col("customer_id").is_not_null())
    then = orders.filter(
        pl.col("ordered_at") >= as_of, pl.col("ordered_at") < as_of + timedelta(days=horizon)
    )
    bought = ~pl.col("is_return")
    sums = then.group_by("customer_id").agg(
        spent=pl.col("amount").sum().clip(0), next_at=pl.col("ordered_at").filter(bought).min()
    )
    known = orders.filter(pl.col("ordered_at") < as_of, bought).select("customer_id").unique()
    return known.join(sums, on="customer_id", how="left").select(
        "customer_id", pl.col("spent").fill_null(0.0), "next_at",
        ordered=pl.col("next_at").is_not_null(),
    )  # fmt: skip


def measures(came_true: Any, said: Any) -> dict[str, float]:
    """`auc`, `log_loss`, `brier` and `calibration_error` of probabilities; `auc` is nan when all or
    none came true.

    Args:
        came_true: 0 or 1 each.
        said: the probability of it.
    """
    y, p = np.asarray(came_true, float), np.asarray(said, float)
    curve = reliability(y, p)
    return {
        "auc": auc(y, p),
        "log_loss": float(losses(y, p).mean()),
        "brier": float(((p - y) ** 2).mean()),
        "calibration_error": sum(abs(b.said - b.was) * b.n for b in curve) / len(y),
    }


def losses(came_true: Any, said: Any) -> Floats:
    """The log-loss of each probability; its spread tells how sure the mean is."""
    y, p = np.asarray(came_true, float), np.clip(np.asarray(said, float), 1e-6, 1 - 1e-6)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))


def auc(came_true: Any, said: Any) -> float:
    """The chance that of two customers the one for whom it came true was given the higher score."""
    y = np.asarray(came_true, bool)
    yes, no = int(y.sum()), int((~y).sum())
    if not yes or not no:
        return float("nan")
    ranks = pl.Series(np.asarray(said, float)).rank("average").to_numpy()
    return float((ranks[y].sum() - yes * (yes + 1) / 2) / (yes * no))


def reliability(came_true: Any, said: Any, bins: int = 10) -> tuple[Bin, ...]:
    """What was said against what came true, in `bins` groups of equal size by what was said."""
    y, p = np.asarray(came_true, float), np.asarray(said, float)
    # Ties stay together, so that the order of rows makes no difference.
    edges = np.unique(np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    group = np.searchsorted(edges, p, side="left")
    counts = np.bincount(group)
    sums = np.bincount(group, p), np.bincount(group, y)
    return tuple(
        Bin(n=int(n), said=float(s / n), was=float(w / n))
        for n, s, w in zip(counts, *sums, strict=True)
        if n
    )


def matrix(frame: pl.DataFrame, names: Sequence[str]) -> Floats:
    """The columns as log1p, standing for nothing (0) where null: what linear models take well."""
    columns = (pl.col(name).cast(pl.Float64).fill_null(0).clip(0).log1p() for name in names)
    return frame.select(columns).to_numpy()


def baselines(
    history: History, as_of: datetime, horizon: int, judged: pl.DataFrame
) -> dict[str, dict[str, float]]:
    """The figures of the simple methods for "no order in the horizon", learned on the window that ended
    at `as_of`. Empty when that window cannot teach: nobody or everybody ordered in it.

    Args:
        history: not read at or after `as_of`.
        as_of: where the judged window begins.
        horizon: its days.
        judged: the feature frame at `as_of` with a column `gone`: 1 for no order in the window.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    then = as_of - timedelta(days=horizon)
    frame = features(history, then).join(
        future(history, then, horizon), on="customer_id", maintain_order="left"
    )
    gone = (~frame["ordered"]).to_numpy()
    if not gone.any() or gone.all():
        return {}
    found = {}
    for name, columns in BASELINES.items():
        fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(
            matrix(frame, columns), gone
        )
        said = fitted.predict_proba(matrix(judged, columns))[:, 1]
        found[name] = measures(judged["gone"], said)
    return found
