"""The feature frame: what it says, and what must not change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kernel.models import files
from kernel.models.features import FEATURES, features
from kernel.models.history import before, history, named
from kernel.models.measure import future, matrix, measures, reliability
from kernel.testing.clock import server_zone
from kernel.testing.models import AS_OF, shop

DAY = timedelta(days=1)


def table(lines: pl.DataFrame) -> pl.DataFrame:
    """The features of a file's lines under the names of its customers, in the order of names."""
    known = files.clean(lines, AS_OF)
    frame = named(known, features(known, AS_OF))
    return frame.with_columns(pl.col("customer_id").cast(pl.String)).sort("customer_id")


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    zone=st.sampled_from(["Pacific/Kiritimati", "America/St_Johns", "UTC"]),
)
def test_what_must_not_change_a_feature(seed: int, zone: str) -> None:
    lines = shop(30, seed % 7)
    told = table(lines)
    past = lines.filter(pl.col("ordered_at") < AS_OF)
    assert past.height < lines.height
    assert_frame_equal(told, table(past), check_exact=True)  # as_of is a wall
    shuffled = lines.sample(fraction=1, shuffle=True, seed=seed)
    assert_frame_equal(told, table(shuffled), check_exact=True)
    words = shuffled.with_columns(pl.format("c-{}", "customer_id").alias("customer_id"))
    other = table(words).with_columns(pl.col("customer_id").str.slice(2)).sort("customer_id")
    assert_frame_equal(told, other, check_exact=True)
    later = lines.with_columns(
        pl.col("ordered_at") + timedelta(days=3650), unit_price=pl.lit(1e6), sku=pl.lit(99)
    ).with_columns(
        order_id=pl.format("later-{}", "order_id"), customer_id=pl.col("customer_id") + 10
    )
    assert_frame_equal(
        told, table(pl.concat([later, lines], how="vertical_relaxed")), check_exact=True
    )
    with server_zone(zone):
        assert_frame_equal(told, table(lines), check_exact=True)


def test_the_matrix_is_the_same_under_other_ids_and_orders() -> None:
    lines = shop(40)
    one = files.clean(lines, AS_OF)
    renamed = lines.reverse().with_columns(
        customer_id=pl.format("{}x", 1000 - pl.col("customer_id"))
    )
    two = files.clean(renamed, AS_OF)
    names = [feature.name for feature in FEATURES]
    assert_frame_equal(
        features(one, AS_OF).select(names), features(two, AS_OF).select(names), check_exact=True
    )


def row(customer: int, days: float, amount: float | None, **more: object) -> dict[str, object]:
    at = AS_OF - timedelta(days=days)
    base = {
        "customer_id": customer,
        "order_id": int(days * 100),
        "ordered_at": at,
        "amount": amount,
    }
    return base | {"is_return": (amount or 0) < 0, "units": 2, "lines": 1} | more


def test_what_the_features_say() -> None:
    orders = [
        row(1, 100.2, 10.0),
        row(1, 60.1, 20.0),
        row(1, 60.0, 30.0),  # the same day: one order day
        row(1, 10.0, 40.0),
        row(1, 9.0, -40.0),
        row(1, 5.0, None),  # another currency
        row(2, 360.0, 7.0),
        row(3, 3.0, -5.0),  # a return of something bought before our time
    ]
    mails = pl.DataFrame(
        {
            "customer_id": [1, 1, 2],
            "at": [AS_OF - 2 * DAY, AS_OF - 40 * DAY, AS_OF],
            "kind": ["sent", "clicked", "sent"],
            "campaign_type": "winback",
        }
    )
    frame = features(history(pl.DataFrame(orders, infer_schema_length=None), mails=mails), AS_OF)
    found = {row.pop("customer_id"): row for row in frame.to_dicts()}
    assert set(found) == {1, 2}
    one, two = found[1], found[2]
    assert (one["orders_count"], one["order_days"], one["units_count"]) == (5, 4, 10)
    assert (one["total_spent"], one["average_order_value"]) == (60.0, 12.0)
    assert one["returned_share"] == 0.4 and one["returns_count"] == 1
    assert (one["first_order_value"], one["max_order_value"]) == (10.0, 40.0)
    assert one["days_since_order"] == 5.0 and one["days_since_first_order"] == pytest.approx(100.2)
    assert one["mean_gap_days"] == pytest.approx(95 / 3) and one["last_gap_days"] == 5
    assert one["gap_std_days"] == pytest.approx(19.29, abs=0.01)
    assert (one["order_days_30d"], one["spent_30d"], one["spent_90d"]) == (2, 40.0, 90.0)
    assert (one["mails_30d"], one["clicks_90d"], one["days_since_mail"]) == (1, 1, 2.0)
    assert (two["mails_30d"], two["days_since_mail"]) == (0, None)
    assert two["order_days_season"] == 1 and one["order_days_season"] == 0
    missing = {f.name for f in FEATURES if f.missing}
    assert {name for name, value in two.items() if value is None} == missing
    assert all(one[name] is not None for name in one)


