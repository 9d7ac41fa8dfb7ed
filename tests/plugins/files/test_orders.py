"""Every row of a file of orders stands in one place; an order is taken whole or not at all."""

from __future__ import annotations

import msgspec
import pytest

from kernel.sdk import InvalidInput

FULL = "order_id,ordered_at,customer_id,email,name,country,sku,title,quantity,unit_price,amount,currency,kind,status,test,is_product"


async def orders(importer):
    return await importer.rows(
        "SELECT external_id, amount::text, kind, status FROM profiles_order ORDER BY external_id"
    )


async def test_lines_become_orders_customers_and_totals(importer):
    report = await importer.lines(
        "o1,2026-01-01 10:00,c1,Ada@Example.com,BOWL,Oak bowl,2,10.50",
        "o1,2026-01-01 10:05,c1,ada@example.com,CUP,Cup,1,4.00",
        "o2,2026-02-01,c2,,CUP,Cup,1,4.00",
    )
    assert report.rows == {"read": 3, "written": 3, "unchanged": 0, "merged": 0, "skipped": 0}
    assert report.done == {
        "orders_created": 2, "orders_changed": 0, "orders_unchanged": 0, "customers_created": 2,
    }  # fmt: skip
    assert await importer.rows(
        "SELECT external_id, email, orders_count, total_spent::text FROM profiles_customer ORDER BY 1"
    ) == [("c1", "ada@example.com", 1, "25.00"), ("c2", None, 1, "4.00")]
    # 10:00 in Berlin; the earliest time of an order's rows counts
    assert await importer.rows("SELECT ordered_at::text FROM profiles_order ORDER BY 1") == [
        ("2026-01-01 09:00:00+00",),
        ("2026-01-31 23:00:00+00",),
    ]


async def test_the_same_file_twice_changes_nothing(importer):
    rows = ["o1,2026-01-01,c1,,BOWL,,2,10.50", "o2,2026-02-01,,,CUP,,1,4.00"]
    await importer.lines(*rows)
    before = await importer.rows("SELECT xmin::text, ctid::text, * FROM profiles_order ORDER BY id")
    report = await importer.lines(*rows[::-1])
    assert report.rows == {"read": 2, "written": 0, "unchanged": 2, "merged": 0, "skipped": 0}
    assert (
        await importer.rows("SELECT xmin::text, ctid::text, * FROM profiles_order ORDER BY id")
        == before
    )
    events = await importer.rows("SELECT type, payload->>'written' FROM events_event")
    assert events == [("import.finished", "2")], "told once, and nothing of the second time"


async def test_exact_duplicates_are_merged_and_similar_lines_are_not(importer):
    report = await importer.lines(
        "o1,2026-01-01,c1,,BOWL,,1,10",
        "o1,2026-01-01,c1,,BOWL,,1,10",
        "o1,2026-01-01,c1,,BOWL,,2,10",
    )
    assert report.rows == {"read": 3, "written": 2, "unchanged": 0, "merged": 1, "skipped": 0}
    assert await orders(importer) == [("o1", "30.00", "order", "placed")]


async def test_returns_by_their_signs_or_by_name(importer):
    report = await importer.lines(
        "o1,2026-01-01,c1,,,,,A,,2,10,,,,,,",
        "o2,2026-01-02,c1,,,,,A,,-1,10,,,,,,",
        "o3,2026-01-03,c1,,,,,,,,,5.00,,refund,,,",
        "o4,2026-01-04,c1,,,,,A,,1,2,,,return,,,",
        "o5,2026-01-05,c1,,,,,,,,,-1.00,,,,,",
        header=FULL.replace("name,", "name,first_name,"),
    )
    assert report.noticed["returns"] == 4
    assert await orders(importer) == [
        ("o1", "20.00", "order", "placed"),
        ("o2", "-10.00", "return", "placed"),
        ("o3", "-5.00", "return", "placed"),
        ("o4", "-2.00", "return", "placed"),
        ("o5", "-1.00", "return", "placed"),
    ]
    assert await importer.rows("SELECT quantity FROM profiles_order_line ORDER BY order_id") == [
        (2,), (-1,), (-1,),
    ]  # fmt: skip
    assert await importer.rows("SELECT orders_count, total_spent::text FROM profiles_customer") == [
        (1, "2.00")
    ]


