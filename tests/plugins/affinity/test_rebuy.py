"""How long to wait before a product is recommended to its buyer again."""

import pytest

from plugins.affinity import rebuy, sales
from tests.plugins.affinity.shop import AS_OF, shop


def waits(*orders):
    sold = sales.sales(shop(*orders), AS_OF)
    wait, usual = rebuy.waits(sold)
    return dict(zip(sold.skus, zip(wait.tolist(), usual.tolist(), strict=True), strict=True))


def monthly(sku: str, beside: str) -> list[tuple[int, float, str]]:
    """Forty customers order weekly `beside`, and every fifth time `sku` too."""
    return [
        (who, 7 * week + 1, f"{beside} {sku}" if week % 5 == who % 5 else beside)
        for who in range(40)
        for week in range(26)
    ]


def test_a_shop_without_evidence_waits_two_weeks():
    assert waits(("a", 3, "x"), ("b", 200, "y")) == {"x": (14, 0), "y": (14, 0)}


def test_products_have_their_own_pauses():
    found = waits(*monthly("filter", "milk"))
    assert found["milk"] == (7, 7)  # nobody comes sooner: no reason to wait longer
    assert found["filter"] == (17, 35)


def test_what_comes_back_late_waits():
    orders = [(who, 5 * n + 1, "milk") for who in range(60) for n in range(12)]
    orders += [(who, 1 + 45 * n, f"beans extra{n}") for who in range(100, 160) for n in range(4)]
    found = waits(*orders)
    assert found["milk"] == (2, 5)
    assert found["beans"] == (22, 45)


def test_what_hardly_anybody_buys_twice_waits_a_year():
    orders = [(who, 10 * n + 1, "milk") for who in range(160) for n in range(10)]
    orders += [(who, 95, "sofa milk") for who in range(160)]
    found = waits(*orders)
    assert found["sofa"][0] == rebuy.NEVER and found["milk"][0] < 14


def test_a_large_shop_is_judged_by_who_ordered_last(monkeypatch: pytest.MonkeyPatch):
    orders = [("a", 1 + 10 * n, "x") for n in range(4)] + [("b", 300 + n, "y") for n in range(4)]
    assert waits(*orders)["y"][1] == 1
    monkeypatch.setattr(rebuy, "MOST_ROWS", 4)
    assert waits(*orders)["y"][1] == 0 and waits(*orders)["x"][1] == 10
