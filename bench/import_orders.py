"""Import of order lines, beside a raw COPY of the same rows in the same database and run.

    python -m bench import_orders
    python -m bench.import_orders [FILE]

Method. The baseline is COPY FROM STDIN of the file's rows and columns, as CSV made beforehand, into a
bare table: no key, no index, no row-level security, no checks. It is the least work PostgreSQL can do
with these rows. Ours is everything `mailwright import orders` does in an open program: reading and
hashing the file, checking and counting every row, customers, orders, lines, totals, one transaction,
one commit. The two run in turn, ours always into an empty tenant; the ratio is the median of the
rounds' ratios, since what else the machine does then weighs on both alike. Memory is the largest
resident size of a process of its own that imports once.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import polars as pl

from kernel.db.uow import Pool
from kernel.plugboard import build_plugboard
from kernel.runtime.embedded import embedded_servers
from kernel.tenancy.core import Core, Links
from kernel.testing import database
from kernel.testing.seed import add_tenant
from plugins.files.importing import Options, import_file

ROUNDS = 5
SHAPES = (("21 an order", 21, 124), ("5 an order", 5, 17))
"""Lines of an order and of a customer: first those of Online Retail, then of a shop of small orders,
where the orders and customers to write weigh more. What is asked for is asked for the first.
"""
TABLES = ("profiles_customer", "profiles_customer_alias", "profiles_order", "profiles_order_line")


def shared_file() -> Path:
    """The Online Retail lines of the shared data."""
    folder = os.environ.get("MAILWRIGHT_SHARED_DATA")
    base = Path(folder) if folder else Path(__file__).parents[2] / "shared/data"
    return base / "online_retail_2010_2011.parquet"


async def _core(url: str, board: Any) -> Core:
    pool = await Pool(url, size=2).open()
    return Core(pool=pool, board=board, links=Links(base_url="http://bench.test", secret="x" * 32))


async def _ours(core: Core, path: Path) -> float:
    began = time.perf_counter()
    async with core.tenant_scope("alpha") as ctx:
        report = await import_file(ctx, "orders", path, Options())
    taken = time.perf_counter() - began
    assert report.rows["written"] + report.rows["merged"] == report.rows["read"], report
    return taken


async def _clear(url: str) -> None:
    conn: asyncpg.Connection[Any] = await asyncpg.connect(url)
    await conn.execute(f"TRUNCATE {', '.join(TABLES)}, events_event, profiles_import")
    await conn.close()


async def _raw(url: str, frame: pl.DataFrame) -> float:
    types = {pl.String: "text", pl.Int32: "int", pl.Int64: "bigint", pl.Float64: "numeric"}
    columns = ", ".join(
        f"{name} {'timestamp' if dtype.is_temporal() else types[type(dtype)]}"
        for name, dtype in frame.schema.items()
    )
    source = io.BytesIO()
    frame.write_csv(source, include_header=False)
    source.seek(0)
    conn: asyncpg.Connection[Any] = await asyncpg.connect(url)
    await conn.execute(f"DROP TABLE IF EXISTS bench_raw; CREATE TABLE bench_raw ({columns})")
    began = time.perf_counter()
    await conn.copy_to_table("bench_raw", source=source, format="csv")
    taken = time.perf_counter() - began
    await conn.execute("DROP TABLE bench_raw")
    await conn.close()
    return taken


def million_lines(an_order: int, a_customer: int) -> pl.DataFrame:
    """A million lines as a canonical file has them.

    Args:
        an_order: lines of each order.
        a_customer: lines of each customer.
    """
    n = pl.int_range(1_000_000, eager=True)
    order, customers = n // an_order, 1_000_000 // a_customer
    start = pl.lit("2024-01-01").str.to_datetime()
    return pl.DataFrame({"n": n, "o": order}).select(
        order_id=pl.format("M{}", "o"),
        ordered_at=start + pl.duration(seconds=pl.col("o") * 60 * an_order),
        customer_id=(pl.col("o") * 7919 % customers).cast(pl.Int32),
        sku=pl.format("SKU-{}", pl.col("n") * 104_729 % 5_000),
        title=pl.format("Hand made thing number {}", pl.col("n") * 104_729 % 5_000),
        quantity=(pl.col("n") % 9 + 1).cast(pl.Int32),
        unit_price=((pl.col("n") * 31 % 9_000) / 100 + 0.99).round(2),
    )


async def _compare(name: str, path: Path, frame: pl.DataFrame, url: str, board: Any) -> float:
    core = await _core(url, board)
    ours, raw = [], []
    for _ in range(ROUNDS):
        raw.append(await _raw(url, frame))
        await _clear(url)
        ours.append(await _ours(core, path))
    again = await _again(core, path)
    await core.pool.close()
    await _clear(url)
    env = {**os.environ, "BENCH_URL": url, "BENCH_FILE": str(path)}
    once = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.import_orders",
        "--once",
        env=env,
        stdout=asyncio.subprocess.PIPE,
    )
    told, _ = await once.communicate()
    memory = int(told.split()[-1]) >> 20
    await _clear(url)
    mine, base = statistics.median(ours), statistics.median(raw)
    rows = frame.height
    print(f"{name}: {rows:,} lines")
    print(
        f"  raw COPY   {base:6.2f} s  {rows / base:10,.0f} lines/s  ({', '.join(f'{t:.2f}' for t in raw)})"
    )
    print(
        f"  import     {mine:6.2f} s  {rows / mine:10,.0f} lines/s  ({', '.join(f'{t:.2f}' for t in ours)})"
    )
    ratios = [b / m for b, m in zip(raw, ours, strict=True)]
    ratio = statistics.median(ratios)
    print(
        f"  ratio      {ratio:6.3f}  ({', '.join(f'{r:.3f}' for r in ratios)})  at least 0.25 is asked for"
    )
    print(f"  same again {again:6.2f} s")
    print(f"  peak memory of one import {memory:,} MB")
    return ratio


async def _again(core: Core, path: Path) -> float:
    began = time.perf_counter()
    async with core.tenant_scope("alpha") as ctx:
        report = await import_file(ctx, "orders", path, Options())
    assert report.rows["written"] == 0, report
    return time.perf_counter() - began


async def _main(args: argparse.Namespace) -> None:
    board = build_plugboard()
    with tempfile.TemporaryDirectory(prefix="mailwright-bench-") as folder:
        os.chmod(folder, 0o755)
        async with embedded_servers(Path(folder), redis=False) as urls:
            url = await database.clone(urls.database_url, board, "bench")
            conn: asyncpg.Connection[Any] = await asyncpg.connect(urls.database_url)
            await conn.execute("ALTER DATABASE bench RESET synchronous_commit")
            await conn.close()
            core = await _core(url, board)
            await add_tenant(core, "alpha", sorted(board.plugins))
            await core.pool.close()
            path = args.file or shared_file()
            if path.is_file():
                await _compare("Online Retail", path, pl.read_parquet(path), url, board)
            else:
                print(f"Online Retail: skipped, {path} is not there")
            for name, an_order, a_customer in SHAPES:
                frame = million_lines(an_order, a_customer)
                path = Path(folder) / "million.parquet"
                frame.write_parquet(path)
                await _compare(f"A million lines, {name} (Parquet)", path, frame, url, board)
            path = Path(folder) / "million.csv"
            frame.write_csv(path)
            await _compare(f"A million lines, {name} (CSV)", path, frame, url, board)


async def _once() -> None:
    board = build_plugboard()
    core = await _core(os.environ["BENCH_URL"], board)
    await _ours(core, Path(os.environ["BENCH_FILE"]))
    await core.pool.close()
    print(peak())


def peak() -> int:
    """The largest resident size of this process so far, in bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would tell that of the parent, if that was larger
        line = next(one for one in status.read_text().splitlines() if one.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "file", nargs="?", type=Path, help="a Parquet file of Online Retail's columns"
    )
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    asyncio.run(_once() if arguments.once else _main(arguments))
