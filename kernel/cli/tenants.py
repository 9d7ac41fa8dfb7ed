"""`mailwright tenants …`: resellers and shops, from files to the database, and their stop."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Any

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.difference import Change, Plan

_MARKS = {
    "added": ("+", "green"),
    "changed": ("~", "yellow"),
    "removed": ("-", "red"),
    "drifted": ("!", "magenta"),
    "not in the files": ("?", "cyan"),
}
as_json = click.option("--json", "json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Resellers and tenants: what the files say, what the database says, and the stop."""


@command.command()
@click.option("--check", is_flag=True, help="Exit 2 when `apply` would change something.")
@as_json
@pass_program
def plan(program: Program, check: bool, json: bool) -> int:
    """Show how files and database differ; change nothing."""
    from kernel.mail import overrides
    from kernel.tenancy import sync

    folder = program.settings.tenants_dir
    found = program.run(lambda core: sync.plan(core, folder, overrides.check))
    if json:
        print_json(found)
    else:
        print_plan(found)
        if found.pending:
            click.echo("Run `mailwright tenants apply` to make it so.")
    return 2 if check and found.pending else 0


@command.command()
@as_json
@pass_program
def apply(program: Program, json: bool) -> int:
    """Make the database say what the files say. Run again, it changes nothing."""
    from kernel.mail import overrides
    from kernel.tenancy import sync

    folder = program.settings.tenants_dir
    found = program.run(lambda core: sync.apply(core, folder, actor(), overrides.check))
    if json:
        print_json(found)
    else:
        print_plan(found)
        if found.pending:
            click.echo(f"{len(found.pending)} changes made.")
    return 0


@command.command("list")
@as_json
@pass_program
def list_(program: Program, json: bool) -> int:
    """All tenants of this installation."""
    rows = program.run(_all)
    if json:
        print_json(rows)
        return 0
    for row in rows:
        state = click.style("stopped", fg="red") if row["halted_at"] else "running"
        plugins = ", ".join(row["plugins"]) or "none"
        click.echo(f"{click.style(row['tenant'], bold=True)}  {row['name']}  ({row['reseller']})")
        click.echo(f"    {state} · {row['timezone']} · {row['currency']} · plugins: {plugins}")
    if not rows:
        click.echo(
            "No tenants yet. Commit a file (docs/tenants.md), then `mailwright tenants apply`."
        )
    return 0


@command.command()
@click.argument("tenant")
@as_json
@pass_program
def show(program: Program, tenant: str, json: bool) -> int:
    """One tenant: its facts, what fails there, and what was last changed."""
    found = program.run(lambda core: _one(core, tenant))
    if json:
        print_json(found)
        return 0
    for name, value in found["tenant"].items():
        if name != "plugins" and value not in ("", None):
            click.echo(f"{name:>16}  {_short(value)}")
    for name in found["enabled"]:
        click.echo(f"{'plugin':>16}  {name}  {_short(found['tenant']['plugins'].get(name) or '')}")
    for row in found["health"]:
        text = f"{row['plugin']}: {row['what']}: {row['error']} ({row['times']}×)"
        click.echo(f"{click.style('fails', fg='red'):>25}  {text}")
    for row in found["audit"]:
        click.echo(
            f"{row['at']:%Y-%m-%d %H:%M}  {row['actor']}  {row['action']}  {row['subject']}".rstrip()
        )
    return 0


@command.command()
@click.argument("tenant")
@click.option("--reason", required=True, help="Why, in a few words; the merchant sees it.")
@pass_program
def halt(program: Program, tenant: str, reason: str) -> int:
    """Stop all sending of a tenant at the next message."""
    from kernel.tenancy import switches

    async def work(core: Core) -> bool:
        async with core.tenant_scope(tenant, actor()) as ctx:
            return await switches.halt_tenant(ctx, reason)

    changed = program.run(work)
    click.echo(f"{tenant} is stopped." if changed else f"{tenant} was stopped already.")
    return 0


@command.command()
@click.argument("tenant")
@pass_program
def resume(program: Program, tenant: str) -> int:
    """Let a tenant send again."""
    from kernel.tenancy import switches

    async def work(core: Core) -> bool:
        async with core.tenant_scope(tenant, actor()) as ctx:
            return await switches.resume_tenant(ctx)

    changed = program.run(work)
    click.echo(f"{tenant} may send again." if changed else f"{tenant} was not stopped.")
    return 0


@command.command("halt-all")
@click.option("--reason", required=True, help="Why, in a few words; every merchant sees it.")
@pass_program
def halt_all(program: Program, reason: str) -> int:
    """Stop all sending of all tenants at the next message."""
    from kernel.tenancy import switches

    changed = program.run(lambda core: switches.halt_everything(core, actor(), reason))
    click.echo("Everything is stopped." if changed else "Everything was stopped already.")
    return 0


@command.command("resume-all")
@pass_program
def resume_all(program: Program) -> int:
    """Let everybody send again, but for tenants stopped by themselves."""
    from kernel.tenancy import switches

    changed = program.run(lambda core: switches.resume_everything(core, actor()))
    click.echo("Sending goes on." if changed else "Nothing was stopped.")
    return 0


def actor() -> str:
    """Who runs the command, for the audit trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "cli"


def print_json(value: Any) -> None:
    """Print `value` as JSON, indented."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_plan(found: Plan) -> None:
    """The differences, grouped by reseller and tenant."""
    owner = ("", "")
    for change in found.changes:
        if owner != (change.reseller, change.tenant):
            owner = (change.reseller, change.tenant)
            click.secho("/".join(filter(None, owner)), bold=True)
        click.echo(f"  {_line(change)}")
    if not found.changes:
        click.echo("Files and database say the same.")


def _line(change: Change) -> str:
    mark, colour = _MARKS[change.what]
    if not change.field:
        said = "new" if change.what == "added" else "only in the database; never deleted by itself"
        return click.style(f"{mark} {said}", fg=colour)
    if change.old is None:
        values = _short(change.new)
    else:
        values = f"{_short(change.old)} -> {_short(change.new)}"
    by = f"  (changed by {change.by})" if change.by else ""
    return f"{click.style(f'{mark} {change.field}', fg=colour)}: {values}{by}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else _plain(value)
    text = " / ".join(str(text).split("\n"))
    return text if len(text) <= 70 else f"{text[:67]}…"


def _plain(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


async def _all(core: Core) -> list[dict[str, Any]]:
    async with core.system_scope("tenants list") as unit:
        rows = await unit.fetch(
            """SELECT t.tenant_id AS tenant, t.reseller_id AS reseller, t.name, t.timezone, t.currency,
                 t.halted_at, t.halted_reason, array(SELECT p.plugin FROM tenancy_plugin p
                   WHERE p.tenant_id = t.tenant_id AND p.enabled) AS chosen
               FROM tenancy_tenant t ORDER BY t.reseller_id, t.tenant_id"""
        )
    found = [dict(row) for row in rows]
    return [{**row, "plugins": sorted(core.board.enabled(row.pop("chosen")))} for row in found]


async def _one(core: Core, tenant: str) -> dict[str, Any]:
    import msgspec

    from kernel.tenancy import audit, health

    async with core.tenant_scope(tenant, actor()) as ctx:
        return {
            "tenant": msgspec.structs.asdict(ctx.tenant),
            "enabled": sorted(ctx.enabled),
            "health": (await health.page(ctx, limit=20)).rows,
            "audit": (await audit.page(ctx, limit=20)).rows,
        }
