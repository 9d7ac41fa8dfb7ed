"""How good segments, churn and recommendations are on real shops: the floor to beat, and what we get.

CDNOW is one row an order; Online Retail is read as it comes, with its returns, fees and unknown buyers, and
the reader cleans it. Churn is trained before a day and judged by who does not order in the days from it
on; floor, pass, good and the leak alarm are AUCs that ordinary tools got on the same customers (recency alone, and
a logistic regression on R, F and M, run again here). Above the alarm something of the future has leaked in.
Other days follow, for which no floor is known: there the simple methods are the floor.

Segments are judged by the money of the days from the day on: `explained` is the share of the variance of its
logarithm between segments, `rho` the rank correlation of segments with their mean money, `smallest` a share of
customers, `ARI` the agreement with the segments of resamples. `same` tells whether the same customers get the same
names with rows shuffled and ids turned into other words.

The real data lie in MAILWRIGHT_SHARED_DATA or ../shared/data and are not part of the project.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import polars as pl

from bench.affinity import completion, retail, shared
from bench.support import table
from kernel.sdk import clean_orders
from plugins.churn.model import MODEL as CHURN
from plugins.rfm.model import MODEL as SEGMENTS

if TYPE_CHECKING:
    from pathlib import Path

CHURN_TABLE = (
    ("CDNOW", "1998-01-01", 180, (0.795, 0.800, 0.805, 0.83)),
    ("CDNOW", "1998-04-01", 90, (0.828, 0.835, 0.840, 0.865)),
    ("Online Retail", "2011-09-10", 90, (0.730, 0.737, 0.745, 0.80)),
)
CHURN_OTHERS = (
    ("CDNOW", "1997-07-01", 90),
    ("CDNOW", "1997-10-01", 180),
    ("CDNOW", "1998-05-01", 30),
    ("Online Retail", "2011-04-01", 60),
    ("Online Retail", "2011-06-01", 90),
    ("Online Retail", "2011-08-01", 90),
    ("Online Retail", "2011-11-01", 30),
)
SEGMENTS_TABLE = (
    ("Online Retail", "2011-09-10", 90, 0.23),
    ("CDNOW", "1997-10-01", 273, 0.26),
    ("Online Retail", "2011-06-01", 90, None),
    ("CDNOW", "1998-01-01", 180, None),
)
RHO, SMALLEST, STABLE = 0.95, 0.03, 0.85


def shops(folder: Path) -> dict[str, pl.DataFrame]:
    """The two shops as files have them."""
    cdnow = pl.read_parquet(folder / "cdnow_master.parquet").select(
        "customer_id", order_id=pl.int_range(pl.len()), ordered_at="date", amount="spend"
    )
    return {"CDNOW": cdnow, "Online Retail": retail(folder)}


def moment(day: str) -> datetime:
    """Midnight, UTC."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def churn(shop: pl.DataFrame, day: str, days: int) -> dict[str, Any]:
    """Our figures and those of the simple methods."""
    begun = time.perf_counter()
    found, _ = CHURN.evaluate(clean_orders(shop, moment(day)), moment(day), days, None)
    return {
        "n": f"{found.n:,}",
        "base": f"{found.base_rate:.3f}",
        "auc": found.metrics["auc"],
        "loss": f"{found.metrics['log_loss']:.3f} / {found.metrics['calibration_error']:.3f}",
        "method": found.method,
        "recency": found.baselines["recency_only"]["auc"],
        "rfm": found.baselines["rfm_logistic"]["auc"],
        "rfm_loss": f"{found.baselines['rfm_logistic']['log_loss']:.3f}",
        "seconds": f"{time.perf_counter() - begun:.0f}",
    }


def grade(auc: float, bars: tuple[float, float, float, float]) -> str:
    """In a word, how an AUC stands to floor, pass, good and leak alarm."""
    floor, enough, good, alarm = bars
    if auc > alarm:
        return "LEAK"
    return "good" if auc >= good else "pass" if auc >= enough else "FAILED" if auc < floor else "floor only"  # fmt: skip


