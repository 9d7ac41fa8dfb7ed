"""How good the recommendations are on two real shops, and how long they take on shops of many products.

Basket completion: of each order of the test part with two products and more, one is hidden (at random,
fixed seed) and the others are shown; how often is it among the first 1, 3 and 10? Groceries are split
80/20 by order at random, five times; Online Retail (returns, non-products and unpriced lines left out) is
learned before a day, on products with ten lines and more, and judged by the orders after it. Beside ours,
on the same hidden products: popularity, and the largest confidence c / (n + 5), as an outsider would.

Next order: customers known before a day; their first day with an order in the 90 days after it; how often
is one of the first three products of a slot in it? Beside ours: the three most popular products of the last
30 days, in the slot `new` without those the customer had.

The real data lie in MAILWRIGHT_SHARED_DATA or ../shared/data and are not part of the project: without them
only the made-up shops are measured.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
import scipy.sparse as sp

from bench.support import table
from kernel.sdk import clean_orders, history
from plugins.affinity.model import MODEL

HITS = (1, 3, 10)
FLOOR = {"Groceries": (0.40, 0.412), "Online Retail": (0.25, 0.285)}
SLOTS = {"again": (0.24, 0.56), "new": (0.09, 0.19)}
CUT = datetime(2011, 9, 10, tzinfo=UTC)
NOT_SOLD = [
    "POST",
    "D",
    "M",
    "DOT",
    "BANK CHARGES",
    "AMAZONFEE",
    "CRUK",
    "PADS",
    "S",
    "B",
    "C2",
    "m",
]


def shared() -> Path | None:
    """The folder of real data, if it is there."""
    folder = Path(os.environ.get("MAILWRIGHT_SHARED_DATA", "../shared/data"))
    return folder if (folder / "groceries.parquet").is_file() else None


def groceries(folder: Path, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Order lines to learn from, and baskets to judge by."""
    rows = pl.read_parquet(folder / "groceries.parquet").unique().sort("basket", "item")
    baskets = rows["basket"].unique().sort().to_numpy().copy()
    np.random.default_rng(seed).shuffle(baskets)
    learned = rows["basket"].is_in(baskets[: int(len(baskets) * 0.8)].tolist())
    lines = rows.filter(learned).select(
        customer_id=pl.lit(None, pl.String),
        order_id="basket",
        ordered_at=pl.lit(CUT - timedelta(days=1)),
        sku="item",
        quantity=pl.lit(1),
        unit_price=pl.lit(1.0),
    )
    return lines, rows.filter(~learned).select(basket="basket", item="item")


def retail(folder: Path) -> pl.DataFrame:
    """Online Retail's order lines as the commands read them."""
    return pl.read_parquet(folder / "online_retail_2010_2011.parquet").select(
        "customer_id",
        order_id="invoice",
        ordered_at=pl.col("ts").dt.replace_time_zone("UTC"),
        sku="sku",
        quantity="quantity",
        unit_price="price",
    )


def sold(lines: pl.DataFrame) -> pl.DataFrame:
    """As the README of the data cleans it."""
    return lines.unique(maintain_order=True).filter(
        ~pl.col("order_id").str.starts_with("C"),
        pl.col("quantity") > 0,
        pl.col("unit_price") > 0,
        ~pl.col("sku").is_in(NOT_SOLD),
        ~pl.col("sku").str.starts_with("gift"),
    )


