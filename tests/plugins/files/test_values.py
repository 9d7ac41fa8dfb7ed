"""Cells into numbers, times and addresses: what is read, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from kernel.sdk import InvalidInput
from plugins.files import values

PRICE = pl.Decimal(14, 4)


def numbers(*cells, mark="."):
    return values.number(pl.Series(cells), PRICE, mark).to_list()


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1", "1"), ("2.5", "2.5"), (" 3 ", "3"), ("£1,234.50", "1234.5"), ("$ -4.10", "-4.1"),
        ("€\u00a09", "9"), ("12 345.6", "12345.6"), ("1'000.25", "1000.25"), (".5", "0.5"),
        ("5.", "5"), ("+3", "3"), ("USD 5", "5"), ("-0.005", "-0.005"), ("1.00006", "1.0001"),
    ],
)  # fmt: skip
def test_numbers(cell, number):
    assert numbers(cell) == [Decimal(number)]


@pytest.mark.parametrize(
    "cell", ["", "abc", "(5)", "1e5", "--5", "1,5", "1.234,5", "NaN", "inf", "1.2.3", "99999999999"]
)
def test_what_is_no_number_is_not_guessed(cell):
    assert numbers(cell) == [None]


def test_decimal_commas():
    assert numbers("2,5", "1.234,50", "-1.234.567,89", "1.5", mark=",") == [
        Decimal("2.5"),
        Decimal("1234.5"),
        Decimal("-1234567.89"),
        None,
    ]


def test_floats_keep_the_digits_that_people_see():
    assert numbers(2.55, 0.1, 38970.0, float("nan"), float("inf")) == [
        Decimal("2.55"),
        Decimal("0.1"),
        Decimal(38970),
        None,
        None,
    ]


def test_whole_numbers():
    assert values.whole(pl.Series(["3", "3.0", "2.5", "x", "-2", "3000000000"])).to_list() == [
        3, 3, None, None, -2, None,
    ]  # fmt: skip
    assert values.whole(pl.Series([3.0, 2.5])).to_list() == [3, None]


def moments(*cells, zone="Europe/Berlin", formats=()):
    return values.moment(pl.Series(cells), zone, formats).to_list()


def test_moments_with_and_without_a_zone_in_one_column():
    assert moments(
        "2026-05-14 11:23:45 +0100", "2026-05-14T11:23:45Z", "2026-05-14T11:23", "2026-05-14"
    ) == [
        datetime(2026, 5, 14, 10, 23, 45, tzinfo=UTC),
        datetime(2026, 5, 14, 11, 23, 45, tzinfo=UTC),
        datetime(2026, 5, 14, 9, 23, tzinfo=UTC),
        datetime(2026, 5, 13, 22, 0, tzinfo=UTC),
    ]


def test_hours_that_clocks_show_never_or_twice():
    assert moments("2026-03-29 02:30:00", "2026-10-25 02:30:00") == [
        datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    ]


def test_other_formats_only_when_they_are_told():
    assert moments("14/05/2026", "5/14/26 8:05 PM", "2026-13-01", "soon", "", None) == [None] * 6
    assert moments("14/05/2026", formats=("%d/%m/%Y",)) == [datetime(2026, 5, 13, 22, tzinfo=UTC)]
    assert moments("14.05.2026 09:30", "14.05.2026", formats=("%d.%m.%Y %H:%M", "%d.%m.%Y")) == [
        datetime(2026, 5, 14, 7, 30, tzinfo=UTC),
        datetime(2026, 5, 13, 22, tzinfo=UTC),
    ]
    assert moments("14/05/2026 10:00 +0300", formats=("%d/%m/%Y %H:%M %z",)) == [
        datetime(2026, 5, 14, 7, tzinfo=UTC)
    ]


def test_typed_times():
    naive = pl.Series([datetime(2026, 7, 1, 12)])  # noqa: DTZ001
    assert values.moment(naive, "Europe/Berlin").to_list() == [datetime(2026, 7, 1, 10, tzinfo=UTC)]
    aware = naive.dt.replace_time_zone("America/New_York")
    assert values.moment(aware, "Europe/Berlin").to_list() == [datetime(2026, 7, 1, 16, tzinfo=UTC)]
    assert values.moment(pl.Series([1, 2]), "UTC").to_list() == [None, None]


def test_zones():
    assert values.zone("Europe/Berlin") == "Europe/Berlin"
    for name in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(InvalidInput, match="no time zone"):
            values.zone(name)


@pytest.mark.parametrize(
    ("cell", "email", "several"),
    [
        ("Ada@Example.COM", "ada@example.com", False),
        (" ada+x@sub.example.co.uk ", "ada+x@sub.example.co.uk", False),
        ("a@x.com, b@x.com", "a@x.com", True),
        ("a@x.com;b@x.com", "a@x.com", True),
        ("bad@, ok@x.com", "ok@x.com", True),
        ("Ada L <ada@x.com>", "ada@x.com", False),
        ("mailto:ada@x.com", "ada@x.com", False),
    ],
)
def test_addresses(cell, email, several):
    assert values.email(pl.Series([cell])).rows() == [(email, False, several)]


@pytest.mark.parametrize(
    "cell",
    ["ada", "ada@", "@x.com", "ada@x", "ada l@x.com", "a@x..com", ".a@x.com", "a..b@x.com",
     "a@x.com\nBcc: b@y.com", '"a b"@x.com', "a@-x.com", "a" * 65 + "@x.com", "ä@x.com"],
)  # fmt: skip
def test_what_is_no_address_reaches_nobody(cell):
    assert values.email(pl.Series([cell])).rows() == [(None, True, False)]


def test_ids_from_spreadsheets():
    assert values.identifier(pl.Series(["'007", "17850.0", "A-1", " ", None])).to_list() == [
        "007", "17850", "A-1", None, None,
    ]  # fmt: skip
    assert values.identifier(pl.Series([17850.0, None, float("nan")])).to_list() == [
        "17850",
        None,
        None,
    ]
    assert values.identifier(pl.Series([17850, None])).to_list() == ["17850", None]


def test_flags():
    assert values.flag(pl.Series(["Yes", "no", "1", "", None, "perhaps"])).to_list() == [
        True, False, True, False, False, None,
    ]  # fmt: skip
