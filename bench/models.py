"""Customer intelligence at scale, beside pandas and scikit-learn as they come.

    python -m bench models
    python -m bench.models [CUSTOMERS …]

Method. A synthetic shop of ten orders a customer over two years: how often somebody buys is drawn from a
gamma distribution, so that many bought once and few a hundred times; some stop for good. Every step runs
in a process of its own, whose largest resident size is printed with its time; that includes the data. The
libraries are imported before the clock starts, for us and for the baseline. With each time stands how long the
processor worked for it in that process and in the server, and how many others wanted it (the load average): on a machine that is
shared, a time is what it took that day.
Segments and churn are what `mailwright models train` and `score` do, by the installed plugins. The
baseline makes 16 of the same features with pandas' groupby, and fits KMeans and RandomForestClassifier
with their defaults (one core; the forest on a fifth of the rows, since it takes minutes else). Traits go
to the embedded Postgres with durable commits: four of each customer, first all of them, then the same
again with 1 % changed.
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import polars as pl

from bench.support import bench_core, peak_mb, table
from kernel.models.artefact import pack
from kernel.models.features import features
from kernel.models.history import history, read_history
from kernel.plugboard.board import build_plugboard
from kernel.profiles.traits import write_trait_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kernel.contracts.models import History

SIZES = (10_000, 100_000, 1_000_000)
AS_OF = datetime(2026, 6, 15, 10, tzinfo=UTC)
DAYS = 730
HORIZON = 90
BUDGETS = {
    "features": ("5 s", 5.0),
    "segments": ("3 s", 3.0),
    "churn": ("60 s", 60.0),
    "traits, all": ("60 s", 60.0),
    "traits, 1 %": ("5 s", 5.0),
}
FEATURE_MB, MODEL_MB = 1500, 20.0


def make(customers: int, path: Path) -> None:
    """Write the shop's orders to `path`; the same for the same number."""
    rng = np.random.default_rng(20_261_124)
    rate = rng.gamma(0.7, 1.0, customers) + 0.02
    born = rng.uniform(0, DAYS * 0.9, customers)
    gone = np.minimum(born + rng.exponential(400, customers), DAYS)
    weight = rate * (gone - born)
    counts = rng.multinomial(10 * customers - customers, weight / weight.sum()) + 1
    customer = np.repeat(np.arange(customers), counts)
    day = born[customer] + rng.random(len(customer)) * (gone - born)[customer]
    first = int((AS_OF - timedelta(days=DAYS)).timestamp())
    at = ((first + day * 86_400).astype(np.int64)) * 1_000_000
    amount = np.round(rng.lognormal(3.5, 0.8, len(customer)), 2)
    pl.DataFrame(
        {
            "customer_id": customer + 1,
            "order_id": np.arange(len(customer)),
            "ordered_at": at,
            "amount": amount,
            "is_return": rng.random(len(customer)) < 0.02,
            "units": rng.integers(1, 6, len(customer), dtype=np.int32),
            "lines": rng.integers(1, 4, len(customer), dtype=np.int32),
        }
    ).with_columns(
        pl.col("ordered_at").cast(pl.Datetime("us", "UTC")),
        amount=pl.when("is_return").then(-pl.col("amount")).otherwise("amount"),
    ).sort("customer_id", "ordered_at", "amount").write_parquet(path)


def load(path: Path) -> History:
    """The shop as the framework hands it to a model."""
    return history(pl.read_parquet(path))


Row = tuple[str, float, str]
"""What was done, in how many seconds, and what else there is to say."""


class Clock:
    """Seconds, and what the processor did in them."""

    def __init__(self) -> None:
        self.begun, self.worked = time.perf_counter(), time.process_time()

    def row(self, what: str, note: str, server: float = 0.0) -> Row:
        worked = time.process_time() - self.worked + server
        load = f"processor {worked:.1f} s, load {os.getloadavg()[0]:.1f}"
        return what, time.perf_counter() - self.begun, f"{note}; {load}"


def step_features(path: Path) -> Iterator[Row]:
    shop = load(path)
    clock = Clock()
    frame = features(shop, AS_OF)
    yield clock.row("features", f"{frame.width - 1} columns")


def step_rfm(path: Path) -> Iterator[Row]:
    yield from _model("rfm", "segments", path)


def step_churn(path: Path) -> Iterator[Row]:
    yield from _model("churn", "churn", path)


