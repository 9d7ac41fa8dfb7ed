"""Shopify's three exports: small files of their exact shape, and the real product files."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent / "shopify"


async def test_orders(importer):
    report = await importer("orders", HERE / "orders_export.csv")
    assert report.preset == "shopify"
    assert report.rows == {"read": 11, "written": 10, "unchanged": 0, "merged": 1, "skipped": 0}
    assert report.noticed["orders_with_refund"] == 2
    assert report.noticed["orders_cancelled"] == 2
    assert report.noticed["orders_test"] == 1
    assert report.noticed["lines_not_products"] == 1
    assert report.noticed["foreign_currency"] == 1
    assert await importer.rows(
        """SELECT o.external_id, c.email, ordered_at::text, amount::text, currency, kind, status, is_test
           FROM profiles_order o LEFT JOIN profiles_customer c ON c.id = o.customer_id ORDER BY 1"""
    ) == [
        # by its id where there is one, in UTC; what was paid back is a return of its own
        ("5551001", "ada@example.com", "2026-05-01 07:59:00+00", "100.90", "EUR", "order", "placed", False),
        ("5551002", "ada@example.com", "2026-05-03 12:30:10+00", "40.00", "EUR", "order", "placed", False),
        ("5551002-refund", "ada@example.com", "2026-05-03 12:30:10+00", "-15.00", "EUR", "return", "placed", False),
        ("5551003", "bob@example.com", "2026-05-04 22:00:00+00", "25.00", "EUR", "order", "cancelled", False),
        ("5551004", None, "2026-05-05 08:00:00+00", "12.50", "EUR", "order", "placed", False),
        ("5551005", "bob@example.com", "2026-05-06 08:00:00+00", "1.00", "EUR", "order", "placed", True),
        ("5551006", "cyn@example.com", "2026-05-07 08:00:00+00", "300.00", "SEK", "order", "placed", False),
        ("5551007", "cyn@example.com", "2026-05-08 08:00:00+00", "50.00", "EUR", "order", "cancelled", False),
    ]  # fmt: skip
    assert await importer.rows(
        "SELECT email, first_name, last_name, country, orders_count, total_spent::text "
        "FROM profiles_customer ORDER BY 1"
    ) == [
        ("ada@example.com", "Ada", "Byron King", "DE", 2, "125.90"),
        ("bob@example.com", "Bob", "", "GB", 0, "0.00"),
        ("cyn@example.com", "Cyn", "O'Hara", "SE", 1, "0.00"),
    ]
    assert await importer.rows(
        "SELECT sku, title, quantity FROM profiles_order_line l JOIN profiles_order o ON o.id = l.order_id "
        "WHERE o.external_id = '5551001' ORDER BY line_no"
    ) == [
        ("MAT-100", "Matcha Essence - 100 g", 1),
        ("Matcha Essence - 50 g", "Matcha Essence - 50 g", 2),
    ]
    again = await importer("orders", HERE / "orders_export.csv")
    assert again.rows == {"read": 11, "written": 0, "unchanged": 10, "merged": 1, "skipped": 0}


async def test_a_later_refund_changes_one_order(importer):
    text = (HERE / "orders_export.csv").read_text()
    await importer("orders", text)
    report = await importer("orders", text.replace(",15.00,", ",40.00,"))
    assert report.done["orders_changed"] == 1
    assert report.rows["written"] == 1
    assert await importer.rows(
        "SELECT total_spent::text FROM profiles_customer WHERE email LIKE 'ada%'"
    ) == [("100.90",)]


async def test_the_accepts_marketing_of_an_order_is_no_consent(importer):
    await importer("orders", HERE / "orders_export.csv")
    assert await importer.rows("SELECT DISTINCT email_consent FROM profiles_customer") == [
        ("unknown",)
    ]


async def test_customers(importer):
    await importer("orders", HERE / "orders_export.csv")
    report = await importer("customers", HERE / "customers_export.csv")
    assert report.preset == "shopify"
    assert report.done == {"created": 2, "changed": 2, "unchanged": 0}
    assert await importer.rows(
        "SELECT external_id, email, country, tags, email_consent, consent_source, orders_count "
        "FROM profiles_customer WHERE external_id <> '' ORDER BY 1"
    ) == [
        ("7210448301122", "ada@example.com", "DE", ["newsletter", "vip"], "subscribed", "Shopify customer export", 2),
        ("7210448301123", "bob@example.com", "GB", [], "never", "Shopify customer export", 0),
        ("7210448301124", None, "US", [], "never", "Shopify customer export", 0),
        ("7210448301125", "dee@example.com", "", [], "unknown", "", 0),
    ]  # fmt: skip


async def test_products_of_their_exact_shape(importer):
    report = await importer("products", HERE / "products_export.csv")
    assert report.preset == "shopify"
    assert report.skipped == {"no_sku": 1}, "a row that only holds a further picture"
    assert await importer.rows(
        "SELECT sku, title, vendor, price::text, status, inventory, is_product, url, image_url "
        "FROM profiles_product ORDER BY 1"
    ) == [
        ("Gift Card - €25", "Gift Card - €25", "Alder", "25.00", "active", None, False, "/products/gift-card", ""),
        ("MAT-100", "Matcha Essence - 100 g", "Alder", "62.95", "active", 12, True,
         "/products/matcha-essence", "https://cdn.example.com/m1.jpg"),
        ("Matcha Essence - 50 g", "Matcha Essence - 50 g", "Alder", "37.95", "active", -1, True,
         "/products/matcha-essence", "https://cdn.example.com/m50.jpg"),
        ("OLD-1", "Old tea", "", "9.00", "draft", 0, True, "/products/old-tea", ""),
    ]  # fmt: skip


async def test_lines_and_products_meet_by_sku(importer):
    await importer("orders", HERE / "orders_export.csv")
    await importer("products", HERE / "products_export.csv")
    assert await importer.rows(
        "SELECT DISTINCT p.sku FROM profiles_product p JOIN profiles_order_line l USING (sku) ORDER BY 1"
    ) == [("Gift Card - €25",), ("MAT-100",), ("Matcha Essence - 50 g",)]


async def test_real_product_files(importer, shared_data):
    read = written = 0
    for path in sorted((shared_data / "shopify_products").glob("*.csv")):
        report = await importer("products", path)
        assert report.preset == "shopify"
        assert set(report.skipped) <= {"no_sku"}
        read, written = read + report.rows["read"], written + report.rows["written"]
        assert (await importer("products", path)).rows["written"] == 0
    ((count, priced, pictured),) = await importer.rows(
        "SELECT count(*), count(price), count(*) FILTER (WHERE image_url <> '') FROM profiles_product"
    )
    assert read == 84
    assert count == priced == written == 66
    assert pictured > 60
