"""Customers and products from files."""

from __future__ import annotations

from datetime import UTC, datetime

WHO = "SELECT external_id, email, first_name, country, tags, email_consent FROM profiles_customer ORDER BY 1, 2"


async def test_customers(importer):
    text = (
        "customer_id,email,name,country,timezone,locale,tags,consent,consent_at,consent_source,created_at\n"
        '1,Ada@Example.com,Ada Byron,gb,Europe/London,en-GB,"vip, b2b,vip",yes,2025-01-01,checkout,2024-12-31\n'
        "2,,Bob,Germany,Mars/Base,,,,,,\n"
    )
    report = await importer("customers", text)
    assert report.done == {"created": 2, "changed": 0, "unchanged": 0}
    assert report.noticed == {"timezone_unknown": 1, "customers_without_email": 1}
    assert await importer.rows(WHO) == [
        ("1", "ada@example.com", "Ada", "GB", ["b2b", "vip"], "subscribed"),
        ("2", None, "Bob", "Germany", [], "unknown"),
    ]
    again = await importer("customers", text)
    assert again.rows == {"read": 2, "written": 0, "unchanged": 2, "merged": 0, "skipped": 0}


async def test_one_person_on_several_rows(importer):
    report = await importer(
        "customers",
        "customer_id,email,first_name\n1,a@x.com,Ada\n1,a@x.com,Ada\n1,,Adele\n2,A@X.com,Ada\n,a@x.com,\n",
    )
    assert report.rows == {"read": 5, "written": 1, "unchanged": 0, "merged": 4, "skipped": 0}
    assert report.noticed["same_email"] == 1
    assert (await importer.rows(WHO))[0][:3] == ("1", "a@x.com", "Ada")
    assert await importer.rows("SELECT external_id FROM profiles_customer_alias") == [("2",)]


async def test_what_the_file_says_replaces_and_what_it_leaves_out_stays(importer):
    await importer("customers", "customer_id,email,first_name,country\n1,a@x.com,Ada,GB\n")
    report = await importer("customers", "customer_id,email,first_name,country\n1,b@x.com,,DE\n")
    assert report.done["changed"] == 1
    assert (await importer.rows(WHO))[0][:4] == ("1", "b@x.com", "Ada", "DE")


async def test_nobody_is_skipped_with_its_reason(importer):
    report = await importer("customers", "customer_id,email,first_name\n,,Nobody\n,no address,X\n")
    assert report.skipped == {"no_id_and_no_email": 2}


async def test_an_undated_yes_does_not_undo_a_no(importer):
    text = "customer_id,email,consent\n1,a@x.com,yes\n2,b@x.com,no\n3,c@x.com,perhaps\n"
    report = await importer("customers", text)
    assert report.noticed["consent_not_understood"] == 1
    assert [row[5] for row in await importer.rows(WHO)] == ["subscribed", "never", "unknown"]
    await importer("customers", text.replace("1,a@x.com,yes", "1,a@x.com,no"))
    await importer("customers", text.replace("2,b@x.com,no", "2,b@x.com,yes"))
    assert [row[5] for row in await importer.rows(WHO)] == ["never", "never", "unknown"]


