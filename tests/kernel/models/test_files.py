"""Reading orders from files as shops have them."""

from __future__ import annotations

import gzip
import math
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from kernel.contracts.errors import InvalidInput
from kernel.contracts.models import History
from kernel.models.cells import currencies, moments, numbers
from kernel.models.features import features
from kernel.models.files import clean, read_baskets, read_orders
from kernel.models.history import named

AS_OF = datetime(2026, 6, 15, tzinfo=UTC)


def read(tmp_path: Path, text: str) -> History:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(line.strip() for line in text.strip().splitlines()), "utf-8")
    return read_orders(path, AS_OF)


def test_orders_with_dirt(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        customer_id,order_id,ordered_at,amount,currency
        007,1,2026-01-01,10.50,EUR
        007,1,2026-01-01,10.50,EUR
        007,2,2026-01-02T23:30:00-05:00,-3,EUR
        8,3,2026-02-01 10:00,NaN,EUR
        8,4,2026-02-01,inf,EUR
        8,5,1700-01-01,5,EUR
        8,6,9999-12-31,5,EUR
        8,7,soon,5,EUR
        8,8,2026-03-01,0,EUR
        8,9,2026-03-01,9,USD
        ,10,2026-03-01,5,EUR
        nan,11,2026-03-01,5,EUR
        9,12,2026-03-01,1e15,EUR
        """,
    )
    assert found.noticed == {
        "bad_time": 2,  # of these the one of the year 1700
        "repeated": 1,
        "no_customer": 2,
        "bad_amount": 3,
        "later": 1,
        "foreign_currency": 1,
        "returns": 1,
    }
    frame = named(found, features(found, AS_OF)).sort("customer_id")
    assert frame["customer_id"].to_list() == ["007", "8"]  # ids with zeros in front stay text
    assert frame["total_spent"].to_list() == [7.5, 0.0]
    assert frame["orders_count"].to_list() == [1, 2]
    assert found.orders.filter("is_return")["ordered_at"].to_list() == [
        datetime(2026, 1, 3, 4, 30, tzinfo=UTC)
    ]


def test_lines_returns_and_what_is_no_product(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        customer_id;order_id;ordered_at;sku;quantity;unit_price
        1;5;12/1/2010 8:26;85123A;2;1,50
        1;5;12/1/2010 8:26;POST;1;18
        1;5;12/1/2010 8:26;22423;1;0
        1;C6;12/31/2010 9:00;85123A;1;1,50
        2;7;12/31/2010 9:00;gift_0001_20;1;20
        9;8;12/31/2010 9:00;M;1;1,50
        ;8;12/31/2010 9:00;85123A;1;1,50
        """,
    )
    bought, returned = found.orders.sort("amount", descending=True).to_dicts()
    assert (bought["amount"], bought["units"], bought["lines"]) == (3.0, 2, 1)
    assert bought["ordered_at"] == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert returned["is_return"] and returned["amount"] == -1.5  # an invoice that begins with C
    assert found.lines["customer_id"].null_count() == 1  # an unknown buyer's basket is still one
    products = dict(found.products.select("sku", "is_product").rows())
    assert products == {"85123A": True, "M": False, "POST": False, "gift_0001_20": False}
    assert found.ids is not None and found.ids.to_list() == [1, 2, 9]


def test_an_amount_on_each_line_is_its_own_or_the_orders(tmp_path: Path) -> None:
    head = "customer_id,order_id,ordered_at,sku,quantity,unit_price,amount\n"
    rows = [("1,1,2026-01-01,A,1,10,{}", 10), ("1,1,2026-01-01,B,1,20,{}", 20)]
    own = read(tmp_path, head + "\n".join(r.format(a) for r, a in rows))
    whole = read(tmp_path, head + "\n".join(r.format(30) for r, _ in rows))
    assert own.orders["amount"].to_list() == whole.orders["amount"].to_list() == [30.0]


def test_parquet_keeps_the_type_of_ids_and_needs_no_order_id(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "Customer_ID ": pl.Series([17850.0, None, 13047.0]),
            "ordered_at": ["2026-01-01", "2026-01-02", "2026-01-03"],
            "amount": [1.0, 2.0, math.nan],
        }
    )
    frame.with_columns(pl.col("ordered_at").str.to_date()).write_parquet(
        tmp_path / "orders.parquet"
    )
    found = read_orders(tmp_path / "orders.parquet", AS_OF)
    table = named(found, features(found, AS_OF))
    assert table["customer_id"].to_list() == [17850.0] and table["customer_id"].dtype == pl.Float64


def test_invoices_that_all_begin_with_c_are_orders() -> None:
    rows = pl.DataFrame({"customer_id": ["a", "b"], "order_id": ["C1", "C2"]})
    found = clean(rows.with_columns(ordered_at=pl.lit("2026-01-01"), amount=5), AS_OF)
    assert found.orders["amount"].to_list() == [5.0, 5.0]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        read_orders(tmp_path / "none.csv", AS_OF)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_orders(tmp_path / "bad.parquet", AS_OF)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_orders(tmp_path / "empty.csv", AS_OF)
    with pytest.raises(
        InvalidInput,
        match="columns ordered_at, amount or unit_price are missing; the file has customer_id, order_id",
    ):
        read(tmp_path, "customer_id,order_id\n1,2")
    with pytest.raises(InvalidInput, match="days and months cannot be told apart"):
        read(tmp_path, "customer_id,ordered_at,amount\n1,03/04/2024,1")
    nothing = read(tmp_path, "customer_id,order_id,ordered_at,amount")
    assert features(nothing, AS_OF).height == 0


