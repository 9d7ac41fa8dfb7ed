"""What `mailwright models …` says of a file does not depend on how the file is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from polars.testing import assert_frame_equal

from kernel.cli.models import command
from kernel.cli.program import Program
from kernel.testing.clock import server_zone
from kernel.testing.models import AS_OF, shop

RAW = shop(90)
PAST = RAW.filter(pl.col("ordered_at") < AS_OF)
SCORES = {
    "churn": ("evaluate", "churn", "--horizon", "30", "--json", "--scores"),
    "rfm": ("evaluate", "rfm", "--horizon", "30", "--json", "--segments"),
    "next-order": ("next-order", "--k", "3", "--out"),
    "recommend": ("recommend", "--k", "3", "--baskets", "{folder}/baskets.csv", "--out"),
}


@pytest.fixture(scope="module")
def program() -> Program:
    return Program()


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """A server in another time zone, where it is tomorrow already."""
    with server_zone("Pacific/Kiritimati"):
        yield


def said(program: Program, what: str, orders: Path) -> pl.DataFrame:
    """What a command writes."""
    folder = orders.parent
    (folder / "baskets.csv").write_text("basket_id,item\nx,3\nx,4\ny,5\nz,no such\n")
    out = folder / f"{what}.parquet"
    arguments = [part.format(folder=folder) for part in SCORES[what]] + [str(out)]
    asked = [*arguments, "--orders", str(orders), "--as-of", AS_OF.isoformat()]
    done = CliRunner().invoke(command, asked, obj=program, standalone_mode=False)
    assert done.exception is None, done.output
    if "--json" in arguments:
        assert json.loads(done.stdout, parse_constant=pytest.fail)["abstained"] is False
    return pl.read_parquet(out)


@pytest.fixture(scope="module")
def plain(program: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    path = tmp_path_factory.mktemp("shop") / "orders.parquet"
    RAW.write_parquet(path)
    return {what: said(program, what, path) for what in SCORES}


@pytest.mark.parametrize("what", SCORES)
def test_rows_and_time_zones(
    program: Program, plain: dict[str, pl.DataFrame], tmp_path: Path, what: str, elsewhere: None
) -> None:
    """Shuffled, as text, at another offset, on a server elsewhere."""
    path = tmp_path / "orders.csv"
    local = pl.col("ordered_at").dt.convert_time_zone("Asia/Kolkata")
    rows = RAW.sample(fraction=1, shuffle=True, seed=5)
    rows.with_columns(ordered_at=local.dt.strftime("%Y-%m-%dT%H:%M:%S%:z")).write_csv(path)
    assert_frame_equal(said(program, what, path), plain[what], check_exact=True)


@pytest.mark.parametrize("what", SCORES)
def test_ids_of_another_kind(
    program: Program, plain: dict[str, pl.DataFrame], tmp_path: Path, what: str
) -> None:
    path = tmp_path / "orders.parquet"
    other = pl.format("ü{}", 1000 - pl.col("customer_id"))
    RAW.with_columns(customer_id=other).write_parquet(path)
    found = said(program, what, path)
    if what != "recommend":
        back = 1000 - pl.col("customer_id").str.slice(1).cast(pl.Int64)
        found = found.with_columns(customer_id=back).sort("customer_id", maintain_order=True)
    assert_frame_equal(found, plain[what], check_exact=True)


@pytest.mark.parametrize("what", SCORES)
def test_what_happens_later(
    program: Program, plain: dict[str, pl.DataFrame], tmp_path: Path, what: str
) -> None:
    """Another month, with new customers, products and prices, than the one that came."""
    path = tmp_path / "orders.parquet"
    later = RAW.with_columns(
        pl.col("customer_id") * 7,
        pl.col("sku") + 15,
        pl.col("unit_price") * 100,
        ordered_at=pl.lit(AS_OF + timedelta(hours=1)),
        order_id=pl.format("later {}", "order_id"),
    )
    pl.concat([later, PAST]).write_parquet(path)
    assert_frame_equal(said(program, what, path), plain[what], check_exact=True)
