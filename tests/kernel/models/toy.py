"""A stranger's model: who ordered lately will order again. Small, but it keeps the whole contract; the
page docs/models.md shows it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
import numpy as np
import polars as pl

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.sdk import (
    Abstained,
    Context,
    Evaluation,
    Frozen,
    History,
    InvalidInput,
    Manifest,
    Model,
    Recommendation,
    Trained,
    baselines,
    features,
    future,
    hookimpl,
    losses,
    measures,
    reliability,
)

LEAST = 5


class ToySettings(Frozen):
    """How the toy is set."""

    digits: int = 2


MANIFEST = Manifest(
    name="toy",
    version="1.0",
    title="Toy",
    summary="For tests.",
    kind="intelligence",
    settings=ToySettings,
)


class Rates(Frozen):
    """Of those who ordered within a month and of the others: how many order again."""

    lately: float
    others: float
    digits: int


class Toy:
    """Of those who ordered within a month, and of the others, the share that orders again."""

    name = "toy"
    version = "1"
    title = "Orders again"
    about = "Whether a customer orders within the horizon."
    needs: frozenset[Any] = frozenset()
    traits: ClassVar[dict[str, str]] = {
        "toy.again": "probability of an order within the horizon",
        "toy.lately": "ordered within the last 30 days",
    }

    def horizon(self, history: History, as_of: datetime) -> int:
        return 30

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        then = as_of - timedelta(days=30)
        frame = features(history, then).join(future(history, then, 30), on="customer_id")
        if frame.height < LEAST:
            missing = (
                f"{LEAST} customers with an order before {then:%Y-%m-%d}; there are {frame.height}."
            )
            return Abstained(missing=(missing,))
        lately = (frame["days_since_order"] <= 30).to_numpy()
        ordered = frame["ordered"].to_numpy()
        rates = Rates(
            lately=float((ordered[lately].sum() + 0.1) / (lately.sum() + 0.2)),
            others=float((ordered[~lately].sum() + 0.1) / ((~lately).sum() + 0.2)),
            digits=settings.digits if settings else 2,
        )
        return Trained(
            artefact=msgspec.msgpack.encode(rates),
            method="two rates",
            why="It is a toy.",
            n=frame.height,
            trained_from=history.orders["ordered_at"].min(),  # type: ignore[arg-type]
            trained_to=as_of,
            horizon_days=30,
        )

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        try:
            rates = msgspec.msgpack.decode(artefact, type=Rates)
        except msgspec.MsgspecError as error:
            raise InvalidInput(f"These are no rates: {error}") from error
        lately = pl.col("days_since_order") <= 30
        again = pl.when(lately).then(rates.lately).otherwise(rates.others)
        return features(history, as_of).select(
            "customer_id",
            again.round(rates.digits).alias("toy.again"),
            pl.when(lately).then(True).alias("toy.lately"),
        )

    def evaluate(
        self, history: History, as_of: datetime, horizon: int, settings: Any
    ) -> tuple[Evaluation, pl.DataFrame]:
        told: dict[str, Any] = {
            "model": self.name,
            "version": self.version,
            "as_of": as_of,
            "horizon_days": horizon,
        }
        trained = self.train(history, as_of, settings)
        if isinstance(trained, Abstained):
            return Evaluation(**told, n=0, missing=trained.missing), pl.DataFrame(
                schema={"customer_id": pl.Int64, "probability": pl.Float64}
            )
        said = self.score(trained.artefact, history, as_of)
        judged = said.join(future(history, as_of, horizon), on="customer_id").join(
            features(history, as_of), on="customer_id"
        )
        judged = judged.with_columns(
            gone=(~pl.col("ordered")).cast(pl.Int8), p=1 - pl.col("toy.again")
        )
        error = losses(judged["gone"], judged["p"]).std() / np.sqrt(judged.height)
        return Evaluation(
            **told,
            n=judged.height,
            base_rate=judged["gone"].mean(),  # type: ignore[arg-type]
            method=trained.method,
            why=trained.why,
            error=error,
            metrics=measures(judged["gone"], judged["p"]),
            curve=reliability(judged["gone"], judged["p"]),
            baselines=baselines(history, as_of, horizon, judged),
        ), said.select("customer_id", probability=1 - pl.col("toy.again"))


class Tried(Toy):
    """What tests do with it: `wrong` makes it say the opposite, `broken` makes it raise."""

    wrong = False
    broken = False

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        if self.broken:
            raise RuntimeError("the toy is broken")
        return super().train(history, as_of, settings)

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        scores = super().score(artefact, history, as_of)
        if self.wrong:
            return scores.with_columns((1 - pl.col("toy.again")).alias("toy.again"))
        return scores


class Shelf(Toy):
    """A recommender that knows one product."""

    name = "toy_shelf"
    title = "Shelf"
    traits: ClassVar[dict[str, str]] = {"toy.best": "the product"}

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        return Abstained(missing=("Products.",))

    def recommend(
        self, history: History, as_of: datetime, baskets: pl.DataFrame, k: int, settings: Any
    ) -> pl.DataFrame:
        best = history.lines.filter(pl.col("ordered_at") < as_of, "is_product")["sku"].mode().sort()
        found = baskets.select("basket_id").unique().sort("basket_id")
        return found.with_columns(rank=pl.lit(1), item=pl.lit(best[0]), score=pl.lit(1.0))

    def next_order(self, history: History, as_of: datetime, k: int, settings: Any) -> pl.DataFrame:
        return features(history, as_of).select(
            "customer_id", slot=pl.lit("new"), rank=1, item=pl.lit("7"), reason=pl.lit("the best")
        )

    async def for_customers(
        self, ctx: Context, customer_ids: Sequence[int], slot: Any, k: int
    ) -> dict[int, list[Recommendation]]:
        one = Recommendation(sku="7", slot=slot, rank=1, score=1.0, reason="the best")
        return {customer_id: [one] for customer_id in customer_ids}


TOY, SHELF = Tried(), Shelf()


@hookimpl
def models() -> Sequence[Model]:
    """The toy and the shelf."""
    return (TOY, SHELF)


def board() -> Plugboard:
    """A plugboard with this plugin alone."""
    return build_plugboard(mandatory=(), extra=[("toy", sys.modules[__name__])], only=())
