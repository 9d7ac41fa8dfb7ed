"""Cells of files as ids, moments and numbers; what cannot be read becomes null."""

from __future__ import annotations

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.profiles.frames import CONTROL, MOMENT

_NOTHING = ["", "nan", "null", "none", "n/a", "na", "nat", "<na>", "inf", "-inf", "#n/a"]
_OFFSET = r"[ ]?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$"
_TIMES = ("%H:%M:%S%.f", "%H:%M", "")


def texts(cells: pl.Series) -> pl.Series:
    """The cells as text, trimmed; 12.0 in a column of numbers is 12; null for what says nothing."""
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
        whole = cells.drop_nulls()
        if (whole == whole.round()).all() and whole.is_finite().all():
            cells = cells.cast(pl.Int64)
    if cells.dtype == pl.Binary:
        cells = cells.cast(pl.String, strict=False)
    text = cells.cast(pl.String).str.replace_all(CONTROL, " ").str.strip_chars()
    text = text.set(text.str.to_lowercase().is_in(_NOTHING), None)
    if cells.dtype == pl.String and text.drop_nulls().str.contains(r"^-?\d+(\.0+)?$").all():
        return text.str.replace(r"\.0+$", "")  # pandas writes numbers so, where one is missing
    return text


def ids(names: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Ids as they were written: numbers where the file had numbers, text where it had text."""
    if dtype == pl.String:
        number = names.cast(pl.Int64, strict=False)
        return number if number.cast(pl.String).eq_missing(names).all() else names
    return names.cast(dtype, strict=False) if dtype.is_numeric() else names


def numbers(cells: pl.Series) -> pl.Series:
    """The cells as finite numbers. `1,234.50`, `12,50` and `£ 12` are understood."""
    if not cells.dtype.is_numeric():
        text = cells.cast(pl.String).str.replace_all(r"[^0-9eE+.,\-]", "")
        thousands = text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
        text = text.str.replace_all(",", "").zip_with(thousands.fill_null(False), text)
        cells = text.str.replace(r",(\d{1,2})$", ".$1")
    value = cells.cast(pl.Float64, strict=False)
    return value.set(~value.is_finite(), None)


def moments(cells: pl.Series) -> pl.Series:
    """The cells as moments in UTC: dates, date-times with or without an offset (none: UTC).

    Raises:
        InvalidInput: days and months cannot be told apart (03/04/2024 and nothing else).
    """
    kind = cells.dtype
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            return cells.dt.replace_time_zone("UTC").cast(MOMENT)
        return cells.dt.convert_time_zone("UTC").cast(MOMENT)
    if kind == pl.Date:
        return cells.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if kind.is_numeric():
        seconds = cells.cast(pl.Float64)
        seconds = (seconds / 1000).zip_with((seconds > 1e11).fill_null(False), seconds)
        seconds = seconds.set(~seconds.is_between(0, 2e10), None)
        return (seconds * 1_000_000).cast(pl.Int64).cast(MOMENT)
    text = cells.cast(pl.String).str.strip_chars().str.replace(r"^(\d{4})[/.](\d\d?)[/.]", "$1-$2-")
    text = text.str.replace(r"^(\S+)T", "$1 ")
    zoned = text.str.contains(rf"\d:\d\d.*{_OFFSET}")
    plain = text.set(zoned, None)
    offset = text.set(~zoned, None).str.replace(r"[ ]?(?:Z|UTC|GMT)$", "+0000")
    offset = offset.str.replace(r"[ ]?([+-]\d\d):?(\d\d)$", "$1$2")
    found = [
        offset.str.to_datetime(f"%Y-%m-%d {time}%z", time_unit="us", strict=False)
        for time in _TIMES[:2]
    ]
    for day in ("%Y-%m-%d", "%Y%m%d", *_slashed(plain)):
        for time in _TIMES:
            form = f"{day} {time}".strip()
            if not time:
                moment = plain.str.to_date(form, strict=False).cast(pl.Datetime("us"))
            else:
                moment = plain.str.to_datetime(form, time_unit="us", strict=False)
            found.append(moment.dt.replace_time_zone("UTC"))
    return pl.select(pl.coalesce(found)).to_series().cast(MOMENT)


def _slashed(text: pl.Series) -> list[str]:
    """The form of dates like 13/4/2024 or 4/13/2024, or none."""
    parts = text.str.extract_groups(r"^(\d\d?)([/.-])(\d\d?)[/.-]\d{4}\b").struct
    left, mark, right = (parts.field(n) for n in ("1", "2", "3"))
    if not left.count():
        return []
    first, second = left.cast(pl.Int32).max(), right.cast(pl.Int32).max()
    assert isinstance(first, int) and isinstance(second, int)
    marks = mark.drop_nulls().unique().sort().to_list()
    if (first > 12) == (second > 12) and not set(marks) <= {"."}:
        raise InvalidInput(
            f"In dates like {text.drop_nulls()[0]} days and months cannot be told apart.",
            "Write them as 2024-03-31.",
        )
    day_first = first > 12 or set(marks) <= {"."}
    return [f"%d{m}%m{m}%Y" if day_first else f"%m{m}%d{m}%Y" for m in marks]
