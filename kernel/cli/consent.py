"""`mailwright consent …`: prove that the consent ledger is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.profiles.consent_verify import Report
    from kernel.tenancy.core import Core

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """The consent ledger: verify it, export it signed, and verify it against an export."""


@command.command()
@click.argument("tenant")
@click.option("--against", type=FILE, help="An earlier export; finds rewritten and cut-off chains.")
@pass_program
def verify(program: Program, tenant: str, against: Path | None) -> int:
    """Walk the whole ledger of TENANT. Exits 1 when anything was tampered with, and names the row."""
    return _tell(tenant, program.run(lambda core: _verify(core, tenant, against)))


@command.command()
@click.argument("tenant")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--head-only", is_flag=True, help="The signed head, without the entries.")
@pass_program
def export(program: Program, tenant: str, out: Path, head_only: bool) -> int:
    """Write a signed export of TENANT's ledger. No personal data is in it. Keep it elsewhere."""
    lines = program.run(lambda core: _export(core, tenant, out, head_only))
    if not lines:
        click.echo(f"{tenant}: the ledger is empty")
        return 0
    click.echo(f"{out}: the head and {lines - 1:,} entries, signed")
    return 0


@command.command()
@pass_program
def key(program: Program) -> None:
    """Print the public key that exports of this installation are signed with."""
    from kernel.profiles.consent_anchor import public_key

    click.echo(public_key(program.settings.secret))


@command.command()
@click.argument("file", type=FILE)
@click.option("--key", "key_", required=True, help="What `mailwright consent key` printed.")
def check(file: Path, key_: str) -> int:
    """Check the export FILE by itself: its signature and its chain. Needs no database."""
    from kernel.profiles.consent_verify import check as checked

    head, report = checked(file, key_)
    return _tell(head.tenant, report)


async def _verify(core: Core, tenant: str, against: Path | None) -> Report:
    from kernel.contracts.errors import InvalidInput
    from kernel.profiles.consent_anchor import genuine, read_export
    from kernel.profiles.consent_verify import verify

    def progress(done: int) -> None:
        click.echo(f"\r{done:,} entries", nl=False, err=True)

    async with core.tenant_scope(tenant) as ctx:
        export = read_export(against) if against else None
        if export and not genuine(ctx, export[0]):
            raise InvalidInput(
                f"{against} was not signed by this installation for {tenant}.",
                "Give an export of this tenant; if MAILWRIGHT_SECRET was changed since, add the former "
                "one to MAILWRIGHT_OLD_SECRETS.",
            )
        report = await verify(ctx, export, progress)
    if report.entries:
        click.echo(err=True)
    return report


async def _export(core: Core, tenant: str, out: Path, head_only: bool) -> int:
    from kernel.profiles.consent_anchor import export

    lines = 0
    async with core.tenant_scope(tenant) as ctx:
        with out.open("wb") as file:
            async for part in export(ctx, entries=not head_only):
                file.write(part)
                lines += part.count(b"\n")
    return lines


def _tell(tenant: str, report: Report) -> int:
    for finding in report.findings:
        click.echo(f"row {finding.seq:,}: {finding.problem}")
    if report.more:
        click.echo(f"and {report.more:,} more")
    for note in report.notes:
        click.echo(f"note: {note}")
    if report.sound:
        signed = f", agrees with signed heads: {report.anchors:,}" if report.anchors else ""
        click.echo(f"{tenant}: {report.entries:,} entries, unbroken{signed}")
        click.echo(f"head: {report.hash}")
        return 0
    click.echo(f"{tenant}: TAMPERED WITH ({report.entries:,} entries)", err=True)
    return 1
