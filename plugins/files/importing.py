"""One import, from the file to the committed transaction. All or nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from kernel.sdk import (
    Context,
    Frozen,
    InvalidInput,
    canonical,
    finish_import,
    merge_customers,
    merge_orders,
    merge_products,
)
from plugins.files import values
from plugins.files.customers import read_customers, read_products
from plugins.files.ledger import How, Ledger
from plugins.files.mapping import Chosen, Mapping, choose, load_mapping, merge
from plugins.files.orders import Orders, read_orders
from plugins.files.people import check_template
from plugins.files.presets import Preset, preset
from plugins.files.reading import Table, read_table
from plugins.files.report import Report

SOURCE = "files"
STEPS = ("reading", "checking", "writing", "committing")
Told = Callable[[str], Any]


class Options(Frozen):
    """What the person who imports asked for."""

    preset: str = ""
    mapping: Path | None = None
    currency: str = ""
    timezone: str = ""
    encoding: str = ""
    until: datetime | None = None
    email_template: str = ""
    consent: str = ""
    consent_source: str = ""
    consent_at: datetime | None = None
    rejects: Path | None = None
    dry_run: bool = False


async def import_file(
    ctx: Context, kind: str, path: Path, options: Options, told: Told = lambda step: None
) -> Report:
    """The report of the import of `path` into the tenant, in the transaction of `ctx`.

    Args:
        ctx: the tenant, whose transaction the caller commits, or rolls back in a dry run.
        kind: orders, customers or products.
        path: the file.
        options: see Options.
        told: called with each of STEPS as it begins.

    Raises:
        InvalidInput: the file, the mapping or an option is wrong; nothing was written.
    """
    began = time.perf_counter()
    _check(options)
    own = load_mapping(options.mapping) if options.mapping else Mapping()
    told("reading")
    table = await asyncio.to_thread(read_table, path, options.encoding)
    chosen_preset = preset(options.preset, kind, table.columns)
    how = _how(ctx, options, merge(chosen_preset.mapping, own))
    told("checking")
    ledger = Ledger(table)
    read, chosen = await asyncio.to_thread(_checked, kind, table, chosen_preset, how, ledger)
    skipped = ledger.skipped
    rejects = await asyncio.to_thread(_write_rejects, table, skipped, options.rejects)
    sha256, said = table.sha256, table.how
    del table  # a million rows of text, which are not needed any more
    told("writing")
    done = await _WRITE[kind](ctx, read, how, ledger)
    ledger.close()
    report = Report(
        kind=kind,
        file=path.name,
        sha256=sha256,
        tenant=ctx.tenant.id,
        preset=chosen_preset.name,
        how=said,
        columns={name.removeprefix("_"): column for name, column in chosen.used.items()},
        ignored_columns=chosen.ignored,
        rows={
            "read": ledger.read,
            "written": ledger.written,
            "unchanged": ledger.unchanged,
            "merged": ledger.merged,
            "skipped": skipped.height,
        },
        skipped=dict(skipped["reason"].value_counts(sort=True).rows()),
        done=done,
        noticed=dict(ledger.noticed),
        seconds=round(time.perf_counter() - began, 3),
        dry_run=options.dry_run,
        rejects_file=str(rejects or ""),
    )
    if not options.dry_run:
        await finish_import(ctx, kind, path.name, sha256, ledger.written, report.counts())
    told("committing")
    return report


def _checked(
    kind: str, table: Table, chosen_preset: Preset, how: How, ledger: Ledger
) -> tuple[Any, Chosen]:
    """Canonical frames of what can be taken, and which column became which."""
    frame, chosen = choose(kind, table, how.mapping)
    if chosen_preset.finish is not None:
        frame = chosen_preset.finish(frame)
    frame = frame.drop(name for name in frame.columns if name.startswith("_"))
    return _READ[kind](frame, how, ledger), chosen


def _check(options: Options) -> None:
    if options.email_template:
        check_template(options.email_template)
    if options.consent and not options.consent_source:
        raise InvalidInput(
            "Consent needs its evidence.", "Say with --consent-source where and how they gave it."
        )


def _how(ctx: Context, options: Options, mapping: Mapping) -> How:
    template = options.email_template or mapping.email_template
    if template:
        check_template(template)
    return How(
        mapping=mapping,
        timezone=values.zone(options.timezone or mapping.timezone or ctx.tenant.timezone),
        currency=options.currency or mapping.currency or ctx.tenant.currency,
        now=ctx.now,
        until=options.until,
        email_template=template,
        consent=options.consent,
        consent_source=options.consent_source,
        consent_at=options.consent_at,
    )


# --- the three kinds -----------------------------------------------------------------------------


async def _orders(ctx: Context, read: Orders, how: How, ledger: Ledger) -> dict[str, int]:
    orders = read.orders.with_columns(source=pl.lit(SOURCE))
    merged = await merge_orders(ctx, orders, read.lines)
    what = merged.outcome.select("external_id", "what")
    # A refund is told by the rows of its order: when either was written, these rows were.
    rows = (
        read.size.join(what, on="external_id")
        .group_by("parent")
        .agg(pl.col("rows").sum(), wrote=(pl.col("what") != "unchanged").any())
    )
    ledger.written = int(rows.filter(pl.col("wrote"))["rows"].sum())
    ledger.unchanged = int(rows.filter(~pl.col("wrote"))["rows"].sum())
    for name, count in merged.noticed.items():
        ledger.notice(name, count)
    counts = dict(what["what"].value_counts().rows())
    done = {f"orders_{n}": counts.get(n, 0) for n in ("created", "changed", "unchanged")}
    done["customers_created"] = len(merged.new_customers)
    if how.consent:
        done["consent_written"] = await _say_consent(ctx, read.orders, how)
    return done


async def _say_consent(ctx: Context, orders: pl.DataFrame, how: How) -> int:
    """The word of the person who imports, for every customer whom the file names."""
    people = orders.filter((pl.col("customer") != "") | pl.col("email").is_not_null())
    by_id = pl.col("customer") != ""
    people = people.select(pl.when(~by_id).then("email").alias("email"), external_id="customer")
    people = people.unique().sort("external_id", "email")
    said = people.with_columns(
        pl.lit(how.consent).alias("consent"),
        pl.lit(how.consent_source).alias("consent_source"),
        pl.lit(how.consent_at, dtype=values.MOMENT).alias("consent_at"),
    )
    return (await merge_customers(ctx, said)).changed


async def _customers(ctx: Context, read: pl.DataFrame, how: How, ledger: Ledger) -> dict[str, int]:
    return _count(await merge_customers(ctx, read.with_columns(source=pl.lit(SOURCE))), ledger)


async def _products(ctx: Context, read: pl.DataFrame, how: How, ledger: Ledger) -> dict[str, int]:
    return _count(await merge_products(ctx, read.with_columns(source=pl.lit(SOURCE))), ledger)


def _count(counts: Any, ledger: Ledger) -> dict[str, int]:
    ledger.written = counts.created + counts.changed
    ledger.unchanged = counts.unchanged
    ledger.merged += counts.merged
    for name, count in counts.noticed.items():
        ledger.notice(name, count)
    return {"created": counts.created, "changed": counts.changed, "unchanged": counts.unchanged}


_READ: dict[str, Any] = {
    "orders": read_orders,
    "customers": read_customers,
    "products": read_products,
}
_WRITE: dict[str, Any] = {"orders": _orders, "customers": _customers, "products": _products}


# --- what was skipped ----------------------------------------------------------------------------


def _write_rejects(table: Table, skipped: pl.DataFrame, path: Path | None) -> Path | None:
    """The skipped rows as JSON Lines, with their number and reason, readable by the owner alone."""
    if path is None or not skipped.height:
        return None
    texts = table.broken.select("row", "text")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        for part in skipped.iter_slices(50_000):
            rows = part.join(table.rows, on="row", how="left", maintain_order="left")
            rows = rows.join(texts, on="row", how="left", maintain_order="left")
            for values_ in rows.iter_rows(named=True):
                row, reason, text = (values_.pop(n) for n in ("row", "reason", "text"))
                record = {
                    "row": row,
                    "reason": reason,
                    "data": text if text is not None else values_,
                }
                file.write(canonical(record) + b"\n")
    return path
