"""A file as a table: its format, encoding and delimiter found out, its broken rows set aside.

Text formats come as text, so that nothing is guessed twice; Parquet keeps its types.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec
import polars as pl

from kernel.sdk import InvalidInput

MAX_BYTES = 4 * 2**30
"""The largest file read in, unpacked. Half a gigabyte of CSV holds about five million lines."""
MAX_COLUMNS = 500
_BLOCK = 2**20
_KINDS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
          ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}  # fmt: skip

BROKEN = {"row": pl.Int64, "reason": pl.String, "text": pl.String}


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a file holds: `rows` with the column `row` (1 for the first record), and what could not
    be read: `broken` with row, reason and text.
    """

    rows: pl.DataFrame
    sha256: str
    how: str
    """In words: format, encoding, delimiter."""
    broken: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BROKEN))

    @property
    def columns(self) -> list[str]:
        """The file's own columns."""
        return [name for name in self.rows.columns if name != "row"]


def read_table(path: Path, encoding: str = "") -> Table:
    """The table in `path`: CSV, Parquet or JSON Lines, each also packed with gzip.

    Args:
        path: its name tells the format; a file without a known ending is read as CSV.
        encoding: of text; empty to find out: a byte order mark decides, then UTF-8 if all of the file
            is valid UTF-8, and otherwise Windows-1252, of which Latin-1 text is a part.

    Raises:
        InvalidInput: it is no file, empty, of another format, damaged or too large.
    """
    kind, packed = _kind(path)
    with _unpacked(path, packed) as plain:
        digest = _sha256(path)
        if plain.stat().st_size == 0:
            raise InvalidInput(f"{path.name} is empty.", "Export it again.")
        try:
            if kind == "parquet":
                table = _parquet(plain, digest)
            elif kind == "jsonl":
                table = _jsonl(plain, digest, encoding)
            else:
                table = _csv(plain, digest, encoding)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InvalidInput(
                f"{path.name} cannot be read as {kind}: {str(error).splitlines()[0]}.",
                "It may be cut off or of another format; export or copy it again.",
            ) from error
    if not table.columns or len(table.columns) > MAX_COLUMNS:
        raise InvalidInput(f"{path.name} has {len(table.columns)} columns.", "Check the export.")
    return table


def _kind(path: Path) -> tuple[str, bool]:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InvalidInput(f"{path} {what}.", "Give the path of a CSV, Parquet or JSON Lines file.")
    packed = path.suffix.lower() == ".gz"
    suffix = Path(path.stem).suffix if packed else path.suffix
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PAR1":
        return "parquet", False
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise InvalidInput(
            f"{path.name} is an Excel or zip file.", "Save it as CSV, or unpack it first."
        )
    return _KINDS.get(suffix.lower(), "csv"), packed or start[:2] == b"\x1f\x8b"


@contextmanager
def _unpacked(path: Path, packed: bool) -> Iterator[Path]:
    """The path of the plain bytes; a packed file is unpacked into a temporary one, up to a limit."""
    if not packed:
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(path)
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="mailwright-") as folder:
        plain = Path(folder) / "plain"
        try:
            with gzip.open(path, "rb") as source, plain.open("wb") as target:
                while block := source.read(_BLOCK):
                    target.write(block)
                    if target.tell() > MAX_BYTES:
                        raise _too_large(path)
        except (OSError, EOFError) as error:
            raise InvalidInput(
                f"{path.name} cannot be unpacked: {error}.", "Copy or export it again."
            ) from error
        yield plain


def _too_large(path: Path) -> InvalidInput:
    return InvalidInput(
        f"{path.name} holds more than {MAX_BYTES >> 30} GB.",
        "Split it, whole orders in each part, and import the parts one after another.",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    if "row" in frame.columns:
        frame = frame.rename({"row": "row_"})
    frame = frame.with_row_index("row", offset=1).cast({"row": pl.Int64})
    return frame.filter(~pl.all_horizontal(pl.exclude("row").is_null()))


def _parquet(path: Path, digest: str) -> Table:
    return Table(rows=_numbered(pl.read_parquet(path)), sha256=digest, how="Parquet")


# --- text ----------------------------------------------------------------------------------------


def find_encoding(file: BinaryIO) -> str:
    """The name of the encoding by the rule that `read_table` tells."""
    start = file.read(4)
    for mark, name in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if start.startswith(mark):
            return name
    file.seek(0)
    try:
        for _ in io.TextIOWrapper(file, encoding="utf-8", newline="\n"):
            pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def find_delimiter(header: str) -> str:
    """The one of comma, semicolon, tab and bar that divides the header into the most columns."""
    counts = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in ",;\t|"}
    return max(counts, key=lambda mark: counts[mark])


@contextmanager
def _as_utf8(path: Path, encoding: str) -> Iterator[tuple[Path, str]]:
    """The path of the same text in UTF-8, and its encoding."""
    if not encoding:
        with path.open("rb") as file:
            encoding = find_encoding(file)
    if encoding in ("utf-8", "utf-8-sig"):
        yield path, encoding
        return
    with tempfile.TemporaryDirectory(prefix="mailwright-") as folder:
        target = Path(folder) / "utf8"
        try:
            # Windows-1252 leaves five bytes without a meaning: they become the replacement mark.
            with path.open(encoding=encoding, errors="replace", newline="") as source:
                with target.open("w", encoding="utf-8", newline="") as file:
                    while block := source.read(_BLOCK):
                        file.write(block)
        except LookupError as error:
            raise InvalidInput(
                f"There is no encoding `{encoding}`.", "Try utf-8 or cp1252."
            ) from error
        yield target, encoding