async def test_cancelled_and_test_orders_are_kept_and_count_for_nothing(importer):
    report = await importer.lines(
        "o1,2026-01-01,c1,,,,A,,1,10,,,,cancelled,,",
        "o2,2026-01-02,c1,,,,A,,1,10,,,,,yes,",
        "o3,2026-01-03,c1,,,,A,,1,10,,,,placed,no,",
        header=FULL,
    )
    assert report.noticed["orders_cancelled"] == report.noticed["orders_test"] == 1
    assert len(await orders(importer)) == 3
    assert await importer.rows("SELECT orders_count, total_spent::text FROM profiles_customer") == [
        (1, "10.00")
    ]


async def test_lines_without_customer_are_kept_as_anonymous_orders(importer):
    report = await importer.lines("o1,2026-01-01,,,A,,1,10", "o1,2026-01-01,,,B,,1,5")
    assert report.noticed["orders_without_customer"] == 1
    assert report.noticed["lines_without_customer"] == 2
    assert await importer.rows("SELECT customer_id, amount::text FROM profiles_order") == [
        (None, "15.00")
    ]
    assert await importer.rows("SELECT 1 FROM profiles_customer") == []


async def test_prices_of_zero_and_below_and_lines_that_are_no_products(importer):
    report = await importer.lines(
        "o1,2026-01-01,c1,,,,A,,1,10,,,,,,",
        "o1,2026-01-01,c1,,,,GIFT,,1,0,,,,,,",
        "o1,2026-01-01,c1,,,,DISCOUNT,,1,-2.50,,,,,,no",
        header=FULL,
    )
    assert report.noticed["lines_at_price_zero"] == 1
    assert report.noticed["lines_at_negative_price"] == 1
    assert report.noticed["lines_not_products"] == 1
    assert await orders(importer) == [("o1", "7.50", "order", "placed")]


async def test_mixed_currencies(importer):
    report = await importer.lines(
        "o1,2026-01-01,c1,,,,A,,1,10,,eur,,,,",
        "o2,2026-01-02,c1,,,,A,,1,10,,SEK,,,,",
        "o3,2026-01-03,c1,,,,A,,1,10,,,,,,",
        "o4,2026-01-04,c1,,,,A,,1,10,,EUR,,,,",
        "o4,2026-01-04,c1,,,,B,,1,10,,USD,,,,",
        header=FULL,
    )
    assert report.noticed["foreign_currency"] == 1
    assert report.skipped == {"several_currencies": 2}
    assert await importer.rows("SELECT orders_count, total_spent::text FROM profiles_customer") == [
        (3, "20.00")
    ]


BAD = {
    "no_order_id": ",2026-01-01,c1,,A,,1,10",
    "bad_date": "o9,01.02.2026,c1,,A,,1,10",
    "no_date": "o9,,c1,,A,,1,10",
    "absurd_date": "o9,0026-01-01,c1,,A,,1,10",
    "future_date": "o9,2126-01-01,c1,,A,,1,10",
    "bad_quantity": "o9,2026-01-01,c1,,A,,two,10",
    "bad_price": "o9,2026-01-01,c1,,A,,1,ten",
    "incomplete_line": "o9,2026-01-01,c1,,A,,1,",
    "no_amount": "o9,2026-01-01,c1,,A,,,",
    "amount_too_large": "o9,2026-01-01,c1,,A,,2000000000,9999999999",
    "id_too_long": f"{'o' * 300},2026-01-01,c1,,A,,1,10",
}