def churns(known: dict[str, pl.DataFrame]) -> bool:
    """Prints the tables of churn; whether all passed."""
    rows, passed = [], True
    for shop, day, days, bars in CHURN_TABLE:
        one = churn(known[shop], day, days)
        word = grade(one["auc"], bars)
        passed &= word in ("pass", "good")
        rows.append(
            [shop, day, days, one["n"], one["base"], f"{one['recency']:.3f}", f"{one['rfm']:.3f}"]
            + [f"{bar:.3f}" for bar in bars]
            + [f"{one['auc']:.4f}", word, one["loss"], one["method"], one["seconds"]]
        )
    table(
        (
            "churn",
            "from",
            "days",
            "n",
            "base",
            "recency",
            "RFM",
            "floor",
            "pass",
            "good",
            "alarm",
            "ours (AUC)",
            "",
            "log-loss / calibration",
            "method",
            "s",
        ),
        rows,
    )
    print()
    rows = []
    for shop, day, days in CHURN_OTHERS:
        one = churn(known[shop], day, days)
        rows.append(
            [
                shop,
                day,
                days,
                one["n"],
                one["base"],
                f"{one['recency']:.3f}",
                f"{one['rfm']:.3f}",
                f"{one['auc']:.4f}",
                one["rfm_loss"],
                one["loss"],
                one["method"],
                one["seconds"],
            ]
        )
    table(
        (
            "churn, other days",
            "from",
            "days",
            "n",
            "base",
            "recency",
            "RFM",
            "ours (AUC)",
            "log-loss RFM",
            "ours / calibration",
            "method",
            "s",
        ),
        rows,
    )
    return passed


def same_names(shop: pl.DataFrame, day: str, days: int, names: pl.DataFrame) -> float:
    """The share of customers who keep their segment's name with rows shuffled and ids as other words."""
    word = pl.lit("c") + (pl.col("customer_id") * 7919 % 1_000_003).cast(pl.String)
    other = shop.sample(fraction=1, shuffle=True, seed=5).with_columns(word.alias("customer_id"))
    again = segments(other, day, days)[1].rename({"segment": "other"})
    both = names.with_columns(word.alias("customer_id")).join(again, on="customer_id", how="inner")
    return (both["segment"] == both["other"]).sum() / names.height


def segments(shop: pl.DataFrame, day: str, days: int) -> tuple[Any, pl.DataFrame]:
    """The evaluation; and `customer_id` as it was written, `segment`."""
    history = clean_orders(shop, moment(day))
    found, names = SEGMENTS.evaluate(history, moment(day), days, None)
    assert history.ids is not None
    written = history.ids.gather(names["customer_id"])
    return found, names.select(written.alias("customer_id"), "segment")


def all_segments(known: dict[str, pl.DataFrame]) -> bool:
    """Prints the table of segments; whether all passed."""
    rows, passed = [], True
    for shop, day, days, floor in SEGMENTS_TABLE:
        begun = time.perf_counter()
        found, names = segments(known[shop], day, days)
        seconds = time.perf_counter() - begun
        one, same = found.metrics, same_names(known[shop], day, days, names)
        if floor is not None:
            passed &= one["explained"] >= floor and one["rank_rho"] >= RHO and same == 1
            passed &= one["smallest"] >= SMALLEST and one["stability"] >= STABLE
        plain = found.baselines["kmeans_raw"]["explained"]
        rows.append(
            [shop, day, days, f"{found.n:,}", f"{plain:.3f}", f"{found.facts['quintile_sum']['explained']:.3f}", floor or "", f"{one['explained']:.3f}", f"{one['rank_rho']:.2f}", f"{one['smallest']:.1%}", f"{one['stability']:.2f}", f"{same:.0%}", f"{seconds:.1f}"]
        )  # fmt: skip
    table(
        (
            "segments",
            "from",
            "days",
            "n",
            "raw KMeans",
            "quintiles",
            "floor",
            "ours (explained)",
            f"rho, floor {RHO}",
            f"smallest, floor {SMALLEST:.0%}",
            f"ARI, floor {STABLE}",
            "same",
            "s",
        ),
        rows,
    )
    return passed


def main() -> int:
    """All tables; 1 if something is below what passes or above the leak alarm."""
    folder = shared()
    if folder is None:
        print("No real data: set MAILWRIGHT_SHARED_DATA to a folder with cdnow_master.parquet.")
        return 0
    known = shops(folder)
    passed = churns(known)
    print()
    passed &= all_segments(known)
    print()
    completion(folder)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
