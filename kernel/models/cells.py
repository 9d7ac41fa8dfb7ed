"""Cells of files as ids, moments and numbers; what cannot be read becomes null."""

from __future__ import annotations

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.profiles.frames import CONTROL, MOMENT

_NOTHING = ["", "nan", "null", "none", "n/a", "na", "nat", "<na>", "inf", "-inf", "#n/a"]
_OFFSET = r"[ ]?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})$"
_TIMES = ("%H:%M:%S%.f", "%H:%M", "", "%I:%M:%S %p", "%I:%M %p")
_WEEKDAY = r"^(?i)(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +"
_NAMED = (
    (r"^(\d\d?)[- ]([A-Za-z]{3})[a-z]*\.?[-, ]+(\d{4})", "$3-$2-$1"),  # 31-Mar-2024
    (r"^([A-Za-z]{3})[a-z]*\.? (\d\d?),? (\d{4}),?", "$3-$1-$2"),  # March 31, 2024
)
_GROUPED = r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"
_POINTED = r"^[+-]?[1-9]\d{0,2}((\.\d{3})+,\d+|(\.\d{3}){2,})$"
_DOTS = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?$"
_SIGN = r"([A-Z]{3}|\p{Sc})"


def texts(cells: pl.Series) -> pl.Series:
    """The cells as text, trimmed; 12.0 in a column of numbers is 12; null for what says nothing.

    Raises:
        InvalidInput: the column holds lists or bytes.
    """
    if cells.dtype.is_float():
        cells = cells.fill_nan(None)
        whole = cells.drop_nulls()
        if (whole == whole.round()).all() and (whole.abs() < 2**63).all():
            cells = cells.cast(pl.Int64)
    try:
        text = cells.cast(pl.String)
    except pl.exceptions.PolarsError:
        raise InvalidInput(
            f"The column {cells.name} holds {cells.dtype}, which cannot be read as text.",
            "Write text or numbers.",
        ) from None
    text = text.str.replace_all(CONTROL, " ").str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(_NOTHING), None)


def typed(cells: pl.Series) -> pl.Series:
    """Ids from text alone: numbers if every one is written like a number is, without zeros in front."""
    text = texts(cells)
    if text.drop_nulls().str.contains(r"^-?\d+(\.0+)?$").all():
        text = text.str.replace(r"\.0+$", "")  # pandas writes numbers so, where one is missing
    number = text.cast(pl.Int64, strict=False)
    return number if number.cast(pl.String).eq_missing(text).all() else text


