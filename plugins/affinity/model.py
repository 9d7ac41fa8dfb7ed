"""The model `affinity`, as the kernel's framework trains, judges, stores and asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.sdk import Abstained, Evaluation, Trained
from plugins.affinity import offers as remembered
from plugins.affinity.fit import fit
from plugins.affinity.judge import LEAST, WORDS, coverage, error, judged
from plugins.affinity.learned import VERSION, decode
from plugins.affinity.links import DENSE
from plugins.affinity.manifest import AffinitySettings
from plugins.affinity.sales import days_of
from plugins.affinity.suggest import FITTING, SUGGESTED, fitting, suggested

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context, History, Recommendation, Slot
    from plugins.affinity.learned import Learned

KEPT = 6
"""Products in each slot that are kept as a customer's trait."""
AGAIN, NEW = "affinity.again", "affinity.new"
_JUDGED = "Orders are judged with one product hidden; slots by each customer's first order in the horizon."
_NOTHING = "An order with a product; there is none before {}."


_TRAITS = {
    AGAIN: "products to buy again, best first: sku, score (times bought) and reason",
    NEW: "products new to them, best first: sku, score and reason",
}


class Affinity:
    """See the README. All but `for_customers` and `offered` are pure."""

    name = "affinity"
    version = VERSION
    title = "Affinity"
    about = (
        "What each customer is likely to buy again and what new thing, and what is bought together."
    )
    needs: frozenset[Any] = frozenset({"lines", "products"})
    traits = _TRAITS
    learns_outcomes = True

    def horizon(self, history: History, as_of: datetime) -> int:
        """1.5 times the median gap between a customer's orders, 30 to 90 days."""
        day = days_of(pl.col("ordered_at"), history.timezone)
        past = history.orders.filter(pl.col("ordered_at") < as_of, ~pl.col("is_return"))
        days = past.select("customer_id", day=day).unique().sort("customer_id", "day")
        gap = days.select(pl.col("day").diff().over("customer_id"))["day"].median()
        return 30 if gap is None else round(min(max(1.5 * float(gap), 30), 90))  # type: ignore[arg-type]

    def train(self, history: History, as_of: datetime, settings: Any) -> Trained | Abstained:
        """Links, popularity and pauses, from what was sold before `as_of`."""
        learned = self._fit(history, as_of, settings)
        if learned is None:
            return Abstained(missing=(_NOTHING.format(f"{as_of:%Y-%m-%d}"),))
        method, why = _method(learned)
        lines = history.lines.filter(pl.col("ordered_at") < as_of)
        return Trained(
            artefact=learned.encode(),
            method=method,
            why=why,
            n=learned.baskets,
            counted="orders",
            trained_from=lines["ordered_at"].min(),  # type: ignore[arg-type]
            trained_to=as_of,
            facts={
                "products": learned.items,
                "links": int(learned.links.weight.nnz),
                "for_sale": round(coverage(learned, history), 3),
            },
        )

    def score(self, artefact: bytes, history: History, as_of: datetime) -> pl.DataFrame:
        """Both slots as lists of `sku, score, reason`; null where there is nothing."""
        learned = decode(artefact)
        entry = pl.struct(sku="item", score=pl.col("score").round(3), reason="reason")
        parts = []
        for part in suggested(learned, history, as_of, KEPT, since="date"):
            rows = part.sort("customer_id", "rank").with_columns(entry=entry)
            lists = rows.group_by("customer_id", "slot", maintain_order=True).agg("entry")
            parts.append(lists)
        kind = pl.List(pl.Struct({"sku": pl.String, "score": pl.Float64, "reason": pl.String}))
        schema: dict[str, Any] = {"customer_id": pl.Int64, "slot": pl.String, "entry": kind}
        slots = pl.concat([pl.DataFrame(schema=schema), *parts])
        past = history.orders.filter(pl.col("ordered_at") < as_of)["customer_id"]
        found = pl.concat([past, slots["customer_id"]]).unique().sort().to_frame()
        for slot, trait in (("again", AGAIN), ("new", NEW)):
            column = slots.filter(pl.col("slot") == slot).select("customer_id", entry="entry")
            found = found.join(column.rename({"entry": trait}), on="customer_id", how="left")
        return found.sort("customer_id")

    def evaluate(
        self, history: History, as_of: datetime, horizon: int, settings: Any
    ) -> tuple[Evaluation, pl.DataFrame]:
        """Trained before `as_of`, judged by what was bought in the horizon; and everyone's next order."""
        told: dict[str, Any] = {
            "model": self.name,
            "version": self.version,
            "as_of": as_of,
            "horizon_days": horizon,
            "metric": "hit_at_10",
            "lower_is_better": False,
            "counted": "orders",
        }
        empty = pl.DataFrame(schema=SUGGESTED).drop("score")
        learned = self._fit(history, as_of, settings)
        if learned is None:
            missing = (_NOTHING.format(f"{as_of:%Y-%m-%d}"),)
            return Evaluation(**told, n=0, missing=missing), empty
        n, ours, plain = judged(learned, history, as_of, horizon)
        if n < LEAST:
            sentence = (
                f"{LEAST} orders of two or more known products in the {horizon} days from "
                f"{as_of:%Y-%m-%d}; there are {n}."
            )
            return Evaluation(**told, n=n, missing=(sentence,)), empty
        method, why = _method(learned)
        first = history.lines.filter(pl.col("ordered_at") < as_of)["ordered_at"].min()
        found = Evaluation(
            **told,
            n=n,
            method=method,
            why=why,
            error=error(ours["hit_at_10"], n),
            metrics=ours,
            baselines={"popularity": plain},
            words=WORDS,
            trained_from=first,  # type: ignore[arg-type]
            trained_to=as_of,
            trained_n=learned.baskets,
            notes=(_JUDGED,),
        )
        return found, self._next(learned, history, as_of, 10)

    def judge(
        self, artefact: bytes, history: History, as_of: datetime, horizon: int
    ) -> dict[str, float]:
        """The metrics of `evaluate`, of this artefact."""
        return judged(decode(artefact), history, as_of, horizon)[1]

    def recommend(
        self, history: History, as_of: datetime, baskets: pl.DataFrame, k: int, settings: Any
    ) -> pl.DataFrame:
        """For each basket the `k` products that fit it best."""
        learned = self._fit(history, as_of, settings)
        if learned is None:
            return pl.DataFrame(schema=FITTING)
        return fitting(learned, history, baskets, k)

    def next_order(self, history: History, as_of: datetime, k: int, settings: Any) -> pl.DataFrame:
        """What each known customer may buy next, in the slots `again` and `new`."""
        learned = self._fit(history, as_of, settings)
        if learned is None:
            return pl.DataFrame(schema=SUGGESTED).drop("score")
        return self._next(learned, history, as_of, k)

    async def for_customers(
        self, ctx: Context, customer_ids: Sequence[int], slot: Slot, k: int
    ) -> dict[int, list[Recommendation]]:
        """Up to `k` products of a slot, of those for sale now and not offered lately."""
        return await remembered.for_customers(ctx, customer_ids, slot, k)

    async def offered(self, ctx: Context, offers: Sequence[tuple[int, str]]) -> None:
        """Note that customers were offered products, so that they are not offered again soon."""
        await remembered.note(ctx, offers)

    def _fit(self, history: History, as_of: datetime, settings: Any) -> Learned | None:
        chosen = settings if isinstance(settings, AffinitySettings) else AffinitySettings()
        return fit(history, as_of, chosen.quiet_days)

    def _next(self, learned: Learned, history: History, as_of: datetime, k: int) -> pl.DataFrame:
        parts = [pl.DataFrame(schema=SUGGESTED), *suggested(learned, history, as_of, k)]
        found = pl.concat(parts).sort("customer_id", "slot", "rank")
        return found.drop("score")


def _method(learned: Learned) -> tuple[str, str]:
    if not learned.penalty:
        return "counts", "No order had two products, so there is nothing that goes together."
    penalty = f"lambda {learned.penalty:.0f}"
    if learned.items > DENSE:
        why = (
            f"{learned.items:,} products are more than the {DENSE:,} that a dense inverse may hold: it "
            f"has the most sold ({penalty}), and confidences speak for the others."
        )
        return "ease and shrunk confidence", why
    return "ease", f"It has found hidden products of recent orders best with {penalty}."


MODEL = Affinity()