def test_moments_and_numbers() -> None:
    texts = [
        "2026-01-02",
        "2026/1/2 03:04",
        "2026-01-02T03:04:05.5Z",
        "2026-01-02 03:04:05+0200",
        "20260102",
    ]
    hours = [(0, 0, 0), (3, 4, 0), (3, 4, 5), (1, 4, 5), (0, 0, 0)]
    found = moments(pl.Series(texts)).to_list()
    assert [(at.hour, at.minute, at.second) for at in found] == hours
    assert {at.date().isoformat() for at in found} == {"2026-01-02"}
    assert moments(pl.Series(["31.12.2025", "01.02.2026"]))[1] == datetime(2026, 2, 1, tzinfo=UTC)
    assert moments(pl.Series([1767312245, 1767312245000]))[1] == moments(pl.Series([1767312245]))[0]
    assert moments(pl.Series([None, "x"], dtype=pl.String)).null_count() == 2
    assert numbers(pl.Series(["1,234.50", "12,5", "£ 3", "-1e3", "x", "inf"])).to_list() == [
        1234.5, 12.5, 3.0, -1000.0, None, None,
    ]  # fmt: skip
    written = ["12 EUR", "(12.50)", "Rs. 500", "CHF 1'234.50", "0,125", "7-", "-$5", "1.234"]
    assert numbers(pl.Series(written)).to_list() == [
        12.0, -12.5, 500.0, 1234.5, 0.125, -7.0, -5.0, 1.234,
    ]  # fmt: skip
    commas = numbers(pl.Series(["1.234,50", "12,50 €", "1.234", "3"]))
    assert commas.to_list() == [1234.5, 12.5, 1234.0, 3.0]
    assert currencies(pl.Series(["12 EUR", "€ 5", "12"])).to_list() == ["EUR", "€", None]
    odd = ["1767323045", "02-Jan-2026", "January 2, 2026 3:04 AM", "Fri, 2 Jan 2026 03:04:05 +0000"]
    assert {at.date().isoformat() for at in moments(pl.Series(odd))} == {"2026-01-02"}
    assert moments(pl.Series(["1/31/2026 5:06 PM"]))[0].hour == 17


def test_baskets(tmp_path: Path) -> None:
    (tmp_path / "baskets.csv").write_text("basket_id,item\nb,85123A\na,22423\nb,85123A\nc,\n,x\n")
    frame, names = read_baskets(tmp_path / "baskets.csv")
    assert frame.rows() == [(0, "85123A"), (1, "22423"), (2, None)]
    assert names.to_list() == ["b", "a", "c"]
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput, match="columns basket_id, item are missing"):
        read_baskets(tmp_path / "x.csv")


SAID = "customer_id,order_id,ordered_at,amount\nMüller,1,2026-01-01,5\nMöller,2,2026-01-01,6\n"


@pytest.mark.parametrize(
    "data",
    [
        SAID.encode("utf-8-sig").replace(b"\n", b"\r\n"),
        SAID.encode("utf-16"),
        SAID.encode("cp1252"),
        SAID.replace("\n", "\r").encode(),
        SAID.replace(",", "^").encode(),
        gzip.compress(SAID.replace(",", ";").encode(), mtime=0),
    ],
)
def test_a_csv_as_programs_write_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "orders.csv").write_bytes(data)
    found = read_orders(tmp_path / "orders.csv", AS_OF)
    assert found.ids is not None and sorted(found.ids) == ["Möller", "Müller"]


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (["7", "8"], pl.String),
        (["007", "8"], pl.String),
        ([7, 8], pl.Int32),
        ([2**63, 2**64 - 1], pl.UInt64),
        ([1e19, 2.5], pl.Float64),
        (["a", "b"], pl.Categorical),
        ([True, False], pl.Boolean),
        ([date(2026, 1, 1), date(2026, 1, 2)], pl.Date),
        ([b"x", b"y"], pl.Binary),
    ],
)
def test_ids_come_out_as_they_went_in(ids: list[object], kind: type[pl.DataType]) -> None:
    raw = pl.DataFrame({"customer_id": pl.Series(ids, dtype=kind)})
    found = clean(raw.with_columns(ordered_at=pl.lit("2026-01-01"), amount=5), AS_OF)
    assert found.ids is not None and found.ids.to_list() == ids and found.ids.dtype == kind


def test_a_column_that_holds_nothing_is_refused(tmp_path: Path) -> None:
    head = "customer_id,ordered_at,amount\n"
    with pytest.raises(InvalidInput, match="ordered_at is a date: the first is '31/12/25'"):
        read(tmp_path, head + "1,31/12/25,5")
    with pytest.raises(InvalidInput, match="amount is a number: it is empty"):
        read(tmp_path, head + "1,2026-01-01,")
    lists = pl.DataFrame({"customer_id": [[1]], "ordered_at": ["2026-01-01"], "amount": [5]})
    with pytest.raises(InvalidInput, match="column customer_id holds List"):
        clean(lists, AS_OF)


def test_currencies_beside_the_amounts_and_parts_of_a_piece(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        customer_id,order_id,ordered_at,sku,quantity,unit_price
        1,1,2026-01-01,X,0.4,€ 10
        1,2,2026-01-02,X,1,€ 10
        2,3,2026-01-03,X,1,$ 10
        """,
    )
    assert found.noticed == {"foreign_currency": 1}
    assert found.orders["amount"].to_list() == [4.0, 10.0, None]
    assert found.lines["quantity"].to_list() == [1, 1, 1]
