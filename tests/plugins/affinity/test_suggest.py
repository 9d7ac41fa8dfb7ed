"""What is recommended, what is not, and the words for it."""

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from kernel.sdk import History, clean_orders
from plugins.affinity.fit import fit
from plugins.affinity.learned import Learned
from plugins.affinity.suggest import available, fitting, suggested
from tests.plugins.affinity.shop import AS_OF, many, rows, shop

TOGETHER = [(f"t{n}", 60 + n, "tea pot") for n in range(20)] + [
    (f"s{n}", 60 + n, "soap") for n in range(20)
]


def learned(history: History) -> Learned:
    found = fit(history, AS_OF)
    assert found is not None
    return found


def lists(history: History, who: Any, k: int = 3, **more: Any) -> dict[str, list[tuple[str, str]]]:
    """Both slots of one customer: (item, reason)."""
    assert history.ids is not None
    parts = pl.concat(suggested(learned(history), history, AS_OF, k, **more))
    parts = parts.filter(history.ids.gather(parts["customer_id"]) == who).sort("slot", "rank")
    found: dict[str, list[tuple[str, str]]] = {"again": [], "new": []}
    for row in parts.iter_rows(named=True):
        found[row["slot"]].append((row["item"], row["reason"]))
    return found


def sold_out(history: History, **columns: Any) -> History:
    """The history with tea's line of the catalogue changed."""
    tea = pl.col("sku") == "tea"
    changed = [
        pl.when(tea).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in columns.items()
    ]
    return replace(history, products=history.products.with_columns(changed))


def test_again_is_what_was_bought_most_with_its_counts():
    orders = [("ada", ago, "milk") for ago in (300, 200, 100, 40)] + [("ada", 90, "bread milk")]
    assert lists(shop(*orders, *TOGETHER), "ada")["again"] == [
        ("milk", "bought 5 times, last 40 days ago"),
        ("bread", "bought once, 90 days ago"),
    ]


def test_a_date_stays_true_tomorrow():
    orders = [("ada", 40, "milk"), ("ada", 90, "bread")]
    found = lists(shop(*orders, *TOGETHER), "ada", since="date")["again"]
    assert sorted(found) == [
        ("bread", "bought once, on 17 March 2026"),
        ("milk", "bought once, on 6 May 2026"),
    ]


def test_new_is_what_goes_with_what_they_have():
    found = lists(shop(("ada", 40, "tea"), ("bob", 40, "soap"), *TOGETHER), "ada")
    assert found["new"][0] == ("pot", "20 of 21 orders with tea had it too")
    assert found["new"][1] == ("soap", "popular here: 21 orders so far")
    assert "tea" not in dict(found["new"])


def test_what_was_bought_just_now_is_not_recommended_again():
    found = lists(shop(("ada", 2, "tea"), ("ada", 80, "soap"), *TOGETHER), "ada")
    assert [sku for sku, _ in found["again"]] == ["soap"]


def test_who_buys_often_is_told_by_their_own_pauses():
    orders = [("ada", ago, "tea") for ago in (3, 7, 11, 15)]
    assert lists(shop(*orders, *TOGETHER), "ada")["again"][0][0] == "tea"


def test_what_was_sent_back_is_not_recommended():
    back = rows(("ada", 70, "tea"), quantity=-1).with_columns(order_id=pl.lit("back"))
    raw = pl.concat([rows(("ada", 80, "tea soap"), *TOGETHER), back])
    found = lists(clean_orders(raw, AS_OF), "ada")
    assert [sku for sku, _ in found["again"]] == ["soap"]
    assert "tea" not in dict(found["new"])


@pytest.mark.parametrize(
    "column", [{"inventory": 0}, {"inventory": -2}, {"listed": False}, {"is_product": False}]
)
def test_what_cannot_be_bought_is_not_recommended(column: dict[str, Any]):
    history = shop(("ada", 80, "tea"), ("bob", 80, "pot"), *TOGETHER)
    assert "tea" in dict(lists(history, "ada")["again"]) and "tea" in dict(
        lists(history, "bob")["new"]
    )
    gone = sold_out(history, **column)
    for who in ("ada", "bob"):
        found = lists(gone, who)
        assert "tea" not in dict(found["again"] + found["new"])
    basket = pl.DataFrame({"basket_id": [1], "item": ["pot"]})
    assert "tea" in fitting(learned(history), history, basket, 9)["item"].to_list()
    assert "tea" not in fitting(learned(history), gone, basket, 9)["item"].to_list()


