"""`mailwright plugins …`: what is installed, what is wrong with it, and a start for your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.plugboard.parts import Plugin
    from kernel.tenancy.core import Core


@click.group()
def command() -> None:
    """Plugins: list, show, check, and write a new one."""


@command.command("list")
@click.option("--tenant", default="", help="Also say which are on for this tenant.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_program
def list_(program: Program, tenant: str, as_json: bool) -> int:
    """The installed plugins, in the order in which they answer."""
    import msgspec

    from kernel.plugboard.board import try_plugboard

    # Those that are right are shown even if others are not.
    board, problems = try_plugboard(program.settings.mandatory_plugins)
    enabled = program.run(lambda core: _enabled(core, tenant)) if tenant else None
    rows = [_facts(plugin, enabled) for plugin in board.plugins.values()]
    if as_json:
        click.echo(
            msgspec.json.format(msgspec.json.encode({"plugins": rows, "problems": problems}))
        )
        return int(bool(problems))
    columns = ["name", "version", "kind", "mandatory", "hooks", "title"]
    _table([*columns, *(["on"] if tenant else [])], rows)
    return _tell(problems)


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_program
def show(program: Program, name: str, as_json: bool) -> int:
    """What one plugin is: its facts, hooks and settings."""
    import msgspec

    from kernel.contracts.errors import NotFound
    from kernel.plugboard.describe import settings_rows
    from kernel.plugboard.plans import POLICIES

    plugin = program.board.plugins.get(name)
    if plugin is None:
        raise NotFound(
            f"No plugin `{name}` is installed.", f"Installed: {', '.join(program.board.plugins)}."
        )
    settings = [msgspec.to_builtins(row) for row in settings_rows(plugin.manifest.settings)]
    facts = _facts(plugin)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({**facts, "settings": settings})))
        return 0
    click.secho(f"{plugin.manifest.title} ({name} {plugin.manifest.version})", bold=True)
    click.echo(plugin.manifest.summary + "\n")
    for fact in ("kind", "distribution", "requires", "after", "order", "tables", "personal data"):
        click.echo(f"  {fact:<14} {_cell(facts[fact.replace(' ', '_')]) or 'none'}")
    click.echo("\nHooks")
    for hook in plugin.hooks:
        click.echo(f"  {hook:<18} {POLICIES[hook].name}")
    click.echo(f"\nSettings, under [plugins.{name}] in tenant.toml")
    if settings:
        _table(["name", "type", "default", "description"], settings)
    else:
        click.echo("  none")
    return 0


@command.command()
@click.argument("target", default="")
@pass_program
def check(program: Program, target: str) -> int:
    """Every problem of every plugin, or of TARGET: an installed plugin, or a folder with one."""
    from kernel.plugboard.checking import check_folder, check_installed

    if target and (Path(target).is_dir() or "/" in target):
        problems = check_folder(Path(target))
    else:
        problems = check_installed(program.settings.mandatory_plugins, target or None)
    if not problems:
        click.echo(f"{target or 'All plugins'}: no problem found.")
    return _tell(problems)


@command.command()
@click.argument("name")
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), help="Where to (default: ./NAME)."
)
def new(name: str, folder: Path | None) -> int:
    """Write a working plugin package NAME, with its test."""
    from kernel.plugboard.skeleton import write_skeleton

    folder = folder or Path(name)
    for path in write_skeleton(name, folder):
        click.echo(path)
    click.echo(f"\nNext: `cd {folder}`, `uv sync`, `uv run pytest`. See docs/writing-plugins.md.")
    return 0


def _facts(plugin: Plugin, enabled: frozenset[str] | None = None) -> dict[str, Any]:
    manifest = plugin.manifest
    facts = {
        "name": plugin.name,
        "version": manifest.version,
        "kind": manifest.kind,
        "mandatory": plugin.mandatory,
        "hooks": plugin.hooks,
        "title": manifest.title,
        "summary": manifest.summary,
        "distribution": plugin.distribution,
        "requires": manifest.requires,
        "after": manifest.after,
        "order": manifest.order,
        "tables": manifest.tables,
        "personal_data": manifest.personal_data,
    }
    return facts if enabled is None else facts | {"on": plugin.name in enabled}


async def _enabled(core: Core, tenant: str) -> frozenset[str]:
    async with core.tenant_scope(tenant) as ctx:
        return ctx.enabled


def _table(columns: list[str], rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        table.add_row(*(_cell(row[column]) for column in columns))
    Console(highlight=False).print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(", ".join(value) if isinstance(value, tuple) else str(value))


def _tell(problems: list[str]) -> int:
    for problem in problems:
        click.echo(f"{click.style('problem', fg='red')}: {problem}", err=True)
    return int(bool(problems))