@pytest.mark.parametrize(("reason", "row"), BAD.items())
async def test_what_cannot_be_taken_is_skipped_with_its_reason(importer, reason, row):
    report = await importer.lines("o1,2026-01-01,c1,,A,,1,10", row)
    assert report.skipped == {reason: 1}
    assert report.rows == {"read": 2, "written": 1, "unchanged": 0, "merged": 0, "skipped": 1}
    assert await orders(importer) == [("o1", "10.00", "order", "placed")]


async def test_an_order_with_a_bad_row_is_skipped_whole_and_completed_by_the_corrected_file(
    importer, tmp_path
):
    rejects = tmp_path / "deep" / "rejects.jsonl"
    rows = ["o1,2026-01-01,c1,,A,,1,10", "o2,2026-01-01,c1,,A,,1,10", "o2,2026-01-01,c1,,B,,x,5"]
    report = await importer.lines(*rows, rejects=rejects)
    assert report.skipped == {"order_has_bad_row": 1, "bad_quantity": 1}
    assert await orders(importer) == [("o1", "10.00", "order", "placed")]
    told = [msgspec.json.decode(line) for line in rejects.read_bytes().splitlines()]
    assert [(one["row"], one["reason"], one["data"]["sku"]) for one in told] == [
        (2, "order_has_bad_row", "A"),
        (3, "bad_quantity", "B"),
    ]
    assert rejects.stat().st_mode & 0o077 == 0, "it holds personal data"
    rows[2] = rows[2].replace("x", "1")
    report = await importer.lines(*rows)
    assert report.rows["written"] == 2
    assert report.rows["unchanged"] == 1
    assert (await orders(importer))[1] == ("o2", "15.00", "order", "placed")


async def test_broken_rows_are_counted_and_kept(importer, tmp_path):
    rejects = tmp_path / "rejects.jsonl"
    report = await importer.lines(
        "o1,2026-01-01,c1,,A,,1,10", "o2,2026-01-01,c1,,A,,1,10,too,many", rejects=rejects
    )
    assert report.skipped == {"too_many_fields": 1}
    assert "too,many" in rejects.read_text()


async def test_until_stops_a_history(importer):
    from datetime import UTC, datetime

    until = datetime(2026, 1, 31, tzinfo=UTC)
    rows = ["o1,2026-01-01,c1,,A,,1,10", "o2,2026-02-01,c1,,A,,1,10"]
    assert (await importer.lines(*rows, until=until)).skipped == {"after_until": 1}
    assert (await importer.lines(*rows)).rows["written"] == 1


async def test_naive_times_are_of_the_zone_that_is_told(importer):
    await importer.lines("o1,2026-01-01 00:30,c1,,A,,1,10", timezone="America/New_York")
    assert await importer.rows("SELECT ordered_at::text FROM profiles_order") == [
        ("2026-01-01 05:30:00+00",)
    ]


async def test_hostile_text_is_kept_as_text(importer):
    evil = "<script>alert(1)</script>"
    report = await importer.lines(
        f'o1,2026-01-01,c1,,"{evil} O\'Neil\x07",,A,"\'; DROP TABLE x; --",1,10,,,,,,', header=FULL
    )
    assert report.noticed["control_characters_removed"] == 1
    assert await importer.rows("SELECT first_name, last_name FROM profiles_customer") == [
        (evil, "O'Neil")
    ]
    assert await importer.rows("SELECT title FROM profiles_order_line") == [
        ("'; DROP TABLE x; --",)
    ]


async def test_huge_texts_are_cut_and_noticed(importer):
    report = await importer.lines(f"o1,2026-01-01,c1,,A,{'x' * 1_000_000},1,10")
    assert report.noticed["long_text_cut"] == 1
    assert await importer.rows("SELECT length(title) FROM profiles_order_line") == [(500,)]