def hidden(baskets: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is shown of each basket, and the one that is not."""
    rows = baskets.unique(["basket", "item"]).sort("basket", "item")
    rows = rows.filter(pl.len().over("basket") > 1).with_columns(
        basket_id=pl.col("basket").rank("dense").cast(pl.Int64) - 1
    )
    size = rows.group_by("basket_id").len().sort("basket_id")["len"].to_numpy()
    picked = pl.Series(np.random.default_rng(seed).integers(size))
    rows = rows.with_columns(
        out=pl.int_range(pl.len()).over("basket_id") == picked.gather(rows["basket_id"])
    )
    return rows.filter(~pl.col("out")), rows.filter("out")


def judge(lines: pl.DataFrame, baskets: pl.DataFrame, seed: int) -> dict[str, list[float]]:
    """Each method's hit@1, @3 and @10."""
    known = lines["sku"].unique().sort()
    shown, answers = hidden(baskets.filter(pl.col("item").is_in(known.implode())), seed)
    found = MODEL.recommend(clean_orders(lines, CUT), CUT, shown, 10, None)
    ranks = found.join(answers.select("basket_id", "item"), on=["basket_id", "item"])["rank"]
    n = answers.height
    result = {"ours": [float((ranks <= k).sum()) / n for k in HITS]}
    number = {sku: at for at, sku in enumerate(known)}
    matrix = _matrix(lines.unique(["order_id", "sku"]), "order_id", "sku", number)
    asked = _matrix(shown, "basket_id", "item", number)
    hid = answers.sort("basket_id")["item"].replace_strict(number).to_numpy()
    together = (matrix.T @ matrix).toarray()
    counts = together.diagonal().copy()
    np.fill_diagonal(together, 0)
    confidence = together / (counts[:, None] + 5)
    popular, confident = [], []
    for row in range(n):
        has = asked.indices[asked.indptr[row] : asked.indptr[row + 1]]
        for ranks_of, scores in (
            (popular, counts.astype(float)),
            (confident, confidence[has].max(0)),
        ):
            scores = scores.copy()
            scores[has] = -1
            mine = scores[hid[row]]
            ranks_of.append((scores > mine).sum() + ((scores == mine).sum() - 1) / 2)
    result["popularity"] = [float((np.array(popular) < k).mean()) for k in HITS]
    result["largest confidence"] = [float((np.array(confident) < k).mean()) for k in HITS]
    result["n"] = [n]
    return result


def _matrix(rows: pl.DataFrame, row: str, column: str, number: dict[Any, int]) -> Any:
    at = rows[row].rank("dense").cast(pl.Int64).to_numpy() - 1
    columns = rows[column].replace_strict(number).to_numpy()
    return sp.csr_matrix(
        (np.ones(rows.height), (at, columns)), shape=(int(at.max()) + 1, len(number))
    )


def completion(folder: Path) -> None:
    """Prints the table of basket completion."""
    rows = []
    runs = [judge(*groceries(folder, seed), seed) for seed in range(5)]
    lines = sold(retail(folder)).with_columns(pl.col("sku"))
    past = lines.filter(pl.col("ordered_at") < CUT)
    often = past.group_by("sku").len().filter(pl.col("len") >= 10)["sku"].implode()
    after = lines.filter(pl.col("ordered_at") >= CUT, pl.col("sku").is_in(often))
    shop = judge(
        past.filter(pl.col("sku").is_in(often)), after.select(basket="order_id", item="sku"), 0
    )
    for title, several in (("Groceries", runs), ("Online Retail", [shop])):
        floor, good = FLOOR[title]
        for method in ("popularity", "largest confidence", "ours"):
            hits = np.mean([run[method] for run in several], axis=0)
            told = f"floor {floor}, good {good}" if method == "ours" else ""
            n = int(np.mean([run["n"][0] for run in several]))
            rows.append([title, method, n, *(f"{hit:.3f}" for hit in hits), told])
    table(("shop", "method", "orders", "hit@1", "hit@3", "hit@10", ""), rows)


def slots(folder: Path) -> None:
    """Prints the table of next orders."""
    raw = retail(folder)
    clean = sold(raw).filter(pl.col("customer_id").is_not_null())
    rows = []
    for cut in (CUT, datetime(2011, 7, 1, tzinfo=UTC), datetime(2011, 5, 1, tzinfo=UTC)):
        shop = clean_orders(raw, cut)
        found = MODEL.next_order(shop, cut, 3, None)
        written = shop.ids
        assert written is not None
        found = found.with_columns(customer_id=written.gather(found["customer_id"]))
        day = pl.col("ordered_at").dt.date()
        past = clean.filter(pl.col("ordered_at") < cut)
        then = clean.filter(
            pl.col("ordered_at").is_between(cut, cut + timedelta(days=90), closed="left")
        )
        then = then.join(past.select("customer_id").unique(), on="customer_id", how="semi")
        then = then.filter(day == day.min().over("customer_id"))
        bought = then.select("customer_id", item="sku").unique()
        people = bought.select("customer_id").unique()
        late = past.filter(pl.col("ordered_at") >= cut - timedelta(days=30))
        best = late.group_by("sku").agg(pl.col("order_id").n_unique())
        best = best.sort("order_id", "sku", descending=[True, False]).head(300)
        best = best.select(item="sku").with_row_index("place")
        plain = people.join(best, how="cross")
        had = past.select("customer_id", item="sku").unique()
        for slot in ("again", "new"):
            if slot == "new":
                plain = plain.join(had, on=["customer_id", "item"], how="anti")
            top = plain.sort("customer_id", "place")
            top = top.filter(pl.int_range(pl.len()).over("customer_id") < 3)
            mine = found.filter(pl.col("slot") == slot)
            ours, theirs = (
                bought.join(frame, on=["customer_id", "item"], how="semi")["customer_id"].n_unique()
                / people.height
                for frame in (mine, top)
            )
            told = f"floor {SLOTS[slot][1]}, popularity {SLOTS[slot][0]}" if cut == CUT else ""
            rows.append(
                [f"{cut:%Y-%m-%d}", slot, people.height, f"{theirs:.3f}", f"{ours:.3f}", told]
            )
    table(("from", "slot", "customers", "popularity", "ours (hit@3)", ""), rows)


def made_up(products: int, orders: int, customers: int) -> Any:
    """A shop whose products are bought in bundles, a few of them very often."""
    rng = np.random.default_rng(7)
    size = rng.geometric(0.35, orders).clip(1, 30)
    order = np.repeat(np.arange(orders), size)
    lead = (products * rng.random(orders) ** 3).astype(int)
    near = rng.geometric(0.2, order.size) * rng.choice([-1, 1], order.size)
    item = np.where(
        rng.random(order.size) < 0.6, lead[order] + near, products * rng.random(order.size) ** 3
    )
    item = item.astype(int) % products
    at = CUT - timedelta(days=1)
    day = rng.integers(0, 700, orders)
    frame = pl.DataFrame(
        {
            "order_id": order,
            "customer_id": rng.integers(0, customers, orders)[order],
            "ago": day[order],
            "sku": pl.Series(item).cast(pl.String),
        }
    )
    lines = frame.unique(["order_id", "sku"]).select(
        "order_id",
        "customer_id",
        ordered_at=pl.lit(at) - pl.duration(days=pl.col("ago")),
        sku="sku",
        quantity=pl.lit(1),
        unit_price=pl.lit(10.0),
        amount=pl.lit(10.0),
        is_product=pl.lit(True),
    )
    placed = lines.group_by("customer_id", "order_id").agg(
        pl.col("ordered_at").first(), amount=pl.col("amount").sum(), is_return=pl.lit(False), units=pl.len(), lines=pl.len()
    )  # fmt: skip
    return history(placed, lines)


def sizes() -> None:
    """Prints how long it takes on made-up shops, each in a process of its own."""
    import subprocess

    rows = []
    for products, orders, customers in (
        (500, 20_000, 5_000),
        (5_000, 300_000, 60_000),
        (20_000, 500_000, 100_000),
        (200_000, 1_000_000, 200_000),
    ):
        command = [
            sys.executable,
            "-m",
            "bench.affinity",
            str(products),
            str(orders),
            str(customers),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(done.stdout.split("\t"))
    table(
        ("products", "orders", "customers", "learn s", "artefact MB", "score all s", "5,000 baskets s", "peak MB, of it the shop's frames"),
        rows,
    )  # fmt: skip


def _peak() -> int:
    """MB of memory so far at most; what the parent process had does not count."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2  # macOS tells bytes


def one_size(products: int, orders: int, customers: int) -> None:
    """Prints one row of `sizes`."""
    shop = made_up(products, orders, customers)
    frames = _peak()
    begun = time.perf_counter()
    trained: Any = MODEL.train(shop, CUT, None)
    learned = time.perf_counter() - begun
    begun = time.perf_counter()
    MODEL.score(trained.artefact, shop, CUT)
    scored = time.perf_counter() - begun
    from plugins.affinity.learned import decode
    from plugins.affinity.suggest import fitting

    some = shop.lines.filter(pl.col("order_id") < 5_000)
    begun = time.perf_counter()
    fitting(decode(trained.artefact), shop, some.select(basket_id="order_id", item="sku"), 10)
    fitted = time.perf_counter() - begun
    peak = _peak()
    cells = (f"{products:,}", f"{orders:,}", f"{customers:,}", f"{learned:.1f}")
    more = (
        f"{len(trained.artefact) / 1e6:.1f}",
        f"{scored:.1f}",
        f"{fitted:.1f}",
        f"{peak:,}, {frames:,}",
    )
    print("\t".join((*cells, *more)), end="")


def main() -> None:
    """All of it, or one size."""
    if len(sys.argv) == 4:
        one_size(*map(int, sys.argv[1:]))
        return
    folder = shared()
    if folder is None:
        print("No real data: set MAILWRIGHT_SHARED_DATA to a folder with groceries.parquet.\n")
    else:
        completion(folder)
        print()
        slots(folder)
        print()
    sizes()


if __name__ == "__main__":
    main()
