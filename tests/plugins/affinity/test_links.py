"""What goes together."""

import numpy as np
import polars as pl
import pytest

from kernel.sdk import History, clean_orders
from plugins.affinity import links, sales
from plugins.affinity.links import Links, learn, together
from tests.plugins.affinity.shop import AS_OF, many, shop


def baskets(history: History) -> tuple[sales.Sales, sales.Baskets]:
    sold = sales.sales(history, AS_OF)
    return sold, sales.baskets(sold.rows, sold.items, sold.last_day)


def learned(history: History, dense: int = links.DENSE) -> tuple[sales.Sales, Links]:
    sold, found = baskets(history)
    return sold, learn(together(found, dense), 30.0)


def test_pairs_are_counted_exactly():
    _, found = baskets(clean_orders(many(), AS_OF))
    pairs = together(found)
    ones = found.matrix.toarray()
    assert (pairs.both == ones.T @ ones).all()
    weighed = ones.T @ (ones * (found.weight / sales.UNIT)[:, None])
    assert (pairs.gram == weighed).all()  # not nearly: to the last bit


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch):
    _, found = baskets(clean_orders(many(), AS_OF))
    whole = learn(together(found), 30.0)
    monkeypatch.setattr(links, "_BLOCK", 10)
    parts = learn(together(found), 30.0)
    assert (whole.weight != parts.weight).nnz == 0
    assert (whole.both == parts.both).all() and (whole.bias == parts.bias).all()


def test_ease_is_the_ridge_regression_of_each_product_on_the_others():
    rng = np.random.default_rng(3)
    x = (rng.random((200, 6)) < 0.4).astype(float)
    mean, total, penalty = x.mean(0), 200.0, 12.0
    said = links._ease(x.T @ x, mean, total, penalty)
    centred = x - mean
    for target in range(6):
        others = [n for n in range(6) if n != target]
        a = centred[:, others]
        b = np.linalg.solve(a.T @ a + penalty * np.eye(5), a.T @ centred[:, target])
        assert said[others, target] == pytest.approx(b, abs=1e-4)
        assert said[target, target] == 0


@pytest.mark.parametrize("dense", [links.DENSE, 0])
def test_what_is_bought_together_speaks_for_each_other(dense: int):
    orders = [(n, n % 50 + 1, "tea pot") for n in range(12)]
    orders += [(n, n % 50 + 1, "soap towel") for n in range(12)]
    orders += [(n, n % 50 + 1, sku) for n, sku in enumerate(["tea", "pot", "soap", "towel"] * 3)]
    sold, found = learned(shop(*orders), dense)
    number = {sku: at for at, sku in enumerate(sold.skus)}
    weight = found.weight.toarray()
    assert weight[number["tea"], number["pot"]] > 0.1
    assert weight[number["tea"], number["soap"]] == 0
    link = found.weight[[number["tea"]], [number["pot"]]]
    assert link.size == 1
    coo = found.weight.tocoo()
    at = [(int(r), int(c)) for r, c in zip(coo.row, coo.col, strict=True)]
    assert found.both[at.index((number["tea"], number["pot"]))] == 12


def test_every_link_has_a_count_behind_it():
    for dense in (links.DENSE, 5, 0):
        _, found = learned(clean_orders(many(), AS_OF), dense)
        assert found.weight.nnz and (found.weight.data > 0).all() and (found.both > 0).all()


def test_one_product_and_single_sales_have_no_links():
    for history in (shop(("a", 1, "x"), ("b", 2, "x")), shop(("a", 1, "x"), ("b", 2, "y"))):
        _, found = learned(history)
        assert found.weight.nnz == 0 and np.isfinite(found.bias).all()


def test_a_gram_matrix_that_is_singular_is_mended():
    history = shop(*[(n, 1, "a b c") for n in range(40)])  # always all three: no variance at all
    _, found = learned(history)
    assert np.isfinite(found.weight.data).all() and np.isfinite(found.bias).all()


def test_the_number_of_links_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "MOST_LINKS", 40)
    _, found = learned(clean_orders(many(), AS_OF))
    assert 0 < found.weight.nnz <= 40
    assert pl.Series(found.weight.tocoo().col).value_counts()["count"].max() <= 2
