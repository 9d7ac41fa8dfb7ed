"""The model `rfm` as the kernel's framework knows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from kernel.sdk import Abstained, Evaluation, History, Trained, before, features, future
from plugins.rfm import judge, movement, segments
from plugins.rfm.segments import Segments

SEGMENT, SCORE, CELL, BEFORE = "rfm.segment", "rfm.score", "rfm.cell", "rfm.before"
HORIZON = 90
"""Days whose money the segments are judged by."""

_TRAITS = {
    SEGMENT: "the segment's name: Champions, Loyal, Promising, At Risk, Lost; fewer in a small shop",
    SCORE: "3 to 15: points for recency, frequency and money, by fifths of the customers, together",
    CELL: "the three points, as 5-4-3",
    BEFORE: "the segment 30 days ago if it was another, by the borders of today; New: had not ordered",
}


class RfmModel:
    """Which segment a customer is in."""

    name = "rfm"
    version = "1"
    title = "Segments"
    about = "Groups of customers by how recently, how often and for how much they bought, the best first."
    needs: frozenset[Any] = frozenset()
    traits = _TRAITS
    learns_outcomes = False

    def horizon(self, history: History, as_of: datetime) -> int:
        """90 days."""
        return HORIZON

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        """Fitted on the customers as they stand at `as_of`."""
        return self._train(history, as_of, settings, None)

    def train_again(
        self, artefact: bytes, history: History, as_of: datetime, settings: Any
    ) -> Trained | Abstained:
        """As `train`, from the segments in use on: each is found again, or kept while it fits."""
        return self._train(history, as_of, settings, segments.decode(artefact))

    def _train(
        self, history: History, as_of: datetime, settings: Any, previous: Segments | None
    ) -> Trained | Abstained:
        frame = features(history, as_of)
        if not frame.height:
            return _nobody(as_of)
        most = settings.segments if settings else 5
        found = segments.fit(frame, most, previous)
        past = movement.followed(before(history, as_of), frame)
        first: Any = past.orders["ordered_at"].min()
        why = (
            "The segments in use still fit and are kept."
            if found is previous
            else f"{len(found.names)} segments: as many as {frame.height:,} customers carry with 3 % and more in each."
        )
        return Trained(
            artefact=segments.encode(found),
            method="kmeans" if len(found.names) > 1 else "one group",
            why=why,
            n=frame.height,
            trained_from=first,
            trained_to=as_of,
            horizon_days=HORIZON,
            facts=_facts(past, frame, as_of, found, previous),
        )

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        """All traits of everyone who ordered before `as_of`."""
        found, frame = segments.decode(artefact), features(history, as_of)
        scored = movement.a_month_ago(history, as_of, found, _scored(found, frame))
        cell = pl.concat_str("r", "f", "m", separator="-")
        return scored.select(
            "customer_id",
            pl.col("segment").alias(SEGMENT),
            (pl.col("r") + pl.col("f") + pl.col("m")).alias(SCORE),
            cell.alias(CELL),
            pl.col("before").alias(BEFORE),
        )

    def judge(
        self, artefact: bytes, history: History, as_of: datetime, horizon: int
    ) -> dict[str, float]:
        """The measures of an artefact on the window."""
        found, frame = segments.decode(artefact), features(history, as_of)
        if not frame.height:
            return {}
        place = segments.assign(found, segments.raw(frame))
        return judge.measures(place, _spent(history, frame, as_of, horizon))

    def evaluate(
        self, history: History, as_of: datetime, horizon: int, settings: Any
    ) -> tuple[Evaluation, pl.DataFrame]:
        """Fitted at `as_of`, judged by the money of the `horizon` days from it; `customer_id, segment,
        rank, r, f, m`; rank 1 is the best.
        """
        told: dict[str, Any] = {
            "model": self.name,
            "version": self.version,
            "as_of": as_of,
            "horizon_days": horizon,
            "metric": "explained",
            "lower_is_better": False,
        }
        frame = features(history, as_of)
        if not frame.height:
            nothing = {"segment": pl.String, "rank": pl.Int64, "r": pl.Int64, "f": pl.Int64}
            empty = pl.DataFrame(schema={"customer_id": pl.Int64, **nothing, "m": pl.Int64})
            return Evaluation(**told, n=0, missing=_nobody(as_of).missing), empty
        most = settings.segments if settings else 5
        found = segments.fit(frame, most)
        place = segments.assign(found, segments.raw(frame))
        spent = _spent(history, frame, as_of, horizon)
        measured = judge.measures(place, spent)
        stable = judge.stability(frame, found, most)
        notes = ["Stability is unknown: it takes 50 customers."] if stable is None else []
        if not spent.any():
            notes.append(f"Nobody spent anything in the {horizon} days from {as_of:%Y-%m-%d}.")
        share, first = measured["explained"], history.orders["ordered_at"].min()
        return Evaluation(
            **told,
            n=frame.height,
            method="kmeans" if len(found.names) > 1 else "one group",
            why=f"{len(found.names)} segments for {frame.height:,} customers.",
            # The spread of a share of variance, roughly: Olkin and Finn 1995.
            error=float(2 * np.sqrt(share) * (1 - share) / np.sqrt(frame.height)),
            metrics=measured | ({"stability": stable} if stable is not None else {}),
            baselines=judge.baselines(frame, found, spent),
            words=judge.WORDS,
            trained_from=first,  # type: ignore[arg-type]
            trained_to=as_of,
            trained_n=frame.height,
            notes=tuple(notes),
            facts={
                "segments": _told(found, frame, place, spent),
                "quintile_sum": judge.by_quintiles(frame, found, spent),
            },
        ), _scored(found, frame).sort("customer_id")


def _nobody(as_of: datetime) -> Abstained:
    return Abstained(
        missing=(f"It needs a customer who ordered before {as_of:%Y-%m-%d}; there is none.",)
    )


def _scored(found: Segments, frame: pl.DataFrame) -> pl.DataFrame:
    place = pl.Series(segments.assign(found, segments.raw(frame)))
    points = found.quintiles.points(frame)
    return frame.select(
        "customer_id",
        segment=place.replace_strict(
            list(range(len(found.names))), found.names, return_dtype=pl.String
        ),
        rank=place + 1,
        r=pl.Series(points[:, 0]),
        f=pl.Series(points[:, 1]),
        m=pl.Series(points[:, 2]),
    )


def _spent(history: History, frame: pl.DataFrame, as_of: datetime, horizon: int) -> Any:
    then = future(history, as_of, horizon).select("customer_id", "spent")
    joined = frame.select("customer_id").join(
        then, on="customer_id", how="left", maintain_order="left"
    )
    return joined["spent"].fill_null(0.0).to_numpy()


def _told(found: Segments, frame: pl.DataFrame, place: Any, spent: Any) -> list[dict[str, Any]]:
    """A row for each segment; `next` is the money a head in the window that was judged."""
    rows = frame.select("days_since_order", "order_days", "total_spent").with_columns(
        place=pl.Series(place), spent=pl.Series(spent)
    )
    sums = rows.group_by("place").agg(
        customers=pl.len(),
        money=pl.col("total_spent").sum(),
        next=pl.col("spent").mean(),
        days_since_order=pl.col("days_since_order").median(),
        order_days=pl.col("order_days").mean(),
        mean_spent=pl.col("total_spent").mean(),
    )
    whole, money = frame.height, max(float(frame["total_spent"].sum()), 1e-9)
    return [
        {
            "name": found.names[row["place"]],
            "rank": row["place"] + 1,
            "customers": row["customers"],
            "share": round(row["customers"] / whole, 4),
            "money_share": round(row["money"] / money, 4),
            **{
                key: round(row[key], 2)
                for key in ("days_since_order", "order_days", "mean_spent", "next")
            },
        }
        for row in sums.sort("place").iter_rows(named=True)
    ]


def _facts(
    history: History,
    frame: pl.DataFrame,
    as_of: datetime,
    found: Segments,
    previous: Segments | None,
) -> dict[str, Any]:
    """Sizes, movements, and what is wrong.

    Args:
        history: before `as_of`, of the customers whose movements are followed.
        frame: of everyone.
        as_of: when it was trained.
        found: the segments now,
        previous: and the ones they come from.
    """
    points, count = segments.raw(frame), len(found.names)
    place = segments.assign(found, points)
    shares = np.bincount(place, minlength=count) / frame.height
    then, spent = as_of - timedelta(days=HORIZON), None
    window = movement.places(history, then, found)
    if window.height >= segments.SIZES[0][0]:
        after = window.join(future(history, then, HORIZON), on="customer_id", how="left")
        money = after["spent"].fill_null(0.0).to_numpy()
        spent = judge.spent_by(after["place"].to_numpy(), money, count)
    other = judge.outspent(found.names, *spent, history.currency) if spent else []
    if previous is not None and previous is not found:
        old = np.bincount(segments.assign(previous, points), minlength=len(previous.names))
        other = judge.redrawn(previous.names, old / frame.height, found.names) + other
    return {
        "segments": _told(found, frame, place, np.zeros(frame.height)),
        "months": movement.months(history, as_of, found),
        "followed": min(frame.height, movement.SAMPLE),
        "spent_after": None if spent is None else np.round(spent[0], 2).tolist(),
        "alarms": [*judge.small(found.names, shares), *other],
        "other_alarms": other,
    }


MODEL = RfmModel()
