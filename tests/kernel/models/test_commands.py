"""`mailwright models …` on files, without a database, and on a tenant."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from kernel.cli.models import command
from kernel.cli.program import Program
from kernel.contracts.errors import KernelError
from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.tenancy.core import Core
from kernel.testing.models import shop
from tests.kernel.models.test_run import fill


def run(board: Plugboard, *arguments: object) -> Result:
    program = Program()
    program.__dict__["board"] = board
    return CliRunner().invoke(
        command, [str(a) for a in arguments], obj=program, standalone_mode=False
    )


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "orders.csv"
    shop().write_csv(path)
    return path


def test_evaluate(board: Plugboard, orders: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "scores.parquet"
    asked = ("evaluate", "toy", "--orders", orders, "--as-of", "2026-06-01", "--horizon", 20)
    done = run(board, *asked, "--json", "--scores", out)
    assert done.exception is None, done.output
    told = json.loads(done.stdout)
    for name in ("auc", "log_loss", "brier", "calibration_error"):
        assert 0 <= told[name] <= 1
        assert {name} <= told["baselines"]["recency_only"].keys() & told["baselines"][
            "rfm_logistic"
        ].keys()
    assert told["n"] > 40 and 0 < told["base_rate"] < 1 and told["abstained"] is False
    assert told["method"] and told["why"] and told["horizon_days"] == 20
    scores = pl.read_parquet(out)
    assert scores.columns == ["customer_id", "probability"] and scores.height == told["n"]
    assert scores["customer_id"].dtype == pl.Int64
    plain = run(board, *asked)
    assert "rfm_logistic" in plain.stdout and "base rate" in plain.stdout


def test_evaluate_abstains(board: Plugboard, tmp_path: Path) -> None:
    path = tmp_path / "three.csv"
    path.write_text("customer_id,order_id,ordered_at,amount\na,1,2026-01-01,5\nb,2,2026-01-02,5\n")
    asked = ("evaluate", "toy", "--orders", path, "--as-of", "2026-06-01T00:00+02:00", "--scores")
    done = run(board, *asked, tmp_path / "s.csv", "--json")
    told = json.loads(done.stdout)
    assert told["abstained"] is True and told["missing"][0].startswith("5 customers")
    assert (tmp_path / "s.csv").read_text() == "customer_id,probability\n"
    assert "It says nothing here" in run(board, *asked, tmp_path / "s.csv").stdout


def test_recommend_and_next_order(board: Plugboard, orders: Path, tmp_path: Path) -> None:
    baskets = tmp_path / "baskets.csv"
    baskets.write_text("basket_id,item\nx,3\nx,4\ny,5\n")
    out = tmp_path / "out.parquet"
    done = run(
        board, "recommend", "--orders", orders, "--as-of", "2026-06-01", "--baskets", baskets,
        "--k", 10, "--out", out,
    )  # fmt: skip
    assert done.exception is None and "2 of 2 baskets" in done.stdout
    frame = pl.read_parquet(out)
    assert frame.columns == ["basket_id", "rank", "item", "score"]
    assert frame["basket_id"].to_list() == ["x", "y"] and frame["item"].dtype == pl.Int64
    done = run(board, "next-order", "--orders", orders, "--as-of", "2026-06-01", "--out", out)
    assert done.exception is None, done.output
    frame = pl.read_parquet(out)
    assert frame.columns == ["customer_id", "slot", "rank", "item", "reason"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("evaluate", "nope", "--orders", "{o}", "--as-of", "2026-06-01"), "no model `nope`"),
        (("evaluate", "toy", "--orders", "{o}", "--as-of", "soon"), "--as-of 'soon' is not a date"),
        (("evaluate", "toy", "--orders", "none.csv", "--as-of", "2026-06-01"), "cannot be read"),
        (("next-order", "--orders", "{o}", "--as-of", "2026-06-01", "--out", "/proc/x/y"), "cannot be written"),
        (("next-order", "--model", "toy", "--orders", "{o}", "--as-of", "2026-06-01", "--out", "x"), "`toy` recommends no"),
        (("next-order", "--orders", "{flat}", "--as-of", "2026-06-01", "--out", "x"), "column sku is missing"),
    ],
)  # fmt: skip
def test_errors_are_sentences(
    board: Plugboard, orders: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    flat = tmp_path / "flat.csv"
    flat.write_text("customer_id,order_id,ordered_at,amount\n1,1,2026-01-01,5\n")
    done = run(board, *(a.format(o=orders, flat=flat) for a in arguments))
    assert isinstance(done.exception, KernelError) and said in done.exception.message


def test_without_a_recommender() -> None:
    bare = build_plugboard(mandatory=(), only=())
    done = run(bare, "next-order", "--orders", "x", "--as-of", "2026-06-01", "--out", "x")
    assert isinstance(done.exception, KernelError)
    assert done.exception.message == "No installed model recommends products."


async def test_on_a_tenant(core: Core, board: Plugboard) -> None:
    await fill(core)
    loop = asyncio.get_running_loop()

    class Here(Program):
        """Commands work on the core of the test, in its loop."""

        def run(self, work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work(core), loop).result()

    async def said(*arguments: str) -> str:
        program = Here()
        program.__dict__["board"] = board
        done = await asyncio.to_thread(
            CliRunner().invoke, command, arguments, obj=program, standalone_mode=False
        )
        if done.exception is not None:
            raise done.exception
        return done.stdout

    alpha = ("--tenant", "alpha")
    assert "Orders again: Whether a customer" in await said("list")
    assert "nothing in use" in await said("list", *alpha)
    assert "No model is in use" in await said("score", *alpha)
    assert "toy 1: in_use. Log loss" in await said("train", *alpha, "--model", "toy")
    assert "toy_shelf 1: abstained. Products." in await said("train", *alpha)
    assert "toy: 12 customers, 18 traits changed." in await said("score", *alpha)
    assert "version 1 is in use" in await said("rollback", *alpha, "--model", "toy")
    shown = await said("show", "toy", *alpha)
    assert "scored 12 customers" in shown and "Put back into use by command line." in shown
    told = json.loads(await said("list", *alpha, "--json"))
    assert [card["name"] for card in told] == ["toy", "toy_shelf"]
    with pytest.raises(KernelError, match="has no model toy"):
        await said("train", "--tenant", "bravo", "--model", "toy")
