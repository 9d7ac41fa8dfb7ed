"""What counts as sold, and how it is numbered and weighed."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from kernel.sdk import clean_orders
from plugins.affinity import sales
from tests.plugins.affinity.shop import AS_OF, rows, shop


def test_the_most_sold_have_the_smallest_numbers():
    found = sales.sales(shop(("a", 3, "x b"), ("b", 2, "x c"), (None, 1, "x c a")), AS_OF)
    assert found.skus.to_list() == ["x", "c", "a", "b"]
    assert found.orders.tolist() == [3, 2, 1, 1]
    assert found.baskets == 3  # an unknown buyer's order teaches too


def test_what_is_no_sale_does_not_count():
    dirt = pl.concat(
        [
            rows(("a", 3, "x y"), ("a", 3, "x y")),  # another order
            rows(("a", 5, "POST gift_card z")),
            rows(("a", -1, "later")),
            rows(("a", 6, "sent_back"), quantity=-1),
            rows(("a", 7, "free")).with_columns(unit_price=0.0),
            rows(("a", 8, "w")).with_columns(sku=pl.lit(None, pl.String)),
            rows(("a", 8, "w")).with_columns(sku=pl.lit("")),
            rows(("a", 9, "nan")).with_columns(
                unit_price=float("nan"), quantity=pl.lit(0, pl.Int64)
            ),
        ]
    )
    dirt = dirt.with_columns(order_id=pl.format("{}-{}", "order_id", "ordered_at"))
    found = sales.sales(clean_orders(dirt, AS_OF), AS_OF)
    assert found.skus.to_list() == ["x", "y", "z"]


def test_an_item_counts_once_an_order():
    lines = pl.concat([rows(("a", 3, "x y"))] * 3).with_columns(
        quantity=pl.Series([1, 2, 3, 4, 5, 6])
    )
    found = sales.sales(clean_orders(lines, AS_OF), AS_OF)
    assert found.rows.height == 2 and found.orders.tolist() == [1, 1]


def test_old_and_large_orders_weigh_less():
    history = shop(("a", 0.1, "x y"), ("b", 365.1, "x y"), ("c", 0.1, "a b c d e f g h"))
    sold = sales.sales(history, AS_OF)
    found = sales.baskets(sold.rows, sold.items, sold.last_day)
    expected = sorted([8**-0.5, 2**-0.5 / 2, 2**-0.5])
    assert sorted(found.weight / sales.UNIT) == pytest.approx(expected, abs=1e-4)


def test_work_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sales, "LONGEST_BASKET", 3)
    monkeypatch.setattr(sales, "PAIRS", 9 + 4)
    sold = sales.sales(shop(("a", 1, "a b c d e"), ("b", 2, "a b"), ("c", 3, "a b")), AS_OF)
    found = sales.baskets(sold.rows, sold.items, sold.last_day)
    assert sorted(np.diff(found.matrix.indptr)) == [2, 3]
    assert set(found.matrix.indices) == {0, 1, 2}  # the most sold of a long basket


def test_days_are_the_shops():
    at = AS_OF.replace(hour=23)
    assert sales.day_of(at, "Europe/Berlin") == sales.day_of(at + timedelta(days=1), "UTC")


def test_place():
    assert sales.place(np.array([4, 4, 1, 4, 4, 4])).tolist() == [0, 1, 0, 0, 1, 2]
    assert sales.place(np.array([])).tolist() == []