def ids(names: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Ids, given as text, in the type that the file has them in."""
    if dtype == pl.Boolean:
        return names == "true"
    if dtype == pl.Date:
        return names.str.to_date(strict=False)
    if dtype.is_numeric() or dtype in (pl.Categorical, pl.Enum, pl.Binary):
        return names.cast(dtype, strict=False)
    return names


def numbers(cells: pl.Series) -> pl.Series:
    """The cells as finite numbers. `1,234.50`, `1.234,50`, `12,50`, `£ 12`, `12 EUR` and `(12)`, which is
    -12, are understood.
    """
    if cells.dtype.is_numeric():
        value = cells.cast(pl.Float64, strict=False)
    else:
        text = cells.cast(pl.String, strict=False)
        value = text.cast(pl.Float64, strict=False)
        odd = text.set(value.is_not_null(), None)
        if odd.count():
            # Where fractions follow a comma, the point of 1.234 is none.
            comma = odd.str.contains(r"\d,\d{1,2}\D*$").any()
            comma = comma and not text.str.contains(r"\d\.\d{1,2}\D*$").any()
            value = _written(text, _DOTS) if comma else value.fill_null(_written(odd, _POINTED))
    return value.set(~value.is_finite(), None)


def _written(cells: pl.Series, dotted: str) -> pl.Series:
    """Numbers as people write them; those like `dotted` have points between their thousands."""
    less = cells.str.contains(r"^[^\d]*\(.*\d.*\)|\d\s*[-−]\s*$").fill_null(False)
    text = cells.str.replace_all("−", "-")
    text = text.str.replace_all(r"[A-Za-z]{2,}\.?|[^0-9eE+.,\-]|[-−+]\s*$", "")
    for mark, form in ((",", _GROUPED), (".", dotted)):
        plain = text.str.replace_all(mark, "", literal=True)
        text = plain.zip_with(text.str.contains(form).fill_null(False), text)
    value = text.str.replace(r",(\d+)$", ".$1").cast(pl.Float64, strict=False)
    return (-value.abs()).zip_with(less, value)


def currencies(cells: pl.Series) -> pl.Series:
    """The currency written beside each amount (`€ 5`, `5 USD`), null where there is none."""
    if cells.dtype != pl.String:
        return pl.Series([None], dtype=pl.String).new_from_index(0, cells.len())
    return cells.str.to_uppercase().str.extract(_SIGN)


def moments(cells: pl.Series) -> pl.Series:
    """The cells as moments in UTC: dates, date-times with or without an offset (none: UTC), seconds or
    milliseconds since 1970.

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
        return _since_1970(cells)
    text = cells.cast(pl.String, strict=False).str.strip_chars()
    text = text.str.replace(r"^(\d{4})[/.](\d\d?)[/.]", "$1-$2-").str.replace(r"^(\S+)T", "$1 ")
    zoned = text.str.contains(rf"\d:\d\d.*{_OFFSET}").fill_null(False)
    found = _zoned(text.set(~zoned, None)) if zoned.any() else _plain(text, ["%Y-%m-%d"])
    left = text.set(found.is_not_null(), None)
    if not left.count():
        return found
    numeric = left.str.extract(r"^(\d{9,13}(?:\.\d*)?)$").cast(pl.Float64)
    return found.fill_null(_rarer(left)).fill_null(_since_1970(numeric))


def _rarer(text: pl.Series) -> pl.Series:
    text = text.str.replace(_WEEKDAY, "")
    for form, day in _NAMED:
        text = text.str.replace(form, day)
    zoned = text.str.contains(rf"\d:\d\d.*{_OFFSET}").fill_null(False)
    plain = text.set(zoned, None)
    days = ["%Y-%m-%d", "%Y%m%d", "%Y-%b-%d", *_slashed(plain)]
    return _plain(plain, days).fill_null(_zoned(text.set(~zoned, None)))


def _plain(text: pl.Series, days: list[str]) -> pl.Series:
    """Without an offset: they are UTC."""
    found = pl.Series([None], dtype=MOMENT).new_from_index(0, text.len())
    for day in days:
        for time in _TIMES:
            if not (left := text.set(found.is_not_null(), None)).count():
                return found
            if time:
                moment = left.str.to_datetime(f"{day} {time}", time_unit="us", strict=False)
            else:
                moment = left.str.to_date(day, strict=False).cast(pl.Datetime("us"))
            found = found.fill_null(moment.dt.replace_time_zone("UTC").cast(MOMENT))
    return found


def _zoned(text: pl.Series) -> pl.Series:
    """With an offset."""
    text = text.str.replace(r"[ ]?(?:Z|UTC|GMT)$", "+0000")
    text = text.str.replace(r"[ ]?([+-]\d\d):?(\d\d)$", "$1$2")
    found = [
        text.str.to_datetime(f"{day} {time}%z", time_unit="us", strict=False)
        for day in ("%Y-%m-%d", "%Y-%b-%d")
        for time in _TIMES[:2]
    ]
    return pl.select(pl.coalesce(found)).to_series().cast(MOMENT)


def _since_1970(cells: pl.Series) -> pl.Series:
    seconds = cells.cast(pl.Float64)
    seconds = (seconds / 1000).zip_with((seconds > 1e11).fill_null(False), seconds)
    seconds = seconds.set(~seconds.is_between(0, 2e10), None)
    return (seconds * 1_000_000).cast(pl.Int64).cast(MOMENT)


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