def test_what_is_not_in_a_known_catalogue_is_not_for_sale():
    history = shop(*TOGETHER)
    found = learned(history)
    tea = found.skus.index("tea")
    without = history.products.filter(pl.col("sku") != "tea")
    assert not available(found, without)[tea]
    assert available(found, without).sum() == found.items - 1
    hardly = history.products.filter(pl.col("sku") == "soap")  # a third of what was ordered
    assert available(found, hardly).all() and available(found, hardly.clear()).all()


def test_titles_stand_in_reasons():
    history = sold_out(shop(("ada", 40, "tea"), *TOGETHER), title="Oolong, loose")
    assert lists(history, "ada")["new"][0][1] == "20 of 21 orders with Oolong, loose had it too"


def test_what_is_popular_now_fills_up():
    orders = [(f"n{n}", n + 1, "fan") for n in range(9)]
    orders += [(f"w{n}", 200 + n, "scarf") for n in range(30)]
    found = lists(shop(("ada", 90, "hat"), *orders), "ada")["new"]
    assert found == [
        ("fan", "popular now: 9 orders in 30 days"),
        ("scarf", "popular here: 30 orders so far"),
    ]


def test_last_years_season_counts():
    orders = [(f"x{n}", 350 - n % 5, "fan") for n in range(30)]
    orders += [(f"z{n}", 450 - n % 5, "cup") for n in range(31)]
    orders += [(f"y{n}", 40 + n, "scarf") for n in range(9)]
    assert lists(shop(("ada", 500, "hat"), *orders), "ada")["new"] == [
        ("scarf", "popular here: 9 orders so far"),
        ("fan", "popular at this time of year: 30 orders a year ago"),
        ("cup", "popular here: 31 orders so far"),
    ]


def test_baskets_get_what_fits_and_never_what_they_have():
    history = shop(*TOGETHER)
    baskets = pl.DataFrame(
        {
            "basket_id": [7, 7, 8, 8, 9, 10],
            "item": ["tea", "tea", "nobody knows", "soap", "nobody knows", None],
        }
    )
    found = fitting(learned(history), history, baskets, 2)
    got = {key[0]: part["item"].to_list() for key, part in found.group_by("basket_id")}
    assert got[7][0] == "pot" and "tea" not in got[7]
    assert "soap" not in got[8]
    assert len(got[9]) == len(got[10]) == 2  # what is popular
    assert found["rank"].to_list() == [1, 2] * 4
    assert found.schema["basket_id"] == pl.Int64 and found.schema["item"] == pl.String


def test_parts_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    history = clean_orders(many(), AS_OF)
    found = learned(history)
    whole = pl.concat(suggested(found, history, AS_OF, 5)).sort("customer_id", "slot", "rank")
    monkeypatch.setattr("plugins.affinity.suggest._CUSTOMERS", 7)
    parts = pl.concat(suggested(found, history, AS_OF, 5)).sort("customer_id", "slot", "rank")
    assert parts.equals(whole)
    assert whole.group_by("customer_id", "slot").len()["len"].max() == 5
    assert whole.unique(["customer_id", "item"]).height == whole.height


def test_some_customers_get_what_they_get_among_all():
    history = clean_orders(many(), AS_OF)
    found = learned(history)
    some = history.orders["customer_id"].unique().sort()[:9].implode()
    theirs = replace(
        history,
        orders=history.orders.filter(pl.col("customer_id").is_in(some)),
        lines=history.lines.filter(pl.col("customer_id").is_in(some)),
    )
    every = pl.concat(suggested(found, history, AS_OF, 5)).filter(pl.col("customer_id").is_in(some))
    few = pl.concat(suggested(found, theirs, AS_OF, 5))
    key = ["customer_id", "slot", "rank"]
    assert few.sort(key).equals(every.sort(key))