def _csv(path: Path, digest: str, encoding: str) -> Table:
    with _as_utf8(path, encoding) as (plain, encoding):
        with plain.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            first = file.readline(_BLOCK)
            if "\x00" in first:
                raise InvalidInput(
                    "This is no text file.", "Give a CSV, Parquet or JSON Lines file."
                )
            delimiter = find_delimiter(first.rstrip("\r\n"))
            file.seek(0)
            try:
                header = _unique(next(csv.reader(file, delimiter=delimiter), []))
            except csv.Error as error:
                raise InvalidInput(
                    f"The header cannot be read: {error}.", "Check the file."
                ) from error
        names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
        how = f"CSV, {encoding}, {names[delimiter]}"
        if not header:
            raise InvalidInput("The first line is empty.", "The first line must name the columns.")
        # A row with too many fields stops the fast reader, and where quotes do not come in pairs it
        # may take many rows for one. The slow reader, thirty times as slow, copes with both.
        if _quotes(plain) % 2 == 0:
            with suppress(pl.exceptions.PolarsError):
                frame = pl.read_csv(
                    plain,
                    new_columns=header,
                    separator=delimiter,
                    infer_schema=False,
                    raise_if_empty=False,
                )
                return Table(rows=_numbered(frame), sha256=digest, how=how)
        rows, broken = _csv_row_by_row(plain, header, delimiter)
        return Table(rows=rows, sha256=digest, how=how, broken=broken)


def _quotes(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK), b""))


def _unique(header: list[str]) -> list[str]:
    """The names, trimmed; an empty one gets a name, a repeated one a number, as polars would."""
    names: list[str] = []
    for place, raw in enumerate(header, 1):
        name = raw.strip().strip("\ufeff") or f"column_{place}"
        names.append(name if name not in names else f"{name}_{place}")
    return names


def _csv_row_by_row(
    path: Path, header: list[str], delimiter: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    csv.field_size_limit(2**24)
    parts: list[pl.DataFrame] = []
    good: list[list[str | int | None]] = []
    broken: list[tuple[int, str, str]] = []
    schema = {"row": pl.Int64} | dict.fromkeys(header, pl.String)

    def flush() -> None:
        parts.append(pl.DataFrame(good, schema=schema, orient="row"))
        good.clear()

    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        next(reader)
        number, lines, fields = 0, reader.line_num, [""]
        while True:
            before = lines
            lines = reader.line_num
            try:
                fields = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                number += 1
                broken.append((number, "unreadable_row", str(error)))
                continue
            number += 1
            if len(fields) > len(header):
                broken.append((number, "too_many_fields", delimiter.join(fields)[:2000]))
            elif any(fields):
                missing = [None] * (len(header) - len(fields))
                good.append([number, *(value or None for value in fields), *missing])
            if len(good) == 50_000:
                flush()
        if lines - before > 1 and _quotes(path) % 2:
            raise InvalidInput(
                f"A quote that begins in record {number} is never closed.",
                "Close it, or double it if it is part of the text, and import again.",
            )
    flush()
    return pl.concat(parts), pl.DataFrame(broken, schema=BROKEN, orient="row")


# float_hook: money in JSON keeps the digits it was written with.
_decode = msgspec.json.Decoder(float_hook=str).decode


def _jsonl(path: Path, digest: str, encoding: str) -> Table:
    parts: list[pl.DataFrame] = []
    rows: list[dict[str, str | int | None]] = []
    broken: list[tuple[int, str, str]] = []
    columns: dict[str, None] = {}

    def flush() -> None:
        schema = {"row": pl.Int64} | dict.fromkeys(columns, pl.String)
        parts.append(pl.DataFrame(rows, schema=schema))
        rows.clear()

    with _as_utf8(path, encoding) as (plain, encoding), plain.open("rb") as file:
        number = 0
        for line in file:
            line = line.strip().removeprefix(b"\xef\xbb\xbf")
            if not line:
                continue
            number += 1
            try:
                record = _decode(line)
                if not isinstance(record, dict):
                    raise msgspec.DecodeError("this is no object")
            except msgspec.DecodeError as error:
                text = line[:2000].decode(errors="replace")
                broken.append((number, "unreadable_row", f"{error}: {text}"))
                continue
            record = {f"{n}_" if n == "row" else n: _text(v) for n, v in record.items()}
            columns.update(dict.fromkeys(record))
            rows.append({"row": number} | record)
            if len(rows) == 50_000:
                flush()
    flush()
    if number == len(broken):
        raise InvalidInput(
            "No line holds a JSON object.", "JSON Lines means one whole object on each line."
        )
    frame = pl.concat(parts, how="diagonal")
    return Table(
        rows=frame,
        sha256=digest,
        how=f"JSON Lines, {encoding}",
        broken=pl.DataFrame(broken, schema=BROKEN, orient="row"),
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ",".join(value)
    return str(value) if isinstance(value, int) else msgspec.json.encode(value).decode()
