"""Every row of a file is accounted for: it stands in exactly one place, and the sum is checked.

read = written + unchanged + merged + skipped
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import polars as pl

from kernel.sdk import Frozen, KernelError, clean_text
from plugins.files.mapping import Mapping
from plugins.files.reading import Table

LONGEST_ID = 255
_SCHEMA = {"row": pl.Int64, "reason": pl.String}


class How(Frozen):
    """What the person who imports and the mapping said, put together."""

    mapping: Mapping
    timezone: str
    """Where times without a zone are from."""
    currency: str
    """Of amounts that name none."""
    now: datetime
    until: datetime | None = None
    email_template: str = ""
    consent: str = ""
    consent_source: str = ""
    consent_at: datetime | None = None


class Ledger:
    """The account of one import."""

    def __init__(self, table: Table) -> None:
        self.read = table.rows.height + table.broken.height
        self.written = self.unchanged = self.merged = 0
        self.noticed: Counter[str] = Counter()
        self._skipped = [table.broken.select("row", "reason")]

    def distinct(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows without those that repeat an earlier one in every column we read."""
        columns = [name for name in frame.columns if name != "row"]
        # Hashes find the few rows worth a comparison, which is then exact.
        alike = frame.filter(frame.select(columns).hash_rows().is_duplicated())
        first = alike.unique(columns, keep="first")
        again = alike.join(first, on="row", how="anti")["row"]
        self.merged += again.len()
        return frame.filter(~pl.col("row").is_in(again.implode())) if again.len() else frame

    def skip(self, rows: pl.DataFrame) -> None:
        """Set rows aside; `rows` has row and reason."""
        if rows.height:
            self._skipped.append(rows.select(pl.col("row").cast(pl.Int64), "reason"))

    @property
    def skipped(self) -> pl.DataFrame:
        """Row and reason of all rows set aside, in the order of the file."""
        return pl.concat(self._skipped).cast(_SCHEMA).sort("row")  # type: ignore[arg-type]

    def notice(self, name: str, count: int) -> None:
        """A fact worth telling; nothing is told of none."""
        if count:
            self.noticed[name] += count

    def words(self, column: pl.Series, longest: int) -> pl.Series:
        """Texts without control characters and not longer than `longest`, both of which is noticed;
        empty where there is none.
        """
        column = column.fill_null("")
        told = column.unique()
        clean = clean_text(told)
        cut = clean.str.slice(0, longest)
        if (cut == told).all():
            return column
        words = pl.DataFrame({"told": told, "clean": clean, "cut": cut})
        both = column.to_frame("told").join(words, on="told", how="left", maintain_order="left")
        self.notice(
            "control_characters_removed", both.filter(pl.col("told") != pl.col("clean")).height
        )
        self.notice("long_text_cut", both.filter(pl.col("cut") != pl.col("clean")).height)
        return both["cut"]

    def close(self) -> None:
        """Checks the law.

        Raises:
            KernelError: the numbers do not add up, which is a fault of ours; nothing is committed.
        """
        skipped = self.skipped.height
        if self.read != self.written + self.unchanged + self.merged + skipped:
            raise KernelError(
                f"Rows were lost count of: {self.read} read, {self.written} written, "
                f"{self.unchanged} unchanged, {self.merged} merged, {skipped} skipped.",
                "Nothing was imported. Please report this with the file's header.",
                code="internal",
            )


def first_reason(frame: pl.DataFrame, faults: dict[str, pl.Series]) -> pl.DataFrame:
    """`frame` with the column `reason`: the first fault of a row, null where there is none."""
    tests = [
        pl.when(pl.lit(mask.fill_null(False))).then(pl.lit(reason))
        for reason, mask in faults.items()
        if mask.any()
    ]
    return frame.with_columns(reason=pl.coalesce(tests) if tests else pl.lit(None, dtype=pl.String))
