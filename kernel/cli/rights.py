"""`mailwright rights`: what customers ask for by law, and answering it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from kernel.cli.program import Program, pass_program
from kernel.cli.tenants import actor, as_json, print_json

if TYPE_CHECKING:
    from kernel.profiles.requests import Request
    from kernel.profiles.rights import CustomerExport
    from kernel.tenancy.core import Core


@click.group()
def command() -> None:
    """What customers asked for: a copy of their data, or to be forgotten."""


@command.command("list")
@click.argument("tenant")
@as_json
@pass_program
def listing(program: Program, tenant: str, json: bool) -> int:
    """Show the requests of TENANT that still wait, the most urgent first."""

    async def work(core: Core) -> tuple[list[Request], list[bool]]:
        from kernel.profiles import requests

        async with core.tenant_scope(tenant, actor=actor()) as ctx:
            found = list(await requests.open_ones(ctx))
            return found, [one.late(ctx.now) for one in found]

    found, late = program.run(work)
    if json:
        print_json(found)
        return 0
    if not found:
        click.echo("Nobody waits for an answer.")
    for one, over in zip(found, late, strict=True):
        due = f"{'was due' if over else 'due'} {one.due_at:%Y-%m-%d}"
        click.echo(f"{one.id:>6}  {one.kind:6}  customer {one.customer_id}  {due}")
    return 1 if any(late) else 0


@command.command()
@click.argument("tenant")
@click.argument("customer", type=int)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File for the copy.")
@pass_program
def export(program: Program, tenant: str, customer: int, out: Path) -> int:
    """Write a copy of all that is kept about CUSTOMER (their id) of TENANT to a file."""

    async def work(core: Core) -> tuple[Request, CustomerExport]:
        from kernel.profiles import requests

        async with core.tenant_scope(tenant, actor=actor()) as ctx:
            asked = await requests.ask(ctx, customer, "export", "command line")
            return await requests.copy(ctx, asked.id)

    request, found = program.run(work)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2))
    out.chmod(0o600)
    click.echo(f"{out}: {sum(request.receipt['rows'].values())} rows. It is personal data.")
    return _failed(request)


@command.command()
@click.argument("tenant")
@click.argument("customer", type=int)
@click.option("--yes", is_flag=True, help="Do not ask. It cannot be undone.")
@as_json
@pass_program
def erase(program: Program, tenant: str, customer: int, yes: bool, json: bool) -> int:
    """Forget CUSTOMER (their id) of TENANT, everywhere, and print the receipt."""
    if not yes:
        click.confirm(f"Forget customer {customer} of {tenant}? This cannot be undone.", abort=True)

    async def work(core: Core) -> Request:
        from kernel.profiles import requests

        async with core.tenant_scope(tenant, actor=actor()) as ctx:
            asked = await requests.ask(ctx, customer, "erase", "command line")
            return await requests.erase(ctx, asked.id)

    request = program.run(work)
    if json:
        print_json(request.receipt)
        return _failed(request)
    for name, rows in request.receipt["rows"].items():
        click.echo(f"{name}: {rows} rows removed or emptied")
    for kept in request.receipt["kept"]:
        click.echo(f"kept: {kept}")
    return _failed(request)


def _failed(request: Request) -> int:
    failed = request.receipt["failed"]
    if failed:
        click.echo(
            f"Not complete: {', '.join(failed)} could not answer. It is tried again every day.",
            err=True,
        )
    return 1 if failed else 0
