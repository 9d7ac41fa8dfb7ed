"""`mailwright import …` and `mailwright export`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from kernel.sdk import InvalidInput, NotFound, new_id

_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])
_STATES = ("subscribed", "unsubscribed", "pending", "never")


@click.group("import")
def import_() -> None:
    """Read a shop's history in: orders, customers or products, from CSV, Parquet or JSON Lines.

    All of a file or nothing is read in, and the same file twice changes nothing. docs/import.md
    describes columns, presets and every count of the report.
    """


def _import(kind: str, options: Callable[[Any], Any], text: str) -> None:
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--tenant", required=True, help="The tenant's id.")
    @click.option(
        "--preset", default="", help="shopify, online-retail or canonical [by the header]."
    )
    @click.option("--mapping", type=click.Path(path_type=Path), help="TOML: which column is which.")
    @click.option("--rejects", type=click.Path(path_type=Path), help="Where skipped rows go.")
    @click.option("--dry-run", is_flag=True, help="Do everything, then keep nothing.")
    @click.option("--timezone", default="", help="Of times without a zone [the tenant's].")
    @click.option("--currency", default="", help="Of amounts that name none [the tenant's].")
    @click.option("--encoding", default="", help="Of text [found out].")
    @click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
    @options
    @click.pass_obj
    def run(program: Any, /, file: Path, tenant: str, as_json: bool, **given: Any) -> None:
        _run(program, kind, file, tenant, as_json, given)

    import_.command(kind, help=text)(run)


def _trial(function: Any) -> Any:
    """Options for data without addresses or consent: trials and research data."""
    for option in (
        click.option("--consent-at", type=_MOMENT, help="When it was so, where no date is told."),
        click.option("--consent-source", default="", help="Where and how they gave it."),
        click.option("--consent", default="", type=click.Choice(("", *_STATES)),
                     help="Of everyone for whom the file says nothing."),
        click.option("--email-template", default="",
                     help="For customers without one: customer-{customer_id}@example.com."),
    ):  # fmt: skip
        function = option(function)
    return function


def _orders(function: Any) -> Any:
    text = "Skip orders after this moment (UTC)."
    return click.option("--until", type=_MOMENT, help=text)(_trial(function))


_import("orders", _orders, "Orders with their lines; customers they name are made known.")
_import("customers", _trial, "Customers, with what the file says of their consent.")
_import("products", lambda function: function, "Products, one for each SKU.")


def _run(
    program: Any, kind: str, file: Path, tenant: str, as_json: bool, given: dict[str, Any]
) -> None:
    from rich.console import Console

    from plugins.files.importing import Options
    from plugins.files.report import show

    folder = program.settings.data_dir / "imports"
    given["rejects"] = given["rejects"] or folder / f"{tenant}-{kind}-{new_id()}.rejects.jsonl"
    for name in ("until", "consent_at"):
        given[name] = _utc(given.get(name))
    options = Options(**{name: value for name, value in given.items() if value is not None})
    report = program.run(lambda core: _import_into(core, kind, file, tenant, options))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(report).decode())
    else:
        show(report, Console())


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


class _DryRun(Exception):
    """Rolls the transaction back."""

    def __init__(self, report: Any) -> None:
        self.report = report


async def _import_into(core: Any, kind: str, file: Path, tenant: str, options: Any) -> Any:
    from plugins.files.importing import STEPS, import_file

    with _progress() as progress:
        bar = progress.add_task(f"{kind}: reading", total=len(STEPS))

        def told(step: str) -> None:
            progress.update(bar, description=f"{kind}: {step}", completed=STEPS.index(step))

        try:
            async with core.tenant_scope(tenant, actor="import") as ctx:
                if "files" not in ctx.enabled:
                    raise NotFound(
                        f"The tenant `{tenant}` has not enabled the plugin `files`.",
                        "Add it to [plugins] in its tenant.toml, then run `mailwright tenants apply`.",
                    )
                report = await import_file(ctx, kind, file, options, told)
                if options.dry_run:
                    raise _DryRun(report)
        except _DryRun as dry:
            report = dry.report
        progress.update(bar, completed=len(STEPS))
    return report


def _progress() -> Any:
    """A bar on standard error, where only people see it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty())


@click.command("export")
@click.option("--tenant", required=True, help="The tenant's id.")
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path), help="A new folder."
)
@click.option("--format", "form", default="csv", type=click.Choice(("csv", "parquet", "jsonl")))
@click.option("--json", "as_json", is_flag=True, help="Print how many rows each file has, as JSON.")
@click.pass_obj
def export(program: Any, tenant: str, folder: Path, form: str, as_json: bool) -> None:
    """Give a tenant everything back: all its data as files, with a README of their columns."""
    counts = program.run(lambda core: _export_from(core, tenant, folder, form))
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(counts).decode())
        return
    for name, count in counts.items():
        click.echo(f"{count:>12,}  {name}")
    click.echo(f"written to {folder}; its README.md describes the columns")


async def _export_from(core: Any, tenant: str, folder: Path, form: str) -> dict[str, int]:
    from plugins.files.exporting import export_tenant

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is not empty.", "Give a new or empty folder.")
    own = {
        table: name
        for name, plugin in core.board.plugins.items()
        for table in plugin.manifest.tables
    }
    with _progress() as progress:
        bar = progress.add_task("export", total=None)

        def told(name: str, done: int, total: int) -> None:
            progress.update(bar, description=name, completed=done, total=total)

        # A tenant's data is the tenant's: this works whatever plugins it has enabled.
        async with core.tenant_scope(tenant, actor="export") as ctx:
            return await export_tenant(ctx, folder, form, own, told)
