"""The tables that people read."""

from plugins.affinity.fit import fit
from plugins.affinity.learned import Learned, decode
from plugins.affinity.pairs import pairs, product
from tests.plugins.affinity.shop import AS_OF, shop


def learned() -> Learned:
    orders = [(n, 40 + n, "tea pot") for n in range(20)] + [(n, 70 + n, "tea") for n in range(10)]
    orders += [(n, 20 + n, "soap mat") for n in range(8)] + [(n, 20 + n, "cup") for n in range(30)]
    found = fit(shop(*orders, (1, 3, "cup mat"), (2, 3, "cup mat")), AS_OF)
    assert found is not None
    return decode(found.encode())


def test_the_strongest_pair_first_and_each_once():
    found = pairs(learned(), None, 0, 10)
    assert [{pair.first, pair.second} for pair in found] == [{"tea", "pot"}, {"soap", "mat"}]
    assert (found[0].both, found[0].of_first, found[0].of_second) == (20, 30, 20)
    assert found[0].share == 20 / 30
    assert found[0].times == 20 * learned().baskets / (30 * 20)
    assert pairs(learned(), None, 1, 10) == found[1:]
    assert pairs(learned(), {"soap"}, 0, 10) == found[1:]
    assert pairs(learned(), set(), 0, 10) == []


def test_one_product():
    found = product(learned(), "tea")
    assert found is not None
    assert (found.orders, found.usual) == (30, 30)
    assert [(pair.second, pair.both) for pair in found.pairs] == [("pot", 20)]
    assert [pair.second for pair in found.suggested] == ["pot"]
    assert product(learned(), "nothing") is None
