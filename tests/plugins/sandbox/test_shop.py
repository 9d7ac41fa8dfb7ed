"""The pretend shop: the same for the same seed, believable beside real shops, hostile where planned."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from plugins.sandbox.names import HOSTILE
from plugins.sandbox.people import HOSTILE_AT, make_people, seen
from plugins.sandbox.seasons import season
from plugins.sandbox.shop import Shop, make_shop

UNTIL = date(2026, 10, 25)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return make_shop(seed=1, until=UNTIL)


def frames(shop: Shop) -> list[pl.DataFrame]:
    return [shop.customers, shop.products, shop.orders, shop.lines]


def test_the_same_seed_gives_the_same_bytes() -> None:
    def bytes_of(seed: int) -> list[str]:
        made = make_shop(seed=seed, customers=300, until=UNTIL)
        return [frame.write_json() for frame in frames(made)]

    assert bytes_of(7) == bytes_of(7)
    assert bytes_of(7) != bytes_of(8)


def test_a_later_customer_never_changes_an_earlier_one() -> None:
    few, many = make_people(3, 50), make_people(3, 80)
    assert seen(few).equals(seen(many).head(50))
    assert seen(many, 50).equals(seen(many).tail(30))
    for name in ("rate", "drop", "pull", "patience", "taste", "favourites", "habit"):
        assert (getattr(few, name) == getattr(many, name)[:50]).all(), name


def test_the_frames_fit_together(shop: Shop) -> None:
    orders, lines = shop.orders, shop.lines
    assert shop.customers.height == 5000 and shop.products.height == 120
    assert orders["external_id"].is_unique().all()
    assert set(lines["order"]) == set(orders["external_id"])
    assert lines.select("order", "sku").is_unique().all()
    known = set(shop.customers["external_id"]) | {None}
    assert set(orders["customer"]) <= known
    sold = lines.filter("is_product")
    assert set(sold["sku"]) <= set(shop.products["sku"])
    assert (lines["unit_price"] > 0).all()
    sums = lines.group_by("order").agg(
        total=(pl.col("quantity") * pl.col("unit_price")).sum().round(2)
    )
    both = orders.join(sums, left_on="external_id", right_on="order")
    assert ((both["amount"] - both["total"]).abs() < 0.011).all()
    signs = orders.group_by("kind").agg(pl.col("amount").min(), most=pl.col("amount").max())
    assert signs.filter(pl.col("kind") == "return")["most"].item() < 0
    assert signs.filter(pl.col("kind") == "order")["amount"].item() > 0


def test_nobody_orders_before_they_join_or_after_today(shop: Shop) -> None:
    joined = shop.customers.select("external_id", "created_at")
    both = shop.orders.join(joined, left_on="customer", right_on="external_id")
    # Joining and ordering on the same day: the day is drawn first, the hour after it.
    early = both["created_at"].dt.truncate("1d") - both["ordered_at"].dt.truncate("1d")
    assert early.max().days <= 1  # type: ignore[union-attr]
    assert shop.orders["ordered_at"].max().date() < UNTIL  # type: ignore[union-attr]
    evidence = shop.customers.drop_nulls("consent_at")
    assert (evidence["consent_at"] >= evidence["created_at"]).all()


def test_consent_is_mixed_and_subscribed_has_evidence(shop: Shop) -> None:
    shares = dict(shop.customers["consent"].value_counts(normalize=True).iter_rows())
    assert 0.64 < shares["subscribed"] < 0.78
    assert {"unsubscribed", "never", "pending", "unknown"} <= shares.keys()
    subscribed = shop.customers.filter(pl.col("consent") == "subscribed")
    assert subscribed["consent_at"].null_count() == 0
    assert (subscribed["consent_source"] != "").all()
    assert subscribed["email"].null_count() == 0
    assert 0.01 < shop.customers["email"].null_count() / 5000 < 0.06


def test_addresses_reach_nobody(shop: Shop) -> None:
    addresses = shop.customers["email"].drop_nulls()
    assert addresses.is_unique().all()
    assert addresses.str.contains(r"^[a-z0-9.]+@example\.(com|net|org)$").all()


def test_hostile_names_stand_where_they_should(shop: Shop) -> None:
    for number, (first, last) in zip(HOSTILE_AT, HOSTILE, strict=True):
        row = shop.customers.row(number - 1, named=True)
        assert (row["first_name"], row["last_name"]) == (first, last)
        assert row["consent"] == "subscribed" and row["email"]


def test_the_dirt_of_real_shops_is_there(shop: Shop) -> None:
    orders = shop.orders
    assert orders.filter(pl.col("kind") == "return").height > 100
    assert orders.filter(pl.col("status") == "cancelled").height > 50
    assert orders["is_test"].sum() > 3
    assert orders["customer"].null_count() > 100
    assert shop.customers["country"].n_unique() > 15
    assert shop.customers["timezone"].n_unique() > 15
    wholesale = shop.customers.filter(pl.col("tags") == "wholesale")
    spent = orders.group_by("customer").agg(pl.col("amount").sum())
    big = spent.join(wholesale, left_on="customer", right_on="external_id")["amount"]
    assert 2 <= wholesale.height <= 15
    assert big.max() > 20 * spent.drop_nulls()["amount"].median()  # type: ignore[operator]


def test_seasons(shop: Shop) -> None:
    import numpy as np

    year = np.arange(20454, 20454 + 365 * 4)
    assert season(year).mean() == pytest.approx(1, abs=0.01)
    months = placed(shop.orders).group_by(pl.col("at").dt.strftime("%Y-%m").alias("month")).len()
    count = dict(months.iter_rows())
    assert count["2025-12"] > 1.5 * count["2025-10"]
    assert count["2025-12"] > 1.5 * count["2026-01"]
    hours = placed(shop.orders)["at"].dt.hour()
    assert ((hours >= 17) & (hours < 23)).mean() > 2 * ((hours >= 1) & (hours < 7)).mean()


def test_what_goes_together_is_bought_together(shop: Shop) -> None:
    """Shelves that are partners share baskets more often than chance has it."""
    shelf = shop.products.select("sku", "product_type")
    pairs = shop.lines.filter("is_product").join(shelf, on="sku").select("order", "product_type")
    baskets = pairs.unique()
    total = baskets["order"].n_unique()
    share = {t: n / total for t, n in baskets["product_type"].value_counts().iter_rows()}
    both = baskets.join(baskets, on="order").group_by("product_type", "product_type_right").len()
    lift = {(a, b): n / total / (share[a] * share[b]) for a, b, n in both.iter_rows()}
    assert lift["Tea", "Teaware"] > 1.3 * lift["Tea", "Linen"]
    assert lift["Coffee", "Coffee Gear"] > 1.3 * lift["Coffee", "Linen"]


def test_people_buy_favourites_again(shop: Shop) -> None:
    lines = shop.lines.filter("is_product").join(
        shop.orders, left_on="order", right_on="external_id"
    )
    own = lines.group_by("customer", "sku").agg(pl.col("order").n_unique().alias("n"))
    again = own.filter(pl.col("n") > 1)["n"].sum() / own["n"].sum()
    assert again > 0.2


# --- beside real shops -----------------------------------------------------------------------------


def placed(orders: pl.DataFrame) -> pl.DataFrame:
    """customer, at: the orders that count."""
    return orders.filter(
        pl.col("kind") == "order", pl.col("status") == "placed", ~pl.col("is_test")
    ).select("customer", at="ordered_at")


def shape(orders: pl.DataFrame) -> dict[str, float]:
    """Of `customer`, `at`: the figures by which shops are compared. One order a customer and day."""
    days = orders.drop_nulls().select("customer", day=pl.col("at").dt.date()).unique()
    days = days.sort("customer", "day")
    count = days.group_by("customer").len().sort("len", descending=True)["len"]
    gaps = days.select(pl.col("day").diff().dt.total_days().over("customer").alias("gap"))
    gap = gaps["gap"].drop_nulls()
    first = days.group_by("customer").agg(pl.col("day").min().alias("first"))
    end = days["day"].max()
    early = first.filter((pl.lit(end) - pl.col("first")).dt.total_days() >= 90)
    later = days.join(early, on="customer").filter(
        pl.col("day") > pl.col("first"),
        (pl.col("day") - pl.col("first")).dt.total_days() <= 90,
    )
    return {
        "one_time": float((count == 1).mean() or 0),
        "repeat_90": later["customer"].n_unique() / early.height,
        "gap_median": float(gap.median() or 0),  # type: ignore[arg-type]
        "gap_90": float(gap.quantile(0.9) or 0),
        "top_tenth": count.head(count.len() // 10).sum() / count.sum(),
    }


def test_shapes_are_plausible(shop: Shop) -> None:
    """The ranges span what the two real shops show (see docs/sandbox.md)."""
    of = shape(placed(shop.orders))
    assert 0.35 < of["one_time"] < 0.60
    assert 0.27 < of["repeat_90"] < 0.47
    assert 25 < of["gap_median"] < 60
    assert 100 < of["gap_90"] < 220
    assert 0.32 < of["top_tenth"] < 0.48


def shared_data() -> Path:
    named = os.environ.get("MAILWRIGHT_SHARED_DATA")
    return Path(named) if named else Path(__file__).parents[4] / "shared" / "data"


def real_shops() -> dict[str, pl.DataFrame]:
    folder = shared_data()
    cdnow, retail = folder / "cdnow_master.parquet", folder / "online_retail_2010_2011.parquet"
    if not (cdnow.exists() and retail.exists()):
        pytest.skip(f"no real data in {folder}: set MAILWRIGHT_SHARED_DATA to a folder that has it")
    lines = pl.read_parquet(retail).filter(
        pl.col("customer_id").is_not_null(), ~pl.col("invoice").str.starts_with("C"),
        pl.col("quantity") > 0, pl.col("price") > 0,
    )  # fmt: skip
    return {
        "CDNOW": pl.read_parquet(cdnow).select(customer="customer_id", at="date"),
        "Online Retail": lines.select(customer="customer_id", at="ts"),
    }


def test_the_shop_stands_between_two_real_ones(shop: Shop) -> None:
    """Every figure lies between those of CDNOW and Online Retail, give or take a quarter."""
    ours = shape(placed(shop.orders))
    theirs = [shape(frame) for frame in real_shops().values()]
    for name, value in ours.items():
        low, high = min(t[name] for t in theirs), max(t[name] for t in theirs)
        assert low * 0.75 <= value <= high * 1.25, (name, value, low, high)