async def test_a_dated_file_speaks_for_its_day(importer):
    text = "customer_id,email,consent\n1,a@x.com,yes\n"
    await importer(
        "customers", text.replace("yes", "no"), consent_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    await importer("customers", text, consent_at=datetime(2025, 12, 1, tzinfo=UTC))
    assert [row[5] for row in await importer.rows(WHO)] == ["never"]
    await importer("customers", text, consent_at=datetime(2026, 2, 1, tzinfo=UTC))
    assert [row[5] for row in await importer.rows(WHO)] == ["subscribed"]


async def test_the_word_of_who_imports_fills_silence_and_nothing_else(importer):
    await importer(
        "customers",
        "customer_id,email,consent\n1,a@x.com,\n2,b@x.com,no\n3,c@x.com,perhaps\n",
        consent="subscribed",
        consent_source="paper forms",
    )
    assert [row[5] for row in await importer.rows(WHO)] == ["subscribed", "never", "unknown"]


async def test_customers_complete_those_whom_orders_made_known(importer):
    await importer.lines("o1,2026-01-01,,a@x.com,A,,1,10", "o2,2026-01-01,c9,,A,,1,10")
    report = await importer(
        "customers", "customer_id,email,first_name\n7,a@x.com,Ada\nc9,nine@x.com,Nina\n"
    )
    assert report.done == {"created": 0, "changed": 2, "unchanged": 0}
    assert [row[:3] for row in await importer.rows(WHO)] == [
        ("7", "a@x.com", "Ada"),
        ("c9", "nine@x.com", "Nina"),
    ]


async def test_future_and_unreadable_times_are_skipped(importer):
    report = await importer(
        "customers",
        "customer_id,created_at,consent_at\n1,2126-01-01,\n2,soon,\n3,,2126-01-01\n4,2026-01-01,\n",
    )
    assert report.skipped == {"bad_created_at": 2, "bad_consent_at": 1}


async def test_what_products_cost(importer):
    text = "sku,price,cost\nBOWL,20,8.50\nCUP,9,\nX,9,-1\nY,9,much\n"
    report = await importer("products", text)
    assert report.skipped == {"negative_cost": 1, "bad_cost": 1}
    rows = await importer.rows("SELECT sku, cost::text FROM profiles_product ORDER BY 1")
    assert rows == [("BOWL", "8.50"), ("CUP", None)]


async def test_products(importer):
    text = (
        "sku,product_id,title,price,currency,status,inventory,url,image_url,is_product,tags\n"
        'BOWL,p1,Oak bowl,"1,010.50",eur,Active,3,/products/bowl,https://cdn.example.com/a.jpg,,"b, a"\n'
        "CUP,,Cup,,,draft,,javascript:alert(1),,no,\n"
        ",,Nameless,1,,,,,,,\nX,,Bad,free,,,,,,,\nY,,Less,-1,,,,,,,\nZ,,,,,sold,,,,,\n"
    )
    report = await importer("products", text)
    assert report.skipped == {"no_sku": 1, "bad_price": 1, "negative_price": 1, "bad_status": 1}
    assert report.noticed == {"address_not_taken": 1}
    assert await importer.rows(
        "SELECT sku, price::text, currency, status, inventory, url, is_product, tags FROM profiles_product ORDER BY 1"
    ) == [
        ("BOWL", "1010.50", "EUR", "active", 3, "/products/bowl", True, ["a", "b"]),
        ("CUP", None, "EUR", "draft", None, "", False, []),
    ]
    assert (await importer("products", text)).rows["written"] == 0
    changed = await importer("products", text.replace("Oak bowl", "Elm bowl"))
    assert changed.done == {"created": 0, "changed": 1, "unchanged": 1}


async def test_consent_to_be_tracked_comes_with_its_day(importer):
    text = (
        "customer_id,email,accepts_tracking,tracking_at\n"
        "1,a@x.com,yes,2026-01-02\n2,b@x.com,no,2026-01-02\n3,c@x.com,perhaps,\n4,d@x.com,yes,\n"
    )
    tracked = "SELECT tracking_consent FROM profiles_customer ORDER BY external_id"
    report = await importer("customers", text)
    assert report.noticed["tracking_not_understood"] == 1
    assert [row[0] for row in await importer.rows(tracked)] == [
        "granted",
        "denied",
        "unknown",
        "granted",
    ]
    older = text.replace("1,a@x.com,yes,2026-01-02", "1,a@x.com,no,2026-01-01")
    await importer("customers", older.replace("2,b@x.com,no,2026-01-02", "2,b@x.com,yes,"))
    assert [row[0] for row in await importer.rows(tracked)][:2] == ["granted", "denied"]