def _model(name: str, what: str, path: Path) -> Iterator[Row]:
    _imported()
    board = build_plugboard()
    if name not in board.models:
        yield what, float("nan"), f"the plugin {name} is not installed"
        return
    owned, shop = board.models[name], load(path)
    settings = board.plugins[owned.plugin].manifest.settings()
    features(shop, AS_OF)  # counted above; the framework's models share one frame
    clock = Clock()
    trained: Any = owned.value.train(shop, AS_OF, settings)
    fitted = time.perf_counter()
    scores = owned.value.score(trained.artefact, shop, AS_OF)
    scored = time.perf_counter()
    size = len(pack(name, owned.value.version, trained.artefact)) / 1e6
    note = (
        f"{trained.method}: fit {fitted - clock.begun:.1f}, score {scored - fitted:.1f}, "
        f"{scores.width - 1} traits, {size:.2f} MB"
    )
    if size > MODEL_MB:
        note += f" OVER {MODEL_MB:.0f} MB"
    yield clock.row(what, note)


def _imported() -> None:
    """What the models and the baseline import when they are used: that takes seconds the first time."""
    import scipy.optimize  # noqa: F401
    import sklearn.cluster
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401


def step_pandas(path: Path) -> Iterator[Row]:
    import pandas as pd

    orders = pd.read_parquet(path) if _has_arrow() else _pandas(path)
    then = pd.Timestamp(AS_OF) - pd.Timedelta(days=HORIZON)
    later = set(orders.loc[orders["ordered_at"] >= then, "customer_id"])
    clock = Clock()
    orders = orders[~orders["is_return"] & (orders["ordered_at"] < then)]
    age = (then - orders["ordered_at"]).dt.total_seconds() / 86_400
    orders = orders.assign(age=age)
    for days in (30, 90, 180, 365):
        inside = age <= days
        orders[f"n{days}"] = inside.astype("int32")
        orders[f"s{days}"] = orders["amount"].where(inside, 0.0)
    grouped = orders.groupby("customer_id")
    frame = pd.DataFrame(
        {
            "recency": grouped["age"].min(),
            "tenure": grouped["age"].max(),
            "frequency": grouped.size(),
            "monetary": grouped["amount"].sum(),
            "mean": grouped["amount"].mean(),
            "max": grouped["amount"].max(),
            "units": grouped["units"].sum(),
            "lines": grouped["lines"].sum(),
            **{f"n{d}": grouped[f"n{d}"].sum() for d in (30, 90, 180, 365)},
            **{f"s{d}": grouped[f"s{d}"].sum() for d in (30, 90, 180, 365)},
        }
    )
    yield clock.row("features, pandas", f"{frame.shape[1]} columns")
    yield from _sklearn(frame.to_numpy(float), ~frame.index.isin(later))


def _has_arrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def _pandas(path: Path) -> Any:
    import pandas as pd

    frame = pl.read_parquet(path)
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    made = pd.DataFrame(columns)
    return made.assign(ordered_at=pd.to_datetime(made["ordered_at"], utc=True))


