"""Every format comes in as a table; what is broken is told."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl
import pytest

from kernel.sdk import InvalidInput
from plugins.files import reading
from plugins.files.reading import Table, read_table


@pytest.fixture
def read(tmp_path: Path):
    def read(content: str | bytes, name: str = "file.csv", **options: str) -> Table:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, **options)

    return read


def cells(table: Table) -> list[tuple[object, ...]]:
    return table.rows.rows()


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("a,b\n1,é\n".encode(), "utf-8, comma"),
        ("a;b\n1;é\n".encode("utf-8-sig"), "utf-8-sig, semicolon"),
        ("a\tb\n1\té\n".encode("latin-1"), "cp1252, tab"),
        ("a|b\r\n1|é\r\n".encode("cp1252"), "cp1252, bar"),
        ("a,b\n1,é\n".encode("utf-16"), "utf-16, comma"),
    ],
)
def test_encoding_and_delimiter_are_found_out(read, content, how):
    table = read(content)
    assert (table.how, table.columns, cells(table)) == (f"CSV, {how}", ["a", "b"], [(1, "1", "é")])


def test_an_encoding_that_is_told_is_taken(read):
    assert cells(read("a,b\n1,ж\n".encode("koi8-r"), encoding="koi8-r")) == [(1, "1", "ж")]
    with pytest.raises(InvalidInput, match="no encoding `klingon`"):
        read(b"a\n1\n", encoding="klingon")


def test_quotes_line_breaks_and_short_rows(read):
    table = read('a,b\n1,"say ""hi"", ok"\n2\n3,"two\nlines"\n\n,\n4,x\n')
    assert [row[1:] for row in cells(table)] == [
        ("1", 'say "hi", ok'),
        ("2", None),
        ("3", "two\nlines"),
        ("4", "x"),
    ]


def test_a_row_with_too_many_fields_is_set_aside_alone(read):
    table = read("a,b\n1,2\n1,2,3\n4\n,\n5,6\n")
    assert cells(table) == [(1, "1", "2"), (3, "4", None), (5, "5", "6")]
    assert table.broken.rows() == [(2, "too_many_fields", "1,2,3")]


def test_inch_marks_do_not_swallow_rows(read):
    assert cells(read('a,b\n1,5" pipe\n5,6\n')) == [(1, "1", '5" pipe'), (2, "5", "6")]


def test_a_quote_that_is_never_closed_is_an_error_and_not_one_huge_cell(read):
    with pytest.raises(InvalidInput, match="begins in record 2 is never closed"):
        read('a,b\n1,2\n3,"open\n5,6\n7,8\n')


def test_headers_may_repeat_or_be_empty(read):
    assert read("a,a,\n1,2,3\n").columns == ["a", "a_2", "column_3"]


def test_a_huge_field_is_read(read):
    assert len(cells(read("a,b\n1," + "x" * 5_000_000 + "\n"))[0][2]) == 5_000_000


def test_json_lines(read):
    table = read(
        '{"a": 1, "b": 12.10}\n\n{"a": "x", "c": ["p", "q"]}\nnot json\n[1]\n{"row": 7, "d": {"k": 1}}\n',
        "file.jsonl",
    )
    assert cells(table) == [
        (1, "1", "12.10", None, None, None),
        (2, "x", None, "p,q", None, None),
        (5, None, None, None, "7", '{"k":1}'),
    ]
    assert [row[:2] for row in table.broken.rows()] == [
        (3, "unreadable_row"),
        (4, "unreadable_row"),
    ]


def test_parquet_keeps_its_types(read):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1], "b": [2.5]}).write_parquet(buffer)
    assert cells(read(buffer.getvalue(), "file.parquet")) == [(1, 1, 2.5)]
    assert cells(read(buffer.getvalue(), "file.csv")) == [(1, 1, 2.5)], "told by its first bytes"


def test_gzip_with_and_without_the_ending(read):
    packed = gzip.compress(b"a,b\n1,2\n", mtime=0)
    assert cells(read(packed, "file.csv.gz")) == cells(read(packed, "file.csv")) == [(1, "1", "2")]


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "file.csv", "is empty"),
        (b"\n1,2\n", "file.csv", "first line is empty"),
        (b"\x00\x01\x02,b\n", "file.csv", "no text file"),
        (b"PK\x03\x04....", "orders.xlsx", "Excel or zip"),
        (b"PAR1....", "file.parquet", "cannot be read as parquet"),
        (b"hello\n", "file.jsonl", "No line holds a JSON object"),
        (gzip.compress(b"a,b\n" * 1000, mtime=0)[:-9], "file.csv.gz", "cannot be unpacked"),
        (b"no gzip", "file.csv.gz", "cannot be unpacked"),
    ],
)
def test_what_is_no_table_is_told(read, content, name, says):
    with pytest.raises(InvalidInput, match=says) as caught:
        read(content, name)
    assert caught.value.fix


def test_a_truncated_parquet_file(read):
    buffer = io.BytesIO()
    pl.DataFrame({"a": range(1000)}).write_parquet(buffer)
    with pytest.raises(InvalidInput, match="cut off"):
        read(buffer.getvalue()[:-500], "file.parquet")


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InvalidInput, match="does not exist"):
        read_table(tmp_path / "missing.csv")
    with pytest.raises(InvalidInput, match="is a folder"):
        read_table(tmp_path)


def test_a_gzip_bomb_is_stopped(read, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 1_000_000)
    with pytest.raises(InvalidInput, match="Split it"):
        read(gzip.compress(b"a,b\n" + b"0" * 5_000_000, mtime=0), "file.csv.gz")
