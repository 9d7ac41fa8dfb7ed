"""What an import says at its end: to people as a table, to programs as JSON, to the tenant's history."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table as RichTable

from kernel.sdk import Frozen

_WORDS = {
    "no_order_id": "no order id",
    "id_too_long": "an id longer than 255 bytes",
    "bad_date": "a date that cannot be read (see --mapping, date_formats)",
    "no_date": "an order without a date",
    "absurd_date": "a date before 1990",
    "future_date": "a date in the future",
    "after_until": "after --until",
    "order_has_bad_row": "another row of the same order was skipped",
    "unreadable_row": "not readable at all",
    "too_many_fields": "more fields than columns",
    "no_id_and_no_email": "neither id nor e-mail address",
    "no_sku": "no SKU (in Shopify's exports: a further picture of a product)",
    "incomplete_line": "a quantity without a price, or the other way round",
    "no_amount": "neither an amount nor lines",
}


class Report(Frozen):
    """The counts of one import. Holds nothing personal: it is kept."""

    kind: str
    file: str
    sha256: str
    tenant: str
    preset: str
    how: str
    columns: dict[str, str]
    ignored_columns: tuple[str, ...]
    rows: dict[str, int]
    """read = written + unchanged + merged + skipped."""
    skipped: dict[str, int]
    """Reason -> rows."""
    done: dict[str, int]
    """What became of orders, customers or products."""
    noticed: dict[str, int]
    seconds: float
    dry_run: bool = False
    rejects_file: str = ""

    def counts(self) -> dict[str, Any]:
        """What is kept in the tenant's history of imports."""
        return msgspec.to_builtins(msgspec.structs.replace(self, rejects_file=""))


def show(report: Report, console: Console) -> None:
    """Print the report as people read it."""
    title = f"{report.kind} from {report.file} for {report.tenant}"
    table = RichTable(title=title + (" (dry run: nothing was kept)" if report.dry_run else ""))
    table.add_column("")
    table.add_column("", justify="right")

    def section(name: str, counts: dict[str, int], words: dict[str, str] | None = None) -> None:
        if counts:
            table.add_section()
            table.add_row(f"[bold]{name}", "")
            for key, count in counts.items():
                table.add_row(f"  {(words or {}).get(key, key.replace('_', ' '))}", f"{count:,}")

    section("rows", report.rows)
    section("skipped because of", report.skipped, _WORDS)
    section("done", report.done)
    section("noticed", report.noticed)
    console.print(table)
    console.print(f"{report.how}; preset {report.preset}; {report.seconds:.1f} s", highlight=False)
    if report.ignored_columns:
        names = ", ".join(name[:40] for name in report.ignored_columns[:20])
        more = len(report.ignored_columns) - 20
        console.print(
            f"columns not used: {names}{f' and {more} more' if more > 0 else ''}", markup=False
        )
    if report.rejects_file:
        console.print(f"skipped rows: {report.rejects_file}", markup=False, highlight=False)