async def test_addresses(importer):
    report = await importer.lines(
        'o1,2026-01-01,c1,"a@x.com, b@x.com",A,,1,10',
        "o2,2026-01-01,c2,not an address,A,,1,10",
        "o3,2026-01-01,c3,A@X.com,A,,1,10",
    )
    assert report.noticed["several_emails"] == report.noticed["email_invalid"] == 1
    assert report.noticed["same_email"] == 1
    assert await importer.rows(
        "SELECT external_id, email, orders_count FROM profiles_customer ORDER BY 1"
    ) == [("c1", "a@x.com", 2), ("c2", None, 1)]


async def test_trials_get_reserved_addresses_and_consent_only_by_explicit_word(importer):
    rows = [
        "o1,2026-01-01,c1,,A,,1,10",
        "o2,2026-01-01,c 2,,A,,1,10",
        "o3,2026-01-01,c3,c@x.com,A,,1,9",
    ]
    report = await importer.lines(
        *rows,
        email_template="customer-{customer_id}@example.com",
        consent="subscribed",
        consent_source="trial of 2026",
    )
    assert report.noticed["emails_made"] == report.noticed["emails_not_made"] == 1
    assert report.done["consent_written"] == 3
    query = (
        "SELECT external_id, email, email_consent, consent_source FROM profiles_customer ORDER BY 1"
    )
    told = [
        ("c 2", None, "subscribed", "trial of 2026"),
        ("c1", "customer-c1@example.com", "subscribed", "trial of 2026"),
        ("c3", "c@x.com", "subscribed", "trial of 2026"),
    ]
    assert await importer.rows(query) == told
    await importer.ctx.db.execute(
        "UPDATE profiles_customer SET email_consent = 'unsubscribed', consent_at = now() "
        "WHERE external_id = 'c1'"
    )
    report = await importer.lines(*rows, consent="subscribed", consent_source="again")
    assert (await importer.rows(query))[1][2] == "unsubscribed"


async def test_without_that_word_nobody_has_consented(importer):
    await importer.lines("o1,2026-01-01,c1,a@x.com,A,,1,10")
    assert await importer.rows("SELECT email, email_consent FROM profiles_customer") == [
        ("a@x.com", "unknown")
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"email_template": "c-{customer_id}@gmail.com"}, "may belong to somebody"),
        ({"email_template": "c-{customer_id}@example.com.evil.org"}, "may belong to somebody"),
        ({"email_template": "c-{customer_id}@notexample.com"}, "may belong to somebody"),
        ({"email_template": "x@y.com,c-{customer_id}@example.com"}, "may belong to somebody"),
        ({"email_template": "everybody@example.com"}, "no template"),
        ({"email_template": "{name}-{customer_id}@example.com"}, "no template"),
        ({"consent": "subscribed"}, "needs its evidence"),
        ({"timezone": "Mars"}, "no time zone"),
    ],
)
async def test_wrong_options_are_told_before_anything_is_read(importer, options, says):
    with pytest.raises(InvalidInput, match=says):
        await importer.lines("o1,2026-01-01,c1,,A,,1,10", **options)


async def test_a_file_with_a_header_alone(importer):
    report = await importer.lines()
    assert report.rows["read"] == 0
    assert await importer.rows("SELECT kind FROM profiles_import") == [("orders",)]
    assert await importer.rows("SELECT 1 FROM events_event") == []


async def test_the_history_of_imports_holds_counts_and_nothing_personal(importer):
    await importer.lines("o1,2026-01-01,c1,ada@example.com,A,,1,10", "o2,2026-01-01,c1,,A,,x,10")
    ((name, sha, report),) = await importer.rows(
        "SELECT file_name, file_sha256, report::text FROM profiles_import"
    )
    assert (name, len(sha)) == ("file.csv", 64)
    assert msgspec.json.decode(report)["rows"]["read"] == 2
    assert "ada" not in report