def _sklearn(matrix: Any, gone: Any) -> Iterator[Row]:
    from sklearn.cluster import KMeans
    from sklearn.ensemble import RandomForestClassifier

    _imported()
    clock = Clock()
    KMeans().fit_predict(matrix[:, [0, 2, 3]])
    yield clock.row("segments, KMeans default", "raw R, F, M")
    fifth = max(2000, len(matrix) // 5)
    clock = Clock()
    forest = RandomForestClassifier(random_state=1).fit(matrix[:fifth], gone[:fifth])
    forest.predict_proba(matrix)
    what, took, load = clock.row("churn, forest default", f"fit on {min(fifth, len(matrix)):,}")
    yield what, took, f"{load}; {len(pickle.dumps(forest)) / 1e6:.0f} MB"


CUSTOMERS = """
INSERT INTO profiles_customer (tenant_id, id, external_id, created_at, orders_count)
SELECT 'bench', n, 'c' || n, now(), 1 FROM generate_series(1, $1::int) n
"""
ORDERS = """
INSERT INTO profiles_order (tenant_id, id, external_id, customer_id, ordered_at, amount, currency, kind)
SELECT 'bench', order_id, 'o' || order_id, customer_id, to_timestamp(at / 1e6), amount, 'EUR',
  CASE WHEN amount < 0 THEN 'return' ELSE 'order' END FROM bench_orders
"""
LINES = """
INSERT INTO profiles_order_line (tenant_id, order_id, line_no, sku, quantity, unit_price)
SELECT 'bench', order_id, 1, 'SKU-' || order_id % 1000, units, abs(amount) / units FROM bench_orders
"""


def step_postgres(path: Path) -> Iterator[Row]:
    yield from asyncio.run(_postgres(path))


async def _postgres(path: Path) -> list[Row]:
    shop = load(path)
    ids = shop.orders["customer_id"].unique().sort()
    rng = np.random.default_rng(1)

    def scores(changed: float) -> pl.DataFrame:
        some = pl.Series(rng.random(ids.len()) < changed)
        drawn = np.random.default_rng(2).random(ids.len())
        risk = pl.Series(drawn.round(2))
        return pl.DataFrame({"customer_id": ids}).with_columns(
            pl.Series("churn.probability", risk.zip_with(~some, 1 - risk)),
            pl.Series("churn.expected_value", (drawn * 100).round(0)),
            pl.Series("churn.next_order_at", AS_OF + pl.Series(drawn * 90).cast(pl.Int64) * DAY),
            pl.Series("churn.segment", (drawn * 9).astype(int)).replace_strict(
                list(range(9)), [f"Segment {n}" for n in range(9)]
            ),
        )

    async with bench_core() as core:
        async with core.tenant_scope("bench") as ctx:
            await ctx.db.execute(CUSTOMERS, int(ids.max()))  # type: ignore[arg-type]
        async with core.pool.unit_of_work(role=None) as unit:
            await unit.execute("ANALYZE profiles_customer")
        found = []
        for what, changed in (("traits, all", 0.0), ("traits, 1 %", 0.01)):
            frame = scores(changed)
            clock = Clock()
            async with core.tenant_scope("bench") as ctx:
                pid = (await ctx.db.fetchrow("SELECT pg_backend_pid() AS pid"))["pid"]
                before = _worked(pid)
                written = await write_trait_frame(ctx, "churn", "1", frame, frame.columns[1:])
                server = _worked(pid) - before
            found.append(clock.row(what, f"{written:,} written", server))
            async with core.pool.unit_of_work(role=None) as unit:
                await unit.execute("ANALYZE profiles_trait")  # as autovacuum will
        if ids.len() > 200_000 and not os.environ.get("BENCH_READ"):
            return [
                *found,
                ("read history", float("nan"), "set BENCH_READ=1: loading takes minutes"),
            ]
        flat = shop.orders.select(
            "order_id", "customer_id", at="ordered_at", units="units", amount="amount"
        )
        flat = flat.with_columns(pl.col("at").to_physical())
        async with core.pool.unit_of_work(role=None) as unit:
            await unit.execute(
                "CREATE UNLOGGED TABLE bench_orders (order_id bigint, customer_id bigint, at bigint, "
                "units int, amount numeric(14,2))"
            )
            await unit.conn.copy_to_table("bench_orders", source=_csv(flat), format="csv")
            await unit.execute(ORDERS)
            await unit.execute(LINES)
            await unit.execute("ANALYZE")
        clock = Clock()
        async with core.tenant_scope("bench") as ctx:
            got = await read_history(ctx, AS_OF)
        found.append(clock.row("read history", f"{got.orders.height:,} orders from Postgres"))
        return found


def _worked(pid: int) -> float:
    """Seconds the processor has worked for a process; 0 where that cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _csv(frame: pl.DataFrame) -> Any:
    for part in frame.iter_slices(200_000):
        yield part.write_csv(include_header=False).encode()


DAY = timedelta(days=1)
STEPS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "features": step_features,
    "rfm": step_rfm,
    "churn": step_churn,
    "pandas": step_pandas,
    "postgres": step_postgres,
}


def main(arguments: list[str]) -> int:
    """Measure each size; 1 when something at a million customers is over its budget."""
    if arguments[:1] == ["step"]:
        rows = list(STEPS[arguments[1]](Path(arguments[2])))
        print(json.dumps([rows, peak_mb()]))
        return 0
    sizes = [int(size) for size in arguments] or list(SIZES)
    grown: dict[str, list[str]] = {}
    over = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "orders.parquet"
            make(size, path)
            for step in STEPS:
                rows, peak = _child(step, path)
                for what, seconds, note in rows:
                    grown.setdefault(what, []).append(_cell(seconds))
                    said, limit = BUDGETS.get(what, ("", float("inf")))
                    bad = seconds > limit or (what == "features" and peak > FEATURE_MB)
                    if size >= max(SIZES) and (bad or "OVER" in note):
                        over.append(what)
                    mark = f" (budget {said}{', OVER' if bad else ''})" if said else ""
                    print(
                        f"{size:>9,}  {what:<26}{_cell(seconds):>8} s  {peak:>6.0f} MB  {note}{mark}",
                        flush=True,
                    )
    print("\nSeconds as the shop grows")
    table(["", *(f"{size:,}" for size in sizes)], [(what, *cells) for what, cells in grown.items()])
    if over:
        print(f"\nover budget: {', '.join(over)}")
    return 1 if over else 0


def _child(step: str, path: Path) -> tuple[list[Row], float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.models", "step", step, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows, peak = json.loads(done.stdout.splitlines()[-1])
    return rows, peak


def _cell(seconds: float) -> str:
    return "–" if seconds != seconds else f"{seconds:.2f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
