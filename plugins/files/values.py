"""Cells into values: numbers, times, addresses. What cannot be read becomes null, never a guess.

Every function takes a whole column. Texts are parsed once for each different value: a column of a
million dates holds a few thousand of them.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import polars as pl

from kernel.sdk import InvalidInput

MOMENT = pl.Datetime("us", "UTC")
_YES = ["true", "yes", "y", "1", "t"]
_NO = ["false", "no", "n", "0", "f"]
# What mail systems accept in practice: one @, no spaces, quotes or brackets, a dotted domain.
_EMAIL = (
    r"[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_ADDRESSES = r"^[^\s,;]*@[^\s,;]*(?:[\s,;]+[^\s,;]*@[^\s,;]*)*$"
_ISO = (
    r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?([.,]\d{1,9})?)?"
    r"\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)


def by_value(column: pl.Series, parse: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """`parse` of the column's different values, put back in their places."""
    values = column.unique()
    if values.len() * 2 > column.len():
        return parse(column)
    parsed = pl.DataFrame({"value": values, "parsed": parse(values)})
    return column.to_frame("value").join(
        parsed, on="value", how="left", maintain_order="left", nulls_equal=True
    )["parsed"]


def nothing(length: int, dtype: type[pl.DataType] = pl.String) -> pl.Series:
    """A column of nulls."""
    return pl.Series(dtype=dtype).extend_constant(None, length)


def text(column: pl.Series) -> pl.Series:
    """Trimmed text, null where there is none; whole numbers kept as floats lose their `.0`."""
    if column.dtype.is_float():
        whole = column == column.round(0)
        return (
            pl.select(
                pl.when(whole)
                .then(column.cast(pl.Int64, strict=False).cast(pl.String))
                .otherwise(column.cast(pl.String))
            )
            .to_series()
            .set(column.is_nan().fill_null(False), None)
        )
    if column.dtype == pl.List(pl.String):
        column = column.list.join(",")
    trimmed = column.cast(pl.String).str.strip_chars()
    return trimmed.replace("", None) if (trimmed == "").any() else trimmed


def identifier(column: pl.Series) -> pl.Series:
    """An id as text: without the apostrophe that spreadsheets put before it, and without the `.0`
    that a whole number gets there.
    """
    if column.dtype.is_integer():
        return column.cast(pl.String)
    ids = text(column)
    if (ids.str.starts_with("'") | ids.str.ends_with(".0")).any():
        ids = ids.str.replace(r"^'+", "").str.replace(r"^(\d+)\.0$", "$1")
    return ids


def number(column: pl.Series, dtype: pl.DataType, mark: str = ".") -> pl.Series:
    """Exact numbers.

    Args:
        column: numbers, or text with currency signs, blanks and thousands separators or without.
        dtype: a Decimal; more places are rounded.
        mark: what stands before the decimal places in text: a point or a comma.
    """
    if column.dtype != pl.String:
        if column.dtype.is_float():
            column = column.set((column.is_nan() | column.is_infinite()).fill_null(False), None)
        return column.cast(dtype, strict=False)
    other = "," if mark == "." else "."

    def parse(values: pl.Series) -> pl.Series:
        plain = values.str.replace_all(r"[\s\u00a0\u202f'’]|^[^\d+,.-]{1,3}|[€$£¥]", "")
        plain = plain.str.replace(r"^\+", "")
        grouped = rf"^-?\d{{1,3}}(?:\{other}\d{{3}})+(?:\{mark}\d*)?$"
        plain = pl.select(
            pl.when(plain.str.contains(grouped))
            .then(plain.str.replace_all(other, "", literal=True))
            .otherwise(plain)
        ).to_series()
        if mark == ",":
            plain = plain.set(plain.str.contains(".", literal=True).fill_null(False), None)
            plain = plain.str.replace(",", ".", literal=True)
        plain = plain.set(~plain.str.contains(r"^-?(\d+\.?\d*|\.\d+)$").fill_null(True), None)
        return plain.cast(dtype, strict=False)

    return by_value(column, parse)


def whole(column: pl.Series, mark: str = ".") -> pl.Series:
    """Whole numbers of 32 bits; `3.0` is one, `2.5` is not."""
    if column.dtype.is_integer():
        return column.cast(pl.Int32, strict=False)
    exact = number(column, pl.Decimal(38, 4), mark)
    rounded = exact.cast(pl.Int64, strict=False)
    return rounded.set((rounded != exact).fill_null(False), None).cast(pl.Int32, strict=False)


def flag(column: pl.Series, empty: bool = False) -> pl.Series:
    """True and false from yes/no, true/false, 1/0; `empty` for nothing; null for anything else."""
    if column.dtype == pl.Boolean:
        return column.fill_null(empty)
    said = text(column).str.to_lowercase()
    return pl.select(
        pl.when(said.is_null())
        .then(empty)
        .when(said.is_in(_YES))
        .then(True)
        .when(said.is_in(_NO))
        .then(False)
    ).to_series()


