"""The real giftware shop, 541,909 lines with all their dirt; the counts were taken by other means."""

from __future__ import annotations

import polars as pl
import pytest


@pytest.fixture
def lines(shared_data) -> pl.DataFrame:
    return pl.read_parquet(shared_data / "online_retail_2010_2011.parquet")


async def test_every_line_is_accounted_for(importer, shared_data, lines):
    # alpha's currency is the euro: in pounds, these orders would not be added to its totals
    path = shared_data / "online_retail_2010_2011.parquet"
    report = await importer("orders", path, currency="EUR")
    different = lines.unique()
    orders = different.group_by("invoice").agg(
        pl.col("customer_id").first(),
        pl.col("ts").min(),
        (pl.col("quantity") * pl.col("price").cast(pl.Decimal(14, 4)))
        .sum()
        .round(2)
        .alias("amount"),
        (pl.col("quantity") < 0).all().alias("negative"),
    )
    returns = orders.filter(pl.col("negative") | (pl.col("amount") < 0))
    assert report.preset == "online-retail"
    assert report.rows == {
        "read": lines.height,
        "written": different.height,
        "unchanged": 0,
        "merged": lines.height - different.height,
        "skipped": 0,
    }
    assert report.done["orders_created"] == orders.height
    assert report.done["customers_created"] == lines["customer_id"].drop_nulls().n_unique()
    assert report.noticed["returns"] == returns.height
    assert report.noticed["orders_without_customer"] == orders["customer_id"].null_count()
    assert report.noticed["lines_without_customer"] == different["customer_id"].null_count()
    assert report.noticed["lines_at_price_zero"] == different.filter(pl.col("price") == 0).height
    assert report.noticed["lines_at_negative_price"] == different.filter(pl.col("price") < 0).height
    gifts = pl.col("sku").str.to_uppercase().str.starts_with("GIFT")
    others = ["POST", "DOT", "D", "M", "S", "B", "C2", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES"]
    strange = different.filter(pl.col("sku").str.to_uppercase().is_in(others) | gifts)
    assert report.noticed["lines_not_products"] == strange.height

    kept = await importer.rows(
        "SELECT external_id, orders_count, total_spent FROM profiles_customer ORDER BY 1"
    )
    placed = orders.join(returns, on="invoice", how="anti")
    totals = (
        orders.drop_nulls("customer_id")
        .group_by(pl.col("customer_id").cast(pl.String).alias("id"))
        .agg(
            pl.col("invoice").is_in(placed["invoice"].implode()).sum().cast(pl.Int64).alias("n"),
            pl.col("amount").sum().cast(pl.Decimal(14, 2)).alias("spent"),
        )
        .with_columns(
            pl.when(pl.col("spent") > 0).then("spent").otherwise(0).cast(pl.Decimal(14, 2))
        )
        .sort("id")
    )
    assert kept == totals.rows()
    # London's clock: summer time was in force
    assert await importer.rows(
        "SELECT min(ordered_at)::text, max(ordered_at)::text FROM profiles_order "
        "WHERE ordered_at BETWEEN '2011-06-01' AND '2011-06-02'"
    ) == [_utc(orders, "2011-06-01", "2011-06-02")]
    assert (
        await importer.rows(
            "SELECT DISTINCT country FROM profiles_customer WHERE length(country) > 2"
        )
        == []
    )

    again = await importer("orders", path, currency="EUR")
    assert again.rows["written"] == 0
    assert again.rows["unchanged"] == different.height


def _utc(orders: pl.DataFrame, begin: str, end: str) -> tuple[str, str]:
    times = orders["ts"].dt.replace_time_zone("Europe/London").dt.convert_time_zone("UTC")
    inside = times.filter(
        times.is_between(
            *(pl.Series([d]).str.to_datetime(time_zone="UTC")[0] for d in (begin, end))
        )
    )
    return tuple(f"{t:%Y-%m-%d %H:%M:%S}+00" for t in (inside.min(), inside.max()))  # type: ignore[return-value]


async def test_the_original_csv_reads_as_the_same(importer, lines):
    some = lines.filter(pl.col("ts") < pl.lit("2010-12-03").str.to_datetime())
    original = some.select(
        InvoiceNo="invoice", StockCode="sku", Description="description", Quantity="quantity",
        InvoiceDate=pl.col("ts").dt.strftime("%-m/%-d/%Y %-H:%M"), UnitPrice="price",
        CustomerID=pl.col("customer_id").cast(pl.Float64), Country="country",
    )  # fmt: skip
    buffer = importer.folder / "some.parquet"
    some.write_parquet(buffer)
    first = await importer("orders", buffer)
    second = await importer("orders", original.write_csv().encode("latin-1", "replace"))
    assert (first.preset, second.preset) == ("online-retail", "online-retail")
    assert first.rows["written"] == second.rows["unchanged"] > 5000
