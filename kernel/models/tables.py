"""Files of rows and columns as a frame: CSV as shops export it, or Parquet."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.models.cells import typed

IDS = ("customer_id", "order_id", "sku", "basket_id", "item")
"""Columns whose type in a CSV is that of all their cells: numbers, or else text."""
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def read_table(path: str | Path, what: str, fix: str) -> pl.DataFrame:
    """A CSV or Parquet file. Names of columns are small and trimmed; the cells of a CSV are text, only ids that
    are numbers throughout are numbers.

    Args:
        path: of the file. A CSV may be separated by any of `, ; | tab ^`, in UTF-8, UTF-16 or Windows-1252,
            and packed with gzip.
        what: names the file in a message.
        fix: what to do about it.

    Raises:
        InvalidInput: it is not there or not readable.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(65_536)
        if head[:4] == b"PAR1":
            return _small(pl.read_parquet(path))
        return _of_ids(_small(_csv(Path(path), head)))
    except (OSError, EOFError, pl.exceptions.PolarsError) as error:
        said = getattr(error, "strerror", None) or (str(error).splitlines() or ["it is cut off"])[0]
        raise InvalidInput(f"{what} `{path}` cannot be read: {said.rstrip('.')}.", fix) from error


def _csv(path: Path, head: bytes) -> pl.DataFrame:
    source: Path | bytes = path
    if head[:2] == b"\x1f\x8b":
        source = gzip.decompress(path.read_bytes())
        head = source[:65_536]
    if head[:2] in _WIDE:
        source = path.read_bytes().decode("utf-16", "replace").encode()
        head = source[:65_536]
    if b"\r" in head and b"\n" not in head:
        source = (source if isinstance(source, bytes) else path.read_bytes()).replace(b"\r", b"\n")
        head = source[:65_536]
    try:
        return _parsed(source, head)
    except pl.exceptions.ComputeError as error:
        if "utf" not in str(error).lower():
            raise
        data = source if isinstance(source, bytes) else path.read_bytes()
        return _parsed(data.decode("cp1252", "replace").encode(), head)


def _parsed(source: Path | bytes, head: bytes) -> pl.DataFrame:
    first = head.decode("utf-8-sig", "replace").lstrip().split("\n", 1)[0]
    marks = {mark: first.count(mark) for mark in ",;\t|^"}
    separator = max(marks, key=marks.__getitem__)
    return pl.read_csv(source, separator=separator, infer_schema=False, truncate_ragged_lines=True)


def _small(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rename({name: name.strip("\ufeff \"'").lower() for name in frame.columns})


def _of_ids(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(typed(frame[name]) for name in IDS if name in frame.columns)