def zone(name: str) -> str:
    """The name of a time zone that exists.

    Raises:
        InvalidInput: there is none of this name.
    """
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError) as error:
        raise InvalidInput(
            f"There is no time zone `{name}`.", "Use a name such as Europe/Berlin or UTC."
        ) from error


def moment(column: pl.Series, timezone: str, formats: tuple[str, ...] = ()) -> pl.Series:
    """Moments in UTC.

    Args:
        column: dates, times with or without zone, or text.
        timezone: where clocks show the times that come without a zone. A time that occurs twice in
            autumn is the earlier one; one that is left out in spring is an hour later.
        formats: of text that is not ISO 8601, tried in this order.
    """
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            return column.dt.convert_time_zone("UTC").cast(MOMENT)
        return by_value(column.cast(pl.Datetime("us")), lambda times: _at(times, timezone))
    if column.dtype == pl.Date:
        return by_value(column, lambda days: _at(days.cast(pl.Datetime("us")), timezone))
    if column.dtype != pl.String:
        return nothing(column.len()).cast(MOMENT)
    return by_value(
        column, lambda values: _parse_moments(values.str.strip_chars(), timezone, formats)
    )


def _parse_moments(values: pl.Series, timezone: str, formats: tuple[str, ...]) -> pl.Series:
    parts = values.str.extract_groups(_ISO).struct.unnest()
    parts.columns = ["date", "time", "seconds", "fraction", "offset"]
    joined = pl.concat_str(
        pl.col("date"),
        pl.lit("T"),
        pl.col("time").fill_null("00:00"),
        pl.col("seconds").fill_null(":00"),
        pl.col("fraction").fill_null(".0").str.replace(",", ".", literal=True),
    )
    naive = parts.select(
        joined.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    )
    found = naive.to_series()
    for one in formats:
        if not found.null_count():
            break
        if "%z" in one:
            aware = values.str.to_datetime(one, time_unit="us", time_zone="UTC", strict=False)
            found = found.zip_with(found.is_not_null(), aware.dt.replace_time_zone(None))
            offset = pl.Series(["Z"] * values.len())
            unknown = parts["offset"].is_null() & aware.is_not_null()
            parts = parts.with_columns(parts["offset"].zip_with(~unknown, offset).alias("offset"))
        elif "%H" in one or "%I" in one:
            found = found.fill_null(values.str.to_datetime(one, time_unit="us", strict=False))
        else:
            days = values.str.to_date(one, strict=False)
            found = found.fill_null(days.cast(pl.Datetime("us")))
    minutes = parts.select(
        pl.when(pl.col("offset").is_in(["Z", "UTC", "GMT"]))
        .then(0)
        .when(pl.col("offset").is_not_null())
        .then(
            (pl.col("offset").str.slice(1, 2).cast(pl.Int32, strict=False) * 60
             + pl.col("offset").str.slice(-2).cast(pl.Int32, strict=False))
            * pl.when(pl.col("offset").str.starts_with("-")).then(-1).otherwise(1)
        )
        .alias("minutes")
    ).to_series()  # fmt: skip
    shift = pl.select(pl.duration(minutes=pl.lit(minutes))).to_series()
    known = (found - shift).dt.replace_time_zone("UTC")
    return known.zip_with(minutes.is_not_null(), _at(found, timezone)).cast(MOMENT)


def _at(naive: pl.Series, timezone: str) -> pl.Series:
    def there(times: pl.Series) -> pl.Series:
        return times.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")

    found = there(naive)
    if found.null_count() > naive.null_count():
        found = found.fill_null(there(naive.dt.offset_by("1h")))
    return found.dt.convert_time_zone("UTC").cast(MOMENT)


def email(column: pl.Series) -> pl.DataFrame:
    """Addresses in lower case: `email` (null where there is no valid one), `invalid` (something was
    written that is none) and `several` (more than one was: the first valid one is taken).
    """
    raw = text(column).str.to_lowercase()

    def parse(values: pl.Series) -> pl.Series:
        inside = values.str.extract(r"<([^<>]*)>$")
        values = inside.fill_null(values.str.replace(r"^mailto:", ""))
        # "ada l@example.com" is a slip and not an address: somebody else would get the mail.
        values = values.set(~values.str.contains(_ADDRESSES).fill_null(True), None)
        found = values.str.extract(rf"(?:^|[\s,;])({_EMAIL})(?:$|[\s,;])")
        bad = found.str.contains(r"^\.|\.\.|\.@") | (found.str.len_chars() > 254)
        return found.set(bad.fill_null(False), None)

    found = by_value(raw, parse)
    return pl.DataFrame(
        {
            "email": found,
            "invalid": raw.is_not_null() & found.is_null(),
            "several": (raw.str.count_matches("@", literal=True) > 1).fill_null(False)
            & found.is_not_null(),
        }
    )
