"""The model `churn` as the kernel's framework knows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import (
    Abstained,
    Evaluation,
    History,
    Trained,
    baselines,
    features,
    future,
    losses,
    measures,
    reliability,
)
from plugins.churn import fit, pauses, words, worth
from plugins.churn.artefact import Churn, decode, encode

PROBABILITY, REASONS = "churn.probability", "churn.reasons"
NEXT_ORDER, VALUE = "churn.next_order_at", "churn.expected_value"

_TRAITS = {
    PROBABILITY: "chance of no order within the model's horizon, 0 to 1, to the hundredth",
    REASONS: "up to three sentences that say why, with dates",
    NEXT_ORDER: "when the next order is as likely to have come as not, if one comes within the "
    "horizon, to the week; none where the chance of no order is above 0.8",
    VALUE: "money to expect within the horizon, two digits",
}


class ChurnModel:
    """The chance that a customer does not order within the horizon."""

    name = "churn"
    version = "1"
    title = "Churn"
    about = (
        "How likely each customer is not to order within the horizon, why, when the next order is to be "
        "expected, and what it is worth."
    )
    needs: frozenset[Any] = frozenset()
    traits = _TRAITS
    learns_outcomes = True
    new_share = 0.03
    """A training tries all methods twice, so it waits until there is something to learn."""

    def horizon(self, history: History, as_of: datetime) -> int:
        """One and a half of the shop's usual pauses, 30 to 180 days."""
        return pauses.horizon(pauses.pauses(history, as_of))

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        """Fitted on what happened before `as_of`, for the shop's own horizon."""
        fitted = fit.fit(history, as_of, self.horizon(history, as_of))
        if isinstance(fitted, Abstained):
            return fitted
        return Trained(
            artefact=encode(fitted.churn),
            method=fitted.churn.method,
            why=fitted.why,
            n=fitted.n,
            trained_from=fitted.start,
            trained_to=as_of,
            horizon_days=fitted.churn.horizon,
            facts=fitted.facts,
        )

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        """All four traits of everyone who ordered before `as_of`."""
        churn = decode(artefact)
        frame = features(history, as_of)
        gone = fit.probability(churn, frame)
        money = worth.value(churn.worth, churn.rhythm, frame, gone, churn.horizon)
        now = as_of.timestamp() * 1_000_000
        return frame.select("customer_id").with_columns(
            pl.Series(PROBABILITY, np.round(gone, 2)),
            words.reasons(frame, as_of, history.timezone, churn.usual_gap).alias(REASONS),
            worth.next_order(churn.rhythm, frame, gone, now, churn.horizon).alias(NEXT_ORDER),
            pl.Series(VALUE, worth.rounded(money)),
        )

    def judge(
        self, artefact: bytes, history: History, as_of: datetime, horizon: int
    ) -> dict[str, float]:
        """The measures of an artefact; none if it looks another number of days ahead."""
        churn = decode(artefact)
        if churn.horizon != horizon:
            return {}
        judged = _judged(history, as_of, horizon)
        return measures(judged["gone"], fit.probability(churn, judged)) if judged.height else {}

    def evaluate(
        self, history: History, as_of: datetime, horizon: int, settings: Any
    ) -> tuple[Evaluation, pl.DataFrame]:
        """Trained before `as_of`, judged by the `horizon` days from it; `customer_id, probability`."""
        told: dict[str, Any] = {
            "model": self.name,
            "version": self.version,
            "as_of": as_of,
            "horizon_days": horizon,
        }
        fitted = fit.fit(history, as_of, horizon)
        if isinstance(fitted, Abstained):
            nobody = pl.DataFrame(schema={"customer_id": pl.Int64, "probability": pl.Float64})
            return Evaluation(**told, n=0, missing=fitted.missing), nobody
        judged = _judged(history, as_of, horizon)
        gone, said = judged["gone"].to_numpy(), fit.probability(fitted.churn, judged)
        scores = pl.DataFrame({"customer_id": judged["customer_id"], "probability": said})
        told |= {
            "n": judged.height,
            "method": fitted.churn.method,
            "why": fitted.why,
            "trained_from": fitted.start,
            "trained_to": as_of,
            "trained_n": fitted.n,
            "notes": _notes(history, as_of, horizon, judged),
        }
        lost = losses(gone, said)
        found = Evaluation(
            **told,
            base_rate=float(gone.mean()),
            error=float(lost.std() / np.sqrt(len(lost))),
            metrics=measures(gone, said),
            baselines=baselines(history, as_of, horizon, judged),
            curve=reliability(gone, said),
            facts=fitted.facts | _beside(fitted.churn, judged, said, as_of),
        )
        return found, scores.sort("customer_id")


def _judged(history: History, as_of: datetime, horizon: int) -> pl.DataFrame:
    """The feature frame with what came: `gone` 0 or 1, `spent`, `next_at`."""
    frame = features(history, as_of).join(
        future(history, as_of, horizon), on="customer_id", how="left", maintain_order="left"
    )
    return frame.with_columns(gone=(~pl.col("ordered")).cast(pl.Float64))


def _notes(
    history: History, as_of: datetime, horizon: int, judged: pl.DataFrame
) -> tuple[str, ...]:
    until, last = as_of + timedelta(days=horizon), history.orders["ordered_at"].max()
    if judged["gone"].min() == 1:
        told = (
            f"No known customer ordered in the {horizon} days from {as_of:%Y-%m-%d}: either all are "
            "gone, or the history ends there and these figures say nothing."
        )
        return (told,)
    if isinstance(last, datetime) and until - last > timedelta(days=max(2.0, horizon * 0.05)):
        told = (
            f"The history ends on {last:%Y-%m-%d}, before the horizon does ({until:%Y-%m-%d}): some "
            "who seem gone may have ordered later."
        )
        return (told,)
    return ()


def _beside(churn: Churn, judged: pl.DataFrame, gone: Any, as_of: datetime) -> dict[str, Any]:
    """How good the expected value and the date of the next order were."""
    money = worth.value(churn.worth, churn.rhythm, judged, gone, churn.horizon)
    at = worth.next_order(churn.rhythm, judged, gone, as_of.timestamp() * 1e6, churn.horizon)
    off = (at - judged["next_at"]).dt.total_seconds().abs().median()
    return {
        "value_said": round(float(money.sum()), 2),
        "value_was": round(float(judged["spent"].sum()), 2),
        "next_order_days_off": round(off / 86400, 1) if isinstance(off, float) else None,
        "season_shift": round(churn.shift, 3),
    }


MODEL = ChurnModel()