def test_days_are_those_of_the_shop() -> None:
    evening = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)
    orders = pl.DataFrame(
        [
            row(1, 0, 5.0, ordered_at=evening),
            row(1, 0, 5.0, order_id=2, ordered_at=evening + DAY / 24),
        ]
    )
    for zone, order_days in (("UTC", 2), ("Europe/Berlin", 1), ("America/New_York", 1)):
        frame = features(history(orders, timezone=zone), AS_OF)
        assert frame["order_days"].to_list() == [order_days], zone


def test_nothing_at_all() -> None:
    empty = history(pl.DataFrame([row(1, 1, 1.0)]))
    frame = features(before(empty, AS_OF - 5 * DAY), AS_OF)
    assert frame.shape == (0, len(FEATURES) + 1)


def test_further_features_of_a_plugin() -> None:
    known = files.clean(shop(), AS_OF)

    def weekends(known: object, as_of: datetime) -> pl.DataFrame:
        assert known is not None and as_of == AS_OF
        return pl.DataFrame({"customer_id": [0], "weekend_share": [0.5]})

    frame = features(known, AS_OF, (weekends,))
    assert frame["weekend_share"].drop_nulls().to_list() == [0.5]
    assert frame.width == len(FEATURES) + 2


def test_a_few_of_them_are_the_same_numbers() -> None:
    known, some = files.clean(shop(40), AS_OF), ["days_since_order", "order_days", "total_spent"]
    few = features(known, AS_OF, names=some)
    assert few.columns == ["customer_id", *some]
    whole = features(known, AS_OF).select(few.columns)
    assert_frame_equal(few.sort("customer_id"), whole.sort("customer_id"), check_exact=True)


def test_the_future_is_what_happened_from_as_of_on() -> None:
    orders = [row(1, 5, 10.0), row(1, 0, 20.0), row(2, 5, 1.0), row(2, -9, -1.0), row(3, -1, 1.0)]
    known = history(pl.DataFrame(orders))
    told = future(known, AS_OF, 10).sort("customer_id")
    assert told["customer_id"].to_list() == [1, 2]
    assert told["ordered"].to_list() == [True, False]  # a return is no order
    assert told["spent"].to_list() == [20.0, 0.0]
    assert told["next_at"][0] == AS_OF
    assert not future(replace(known, orders=known.orders.head(1)), AS_OF, 10)["ordered"].any()


def test_measures() -> None:
    good = measures([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    assert good["auc"] == 1.0 and good["brier"] == pytest.approx(0.025)
    assert good["log_loss"] == pytest.approx(0.1643, abs=1e-4)
    assert measures([1, 0], [0.5, 0.5])["auc"] == 0.5
    only = measures([1, 1], [0.5, 0.5])
    assert only["auc"] != only["auc"] and only["calibration_error"] == 0.5
    ties = reliability([1, 0, 1, 0], [0.3, 0.3, 0.3, 0.3])
    assert [(b.n, b.was) for b in ties] == [(4, 0.5)]
    assert matrix(pl.DataFrame({"a": [None, 0.0, 1.0]}), ["a"])[:, 0].tolist()[:2] == [0.0, 0.0]
